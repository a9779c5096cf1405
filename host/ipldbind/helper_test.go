package ipldbind_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"testing"

	"github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/codec/dagcbor"
	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/ipld/go-ipld-prime/fluent/qp"
	"github.com/ipld/go-ipld-prime/linking"
	cidlink "github.com/ipld/go-ipld-prime/linking/cid"
	"github.com/ipld/go-ipld-prime/node/basicnode"
	"github.com/ipld/go-ipld-prime/traversal"

	"github.com/iprt/iprt"
	"github.com/iprt/iprt/host"
	"github.com/iprt/iprt/host/engine/wazero"
	"github.com/iprt/iprt/host/fetch"
	"github.com/iprt/iprt/host/ipldbind"
	"github.com/iprt/iprt/host/ipldbind/table"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// sum is the CID of a block: sha2-256, with the codec given.
func sum(code uint64, block []byte) cid.Cid {
	return must(cid.Prefix{Version: 1, Codec: code, MhType: 0x12, MhLength: -1}.Sum(block))
}

func link(c cid.Cid) datamodel.Link { return cidlink.Link{Cid: c} }

// fake is a codec module in Go: DAG-CBOR behind a first byte that says which fake it is. It keeps what it was given.
type fake struct {
	id     cid.Cid
	prefix byte

	mu     sync.Mutex
	calls  []host.Export
	inputs [][]byte
	params [][]byte
	links  []cid.Cid // what links answers, if set
}

func newFake(name string, prefix byte) *fake {
	return &fake{id: sum(cid.Raw, []byte(name)), prefix: prefix}
}

// block is the block that the fake decodes to n.
func (f *fake) block(n datamodel.Node) []byte {
	var b bytes.Buffer
	b.WriteByte(f.prefix)
	if err := dagcbor.Encode(n, &b); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func (f *fake) ID() cid.Cid { return f.id }

func (f *fake) Call(ctx context.Context, e host.Export, input, params []byte, use func([]byte) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	f.mu.Lock()
	f.calls, f.inputs, f.params = append(f.calls, e), append(f.inputs, bytes.Clone(input)), append(f.params, bytes.Clone(params))
	f.mu.Unlock()
	out, err := f.answer(e, input)
	if err != nil {
		return err
	}
	return use(out)
}

var errFake = errors.New("not a block of this fake")

func (f *fake) answer(e host.Export, input []byte) ([]byte, error) {
	if e == host.CodecEncode {
		t, err := table.Parse(input, make([]byte, len(input)), table.Limits{})
		if err != nil {
			return nil, err
		}
		return f.block(t.Root()), nil
	}
	if len(input) == 0 || input[0] != f.prefix {
		return nil, errFake
	}
	n, err := decodeCBOR(input[1:])
	if err != nil {
		return nil, err
	}
	if e == host.CodecDecode {
		return table.Build(n)
	}
	links := f.links
	if links == nil {
		for _, l := range must(traversal.SelectLinks(n)) {
			links = append(links, l.(cidlink.Link).Cid)
		}
	}
	return table.Build(must(qp.BuildList(basicnode.Prototype.Any, -1, func(la datamodel.ListAssembler) {
		for _, c := range links {
			qp.ListEntry(la, qp.Link(link(c)))
		}
	})))
}

func decodeCBOR(b []byte) (datamodel.Node, error) {
	nb := basicnode.Prototype.Any.NewBuilder()
	if err := dagcbor.Decode(nb, bytes.NewReader(b)); err != nil {
		return nil, err
	}
	return nb.Build(), nil
}

// store is blocks by CID, which count their readers.
type store struct {
	mu    sync.Mutex
	bag   map[cid.Cid][]byte
	reads []cid.Cid
}

func (s *store) put(code uint64, block []byte) cid.Cid {
	c := sum(code, block)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bag == nil {
		s.bag = make(map[cid.Cid][]byte)
	}
	s.bag[c] = block
	return c
}

func (s *store) putCBOR(n datamodel.Node) cid.Cid {
	var b bytes.Buffer
	if err := dagcbor.Encode(n, &b); err != nil {
		panic(err)
	}
	return s.put(cid.DagCBOR, b.Bytes())
}

var errMissing = errors.New("no such block")

// system is a link system on the store, with go-ipld-prime's own codecs.
func (s *store) system() *linking.LinkSystem {
	lsys := cidlink.DefaultLinkSystem()
	lsys.StorageReadOpener = func(_ linking.LinkContext, l datamodel.Link) (io.Reader, error) {
		c := l.(cidlink.Link).Cid
		s.mu.Lock()
		defer s.mu.Unlock()
		s.reads = append(s.reads, c)
		b, ok := s.bag[c]
		if !ok {
			return nil, errMissing
		}
		return bytes.NewReader(b), nil
	}
	lsys.StorageWriteOpener = func(linking.LinkContext) (io.Writer, linking.BlockWriteCommitter, error) {
		var b bytes.Buffer
		return &b, func(l datamodel.Link) error {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.bag[l.(cidlink.Link).Cid] = b.Bytes()
			return nil
		}, nil
	}
	return &lsys
}

// node builds a map of the entries given.
func node(entries ...any) datamodel.Node {
	return must(qp.BuildMap(basicnode.Prototype.Any, -1, func(ma datamodel.MapAssembler) {
		for i := 0; i < len(entries); i += 2 {
			var value qp.Assemble
			switch v := entries[i+1].(type) {
			case int:
				value = qp.Int(int64(v))
			case string:
				value = qp.String(v)
			case []byte:
				value = qp.Bytes(v)
			case cid.Cid:
				value = qp.Link(link(v))
			case []cid.Cid:
				value = qp.List(-1, func(la datamodel.ListAssembler) {
					for _, c := range v {
						qp.ListEntry(la, qp.Link(link(c)))
					}
				})
			case datamodel.Node:
				value = qp.Node(v)
			}
			qp.MapEntry(ma, entries[i].(string), value)
		}
	}))
}

// newHost is a host that has the shipped modules and allows them all.
func newHost(t testing.TB) (*host.Host, *fetch.Fetcher) {
	t.Helper()
	e, err := wazero.New(wazero.Config{})
	if err != nil {
		t.Fatal(err)
	}
	f := fetch.New(fetch.Config{Sources: []fetch.Source{fetch.Func("shipped", func(c cid.Cid) ([]byte, error) {
		if b, ok := iprt.BlockFor(c); ok {
			return b, nil
		}
		return nil, fetch.ErrNotFound
	})}})
	h, err := host.New(e, host.Config{Fetch: f, Policy: host.AllowPure()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(context.Background()); err != nil {
			t.Error(err)
		}
		if err := e.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return h, f
}

// shipped binds a shipped codec.
func shipped(t testing.TB, name string) *ipldbind.Codec {
	t.Helper()
	h, _ := newHost(t)
	m, err := h.Load(t.Context(), iprt.Builtin().Modules[name].CID, host.Binding{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	c, err := ipldbind.Bind(m)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
