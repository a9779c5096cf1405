package ipldbind_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/codec/dagcbor"
	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/ipld/go-ipld-prime/node/basicnode"
	"github.com/ipld/go-ipld-prime/node/bindnode"

	"github.com/iprt/iprt/host"
	"github.com/iprt/iprt/host/ipldbind"
	"github.com/iprt/iprt/host/ipldbind/table"
)

const private = 0x3f0001 // a private-use code for fakes

func TestRegistry(t *testing.T) {
	s := ipldbind.New(ipldbind.Config{})
	a := ipldbind.NewCodec(private, newFake("a", 'a'), ipldbind.Limits{})
	b := ipldbind.NewCodec(private, newFake("b", 'b'), ipldbind.Limits{})
	if err := errors.Join(s.Add(private, a), s.Add(7, b)); err != nil {
		t.Fatal(err)
	}
	var conflict *ipldbind.ConflictError
	err := s.Add(private, b)
	if !errors.As(err, &conflict) || conflict.Have != a.ID() || conflict.Want != b.ID() {
		t.Fatalf("got %v", err)
	}
	for _, id := range []cid.Cid{a.ID(), b.ID()} {
		if !strings.Contains(err.Error(), id.String()) {
			t.Errorf("the conflict does not name %s: %v", id, err)
		}
	}
	if got := s.Codes(); !slices.Equal(got, []uint64{7, private}) {
		t.Errorf("codes: %v", got)
	}
	if s.Remove(private, b) || !s.Remove(private, a) || s.Remove(private, a) {
		t.Error("Remove takes a code from whoever does not have it, or not from whoever has")
	}
	if err := s.Add(private, b); err != nil {
		t.Error(err)
	}
	var unknown *ipldbind.UnknownCodecError
	if _, err := s.Decode(t.Context(), 8, nil, nil); !errors.As(err, &unknown) || unknown.Multicodec != 8 {
		t.Errorf("got %v", err)
	}
}

func TestCodecRoundTrip(t *testing.T) {
	f := newFake("a", 'a')
	c := ipldbind.NewCodec(private, f, ipldbind.Limits{})
	target := sum(cid.Raw, []byte("target"))
	src := node("n", 1, "l", target, "again", []cid.Cid{target, target})
	params := []byte{0xa0}
	block, err := c.Encode(t.Context(), src, params)
	if err != nil || !bytes.Equal(block, f.block(src)) {
		t.Fatalf("%x, %v", block, err)
	}
	n, err := c.Decode(t.Context(), block, params)
	if err != nil || !datamodel.DeepEqual(n, must(decodeCBOR(block[1:]))) {
		t.Fatalf("%v, %v", n, err)
	}
	links, err := c.Links(t.Context(), block, params)
	if err != nil || !slices.Equal(links, []cid.Cid{target, target, target}) {
		t.Fatalf("%v, %v", links, err)
	}
	for i, p := range f.params {
		if !bytes.Equal(p, params) {
			t.Errorf("call %d (%s) got params %x", i, f.calls[i], p)
		}
	}
}

// TestDecodeInto fills assemblers of several kinds.
func TestDecodeInto(t *testing.T) {
	f := newFake("a", 'a')
	c := ipldbind.NewCodec(private, f, ipldbind.Limits{})
	src := node("name", "n", "size", 5)
	type file struct {
		Name string
		Size int64
	}
	for name, np := range map[string]datamodel.NodePrototype{
		"any": basicnode.Prototype.Any, "map": basicnode.Prototype.Map, "bindnode": bindnode.Prototype((*file)(nil), nil),
	} {
		nb := np.NewBuilder()
		err := c.DecodeInto(t.Context(), f.block(node("Name", "n", "Size", 5)), nil, nb)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if v := must(must(nb.Build().LookupByString("Size")).AsInt()); v != 5 {
			t.Errorf("%s: got %d", name, v)
		}
	}
	if err := c.DecodeInto(t.Context(), f.block(src), nil, basicnode.Prototype.String.NewBuilder()); err == nil {
		t.Error("a map went into a string")
	}
}

// lying answers every call with the same bytes.
type lying struct {
	*fake
	answer []byte
	err    error
}

func (l lying) Call(_ context.Context, _ host.Export, _, _ []byte, use func([]byte) error) error {
	if l.err != nil {
		return l.err
	}
	return use(l.answer)
}

