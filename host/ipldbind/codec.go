package ipldbind

import (
	"bytes"
	"context"
	"sync"

	"github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/ipld/go-ipld-prime/node/basicnode"

	"github.com/iprt/iprt/host"
	"github.com/iprt/iprt/host/ipldbind/table"
)

// Module is a codec module that can be called. [Bind] makes one of a *host.Module; other implementations are for tests and for
// codecs that live elsewhere. A Module that also has CallParts, with the input as [][]byte instead of []byte, spares encoders a copy.
type Module interface {
	// ID is the CID of the module's bytes.
	ID() cid.Cid

	// Call runs one of the exports of the codec role on an instance that nobody else uses meanwhile, and hands the result to
	// use, which may read it until it returns. If use fails, the module produced nonsense, and Call returns that error.
	// Calls may run concurrently.
	Call(ctx context.Context, e host.Export, input, params []byte, use func(result []byte) error) error
}

// Limits bound what a codec may take and give. The zero value means the defaults.
type Limits struct {
	Block  int          // largest block that is decoded or made, in bytes; default 4 MiB, twice what IPFS transports carry
	Tables table.Limits // for decoded tables
}

const defaultBlock = 4 << 20

func (l Limits) block() int {
	if l.Block > 0 {
		return l.Block
	}
	return defaultBlock
}

// Codec is a module in the role of a codec. Its methods may be called concurrently, and fail with *[CodecError].
type Codec struct {
	module Module
	code   uint64
	limits Limits
}

// NewCodec makes a codec of a module for blocks of a multicodec code.
func NewCodec(code uint64, m Module, l Limits) *Codec {
	return &Codec{module: m, code: code, limits: l}
}

// ID is the CID of the module's bytes.
func (c *Codec) ID() cid.Cid { return c.module.ID() }

// Code is the multicodec code of the blocks that the codec is for.
func (c *Codec) Code() uint64 { return c.code }

// Decode returns a view of the data in block. params is DAG-CBOR, or empty for none. The view keeps block, which must not
// be changed any more.
func (c *Codec) Decode(ctx context.Context, block, params []byte) (datamodel.Node, error) {
	t := new(table.Table)
	if err := c.table(ctx, host.CodecDecode, block, params, t); err != nil {
		return nil, c.fail("decode", err)
	}
	return t.Root(), nil
}

// DecodeInto decodes block into na. A builder of basicnode.Prototype.Any receives the view as it is; any other assembler is
// filled value by value, with strings and bytes that share block's memory. Integers below -2^63 fail then, as Go's data
// model has no place for them.
func (c *Codec) DecodeInto(ctx context.Context, block, params []byte, na datamodel.NodeAssembler) error {
	if na.Prototype() == (basicnode.Prototype.Any) {
		n, err := c.Decode(ctx, block, params)
		if err != nil {
			return err
		}
		return na.AssignNode(n)
	}
	t := tables.Get().(*table.Table)
	defer release(t)
	if err := c.table(ctx, host.CodecDecode, block, params, t); err != nil {
		return c.fail("decode", err)
	}
	return t.Assemble(na)
}

// Encode returns the block that holds n.
func (c *Codec) Encode(ctx context.Context, n datamodel.Node, params []byte) ([]byte, error) {
	return c.AppendEncode(ctx, []byte{}, n, params)
}

// AppendEncode appends the block that holds n to dst, as append does: for callers that keep a buffer. Long strings and bytes are
// read from n's own memory while it runs. After an error it returns nil.
func (c *Codec) AppendEncode(ctx context.Context, dst []byte, n datamodel.Node, params []byte) ([]byte, error) {
	b := builders.Get().(*table.Builder)
	defer func() {
		b.Reset() // n is the caller's
		if b.Size() <= keepBuffer {
			builders.Put(b)
		}
	}()
	parts, err := b.Parts(n)
	if err != nil {
		return nil, c.fail("encode", err)
	}
	size := 0
	err = c.callParts(ctx, host.CodecEncode, parts, params, func(result []byte) error {
		if size = len(result); size <= c.limits.block() {
			dst = append(dst, result...)
		}
		return nil
	})
	if err == nil && size > c.limits.block() {
		err = &SizeError{What: "encoded block", Size: size, Max: c.limits.block()}
	}
	if err != nil {
		return nil, c.fail("encode", err)
	}
	return dst, nil
}

// partsCaller is a [Module] that puts the parts of an input together where they are needed.
type partsCaller interface {
	CallParts(ctx context.Context, e host.Export, input [][]byte, params []byte, use func(result []byte) error) error
}

// callParts calls an export with an input in parts, which are put together here only if they have to be.
func (c *Codec) callParts(ctx context.Context, e host.Export, input [][]byte, params []byte, use func([]byte) error) error {
	if m, ok := c.module.(partsCaller); ok {
		return m.CallParts(ctx, e, input, params, use)
	}
	return c.module.Call(ctx, e, bytes.Join(input, nil), params, use)
}

// builders keeps the memory of tables for the next one: for a large block, getting it anew costs as much as building.
var builders = sync.Pool{New: func() any { return new(table.Builder) }}

// keepBuffer is the most memory that a pooled builder or table may hold on to, in bytes.
const keepBuffer = 4 << 20

// Links returns the CIDs that block links to, in document order with repetitions. Nothing is decoded beyond them.
func (c *Codec) Links(ctx context.Context, block, params []byte) ([]cid.Cid, error) {
	t := tables.Get().(*table.Table)
	defer release(t)
	if err := c.table(ctx, host.CodecLinks, block, params, t); err != nil {
		return nil, c.fail("links", err)
	}
	links, err := t.Links()
	if err != nil {
		return nil, c.fail("links", err)
	}
	return links, nil
}

// table parses into t what an export answers.
func (c *Codec) table(ctx context.Context, e host.Export, block, params []byte, t *table.Table) error {
	if len(block) > c.limits.block() {
		return &SizeError{What: "block", Size: len(block), Max: c.limits.block()}
	}
	return c.module.Call(ctx, e, block, params, func(result []byte) error {
		return t.Parse(result, block, c.limits.Tables)
	})
}

// tables keeps the memory of tables that nobody sees, as they are copied at once.
var tables = sync.Pool{New: func() any { return new(table.Table) }}

func release(t *table.Table) {
	t.Reset()
	if t.Size() <= keepBuffer {
		tables.Put(t)
	}
}

func (c *Codec) fail(op string, err error) error {
	return &CodecError{Op: op, Multicodec: c.code, Module: c.ID(), Err: err}
}
