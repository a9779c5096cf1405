// Package codectest runs a codec module through the raw calling convention of the ABI, with nothing of a host around it:
// no fetching, no policy, no limits. It is for testing codecs.
//
// Start with [Open]; [Codec.Decode] and [Codec.Encode] speak datamodel.Node, and the methods that end in Table speak token
// tables.
package codectest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/datamodel"
	cidlink "github.com/ipld/go-ipld-prime/linking/cid"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host/engine"
	"github.com/iprt/iprt/host/ipldbind/table"
)

// Codec is one instance of a codec module. It belongs to one goroutine at a time.
type Codec struct {
	instance    engine.Instance
	alloc       engine.Func
	calls       map[string]engine.Func
	errorRecord uint32
}

// Error is a failure that the guest reported.
type Error struct {
	Call   string
	Status abi.Status
	Text   string
}

func (e *Error) Error() string { return fmt.Sprintf("%s: %v: %s", e.Call, e.Status, e.Text) }

// Open compiles and starts a codec module that imports nothing. maxMemory caps its memory in bytes, 0 leaves what it
// declares. It ends with the engine.
func Open(ctx context.Context, e engine.Engine, wasm []byte, maxMemory uint64) (*Codec, error) {
	code, err := e.Compile(ctx, wasm, nil)
	if err != nil {
		return nil, err
	}
	i, err := code.Instantiate(ctx, engine.InstanceOptions{MaxMemoryBytes: maxMemory})
	if err != nil {
		return nil, err
	}
	c := &Codec{instance: i, calls: map[string]engine.Func{}}
	var ok bool
	if c.alloc, ok = i.Func(abi.ExportAlloc); !ok {
		return nil, missing(abi.ExportAlloc)
	}
	for call, export := range map[string]string{
		"decode": abi.ExportCodecDecode, "encode": abi.ExportCodecEncode, "links": abi.ExportCodecLinks,
	} {
		if c.calls[call], ok = i.Func(export); !ok {
			return nil, missing(export)
		}
	}
	record, ok := i.Func(abi.ExportError)
	if !ok {
		return nil, missing(abi.ExportError)
	}
	stack := []uint64{0}
	if err := record.Call(ctx, stack); err != nil {
		return nil, err
	}
	c.errorRecord = uint32(stack[0])
	return c, nil
}

func missing(export string) error { return fmt.Errorf("the module does not export %s", export) }

// DecodeTable returns a copy of the token table that the module makes of a block.
func (c *Codec) DecodeTable(ctx context.Context, block []byte) ([]byte, error) {
	return c.CallWithParams(ctx, "decode", block, nil)
}

// LinksTable returns a copy of the token table of the block's links.
func (c *Codec) LinksTable(ctx context.Context, block []byte) ([]byte, error) {
	return c.CallWithParams(ctx, "links", block, nil)
}

// EncodeTable returns a copy of the block that the module makes of a token table.
func (c *Codec) EncodeTable(ctx context.Context, t []byte) ([]byte, error) {
	return c.CallWithParams(ctx, "encode", t, nil)
}

// CallWithParams makes one call of the role, "decode", "encode" or "links", with the parameters of an envelope, and returns a
// copy of the result. An error is *[Error] if the guest reported it and *engine.Trap if it trapped; anything else means
// that the module breaks the ABI.
func (c *Codec) CallWithParams(ctx context.Context, name string, in, params []byte) ([]byte, error) {
	f, ok := c.calls[name]
	if !ok {
		return nil, fmt.Errorf("the role has no call %q", name)
	}
	ptr, err := c.push(ctx, in)
	if err != nil {
		return nil, err
	}
	paramsPtr, err := c.push(ctx, params)
	if err != nil {
		return nil, err
	}
	stack := []uint64{uint64(ptr), uint64(len(in)), uint64(paramsPtr), uint64(len(params))}
	if err := f.Call(ctx, stack); err != nil {
		return nil, err
	}
	at, n := uint32(stack[0]>>32), uint32(stack[0])
	if at == 0 {
		return nil, c.failure(name, abi.Status(n))
	}
	out, ok := c.instance.Memory().View(at, n)
	if !ok {
		return nil, fmt.Errorf("%s: result of %d bytes at %d is outside the memory", name, n, at)
	}
	return bytes.Clone(out), nil
}

// Decode returns a view of what a block holds. It aliases block.
func (c *Codec) Decode(ctx context.Context, block []byte) (datamodel.Node, error) {
	t, err := c.DecodeTable(ctx, block)
	if err != nil {
		return nil, err
	}
	checked, err := table.Parse(t, block, table.Limits{})
	if err != nil {
		return nil, err
	}
	return checked.Root(), nil
}

// Encode returns the block that holds n.
func (c *Codec) Encode(ctx context.Context, n datamodel.Node) ([]byte, error) {
	t, err := table.Build(n)
	if err != nil {
		return nil, err
	}
	return c.EncodeTable(ctx, t)
}

// Links returns the CIDs that a block links to, in document order with repetitions.
func (c *Codec) Links(ctx context.Context, block []byte) ([]cid.Cid, error) {
	t, err := c.LinksTable(ctx, block)
	if err != nil {
		return nil, err
	}
	checked, err := table.Parse(t, block, table.Limits{})
	if err != nil {
		return nil, err
	}
	return linksOf(checked.Root())
}

func linksOf(list datamodel.Node) ([]cid.Cid, error) {
	if list.Kind() != datamodel.Kind_List {
		return nil, fmt.Errorf("links returned a %s, expected a list", list.Kind())
	}
	var all []cid.Cid
	for i := list.ListIterator(); !i.Done(); {
		_, n, err := i.Next()
		if err != nil {
			return nil, err
		}
		l, err := n.AsLink()
		if err != nil {
			return nil, err
		}
		all = append(all, l.(cidlink.Link).Cid)
	}
	return all, nil
}

// push hands the guest its input. An empty one has no address.
func (c *Codec) push(ctx context.Context, in []byte) (uint32, error) {
	if len(in) == 0 {
		return 0, nil
	}
	stack := []uint64{uint64(len(in))}
	if err := c.alloc.Call(ctx, stack); err != nil {
		return 0, err
	}
	ptr := uint32(stack[0])
	to, ok := c.instance.Memory().View(ptr, uint32(len(in)))
	switch {
	case ptr == 0:
		return 0, &Error{Call: "alloc", Status: abi.StatusLimit, Text: "out of memory"}
	case !ok || ptr%16 != 0:
		return 0, fmt.Errorf("alloc(%d) returned %d", len(in), ptr)
	}
	copy(to, in)
	return ptr, nil
}

func (c *Codec) failure(name string, status abi.Status) error {
	head, ok := c.instance.Memory().View(c.errorRecord, abi.ErrorRecordTextAt)
	if !ok {
		return errors.New("the error record is outside the memory")
	}
	if got := abi.Status(binary.LittleEndian.Uint32(head)); got != status {
		return fmt.Errorf("%s returned %v, its error record says %v", name, status, got)
	}
	text, ok := c.instance.Memory().View(c.errorRecord+abi.ErrorRecordTextAt, binary.LittleEndian.Uint32(head[abi.ErrorRecordLenAt:]))
	if !ok || len(text) > abi.ErrorTextMax {
		return errors.New("the error text is outside its record")
	}
	return &Error{Call: name, Status: status, Text: string(text)}
}