func TestBadModules(t *testing.T) {
	trap := &host.TrapError{Kind: "unreachable"}
	for name, tt := range map[string]struct {
		m    ipldbind.Module
		want any
	}{
		"no table":  {lying{fake: newFake("a", 'a'), answer: []byte("nonsense")}, new(*table.Error)},
		"no result": {lying{fake: newFake("a", 'a')}, new(*table.Error)},
		"trap":      {lying{fake: newFake("a", 'a'), err: trap}, new(*host.TrapError)},
	} {
		c := ipldbind.NewCodec(private, tt.m, ipldbind.Limits{})
		_, decodeErr := c.Decode(t.Context(), []byte("block"), nil)
		_, linksErr := c.Links(t.Context(), []byte("block"), nil)
		for _, err := range []error{decodeErr, linksErr, c.DecodeInto(t.Context(), []byte("block"), nil, basicnode.Prototype.Any.NewBuilder())} {
			var ce *ipldbind.CodecError
			if !errors.As(err, &ce) || ce.Module != c.ID() || ce.Multicodec != private || !errors.As(err, tt.want) {
				t.Errorf("%s: got %v", name, err)
			}
		}
	}
	// A table that is right, and wrong for links.
	c := ipldbind.NewCodec(private, lying{fake: newFake("a", 'a'), answer: must(table.Build(node("a", 1)))}, ipldbind.Limits{})
	if _, err := c.Links(t.Context(), []byte("block"), nil); err == nil || !strings.Contains(err.Error(), "list of links") {
		t.Errorf("links of a map: %v", err)
	}
}

// TestAppendEncode encodes by modules that take their input in parts, and by one that cannot.
func TestAppendEncode(t *testing.T) {
	f := newFake("a", 'a')
	for _, tt := range []struct {
		name   string
		codec  *ipldbind.Codec
		prefix string
	}{
		{"dag-cbor", shipped(t, "dag-cbor"), ""},
		{"fake", ipldbind.NewCodec(private, f, ipldbind.Limits{}), "a"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, n := range []datamodel.Node{
				node("a", 1), basicnode.NewBytes(nil),
				node("a", make([]byte, 5000), "b", "short", "c", strings.Repeat("long", 5000), "d", node("e", make([]byte, 100_000))),
			} {
				var cbor bytes.Buffer
				if err := dagcbor.Encode(n, &cbor); err != nil {
					t.Fatal(err)
				}
				want := tt.prefix + cbor.String()
				whole, err := tt.codec.Encode(t.Context(), n, nil)
				if err != nil || string(whole) != want {
					t.Fatalf("Encode gave %d bytes, %v; want %d", len(whole), err, len(want))
				}
				dst := append(make([]byte, 0, 20_000), "before"...)
				got, err := tt.codec.AppendEncode(t.Context(), dst, n, nil)
				if err != nil || string(got) != "before"+want {
					t.Fatalf("AppendEncode gave %d bytes, %v; want 6 + %d", len(got), err, len(want))
				}
			}
		})
	}
}

func TestCodecLimits(t *testing.T) {
	f := newFake("a", 'a')
	c := ipldbind.NewCodec(private, f, ipldbind.Limits{Block: 100})
	small, large := node("a", make([]byte, 10)), node("a", make([]byte, 200))
	var size *ipldbind.SizeError
	if _, err := c.Decode(t.Context(), f.block(large), nil); !errors.As(err, &size) {
		t.Errorf("decode: %v", err)
	}
	if len(f.calls) != 0 {
		t.Error("the module got a block above the limit")
	}
	if _, err := c.Encode(t.Context(), large, nil); !errors.As(err, &size) {
		t.Errorf("encode: %v", err)
	}
	if _, err := c.Encode(t.Context(), small, nil); err != nil {
		t.Errorf("encode after a large one: %v", err)
	}
	var build *table.BuildError
	if _, err := c.Encode(t.Context(), basicnode.NewString("\xff"), nil); !errors.As(err, &build) {
		t.Errorf("encode of what no table holds: %v", err)
	}
}

// TestSwapUnderUse changes the registry while others decode: they see one codec or the other, or none.
func TestSwapUnderUse(t *testing.T) {
	s := ipldbind.New(ipldbind.Config{})
	f := newFake("a", 'a')
	block := f.block(node("a", 1))
	a, b := ipldbind.NewCodec(private, f, ipldbind.Limits{}), ipldbind.NewCodec(private, f, ipldbind.Limits{})
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				var unknown *ipldbind.UnknownCodecError
				if _, err := s.Decode(context.Background(), private, block, nil); err != nil && !errors.As(err, &unknown) {
					t.Error(err)
					return
				}
			}
		})
	}
	for range 200 {
		if err := s.Add(private, a); err != nil {
			t.Error(err)
		}
		s.Remove(private, a)
		if err := s.Add(private, b); err != nil {
			t.Error(err)
		}
		s.Remove(private, b)
	}
	close(stop)
	wg.Wait()
}
