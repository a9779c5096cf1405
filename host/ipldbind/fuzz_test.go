package ipldbind_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/ipld/go-ipld-prime/node/basicnode"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host"
	"github.com/iprt/iprt/host/ipldbind"
	"github.com/iprt/iprt/host/ipldbind/table"
	"github.com/iprt/iprt/spec"
)

// FuzzResolve follows arbitrary paths from arbitrary DAG-CBOR blocks, with a module for every envelope whose codec is the fake's.
func FuzzResolve(f *testing.F) {
	vectors, err := spec.Vectors("envelope")
	if err != nil {
		f.Fatal(err)
	}
	for _, v := range vectors {
		f.Add(v.Body, "~/a/0", true)
	}
	codec := newFake("f", 'f')
	data := codec.block(node("a", qpList("x"), "l", aCBOR))
	for _, n := range []string{"~/a/0", "~/l", "data", "codec", "~/~", "a/-1"} {
		s := &store{}
		c := s.putCBOR(node("iprt", 1, "codec", codec.id, "data", data, "links", []cid.Cid{aCBOR}))
		f.Add(s.bag[c], n, false)
	}
	f.Fuzz(func(t *testing.T, block []byte, path string, all bool) {
		s := &store{}
		root := s.put(cid.DagCBOR, block)
		r := ipldbind.Resolver{LinkSystem: s.system(), Modules: newShelf(codec), Policy: ipldbind.AllowPure()}
		res, err := r.Resolve(t.Context(), root, path, ipldbind.Options{EnterAll: all})
		var pe *ipldbind.PathError
		switch {
		case err != nil && (!errors.As(err, &pe) || err.Error() == ""):
			t.Fatalf("%T %v", err, err)
		case err == nil && (res.Node == nil || !res.Block.Defined()):
			t.Fatalf("got %+v", res)
		}
	})
}

// liar is a codec module that answers whatever it is told to. It is also what finds itself.
type liar struct {
	id             cid.Cid
	answer         []byte
	inputs, params [][]byte
	calls, open    int
}

func (l *liar) ID() cid.Cid { return l.id }

func (l *liar) Call(_ context.Context, _ host.Export, input, params []byte, use func([]byte) error) error {
	l.calls++
	l.inputs, l.params = append(l.inputs, bytes.Clone(input)), append(l.params, bytes.Clone(params))
	return use(bytes.Clone(l.answer))
}

func (l *liar) Inspect(context.Context, cid.Cid) (ipldbind.ModuleInfo, error) {
	return ipldbind.ModuleInfo{}, errNoModule
}

func (l *liar) Load(context.Context, cid.Cid) (*ipldbind.Codec, func(), error) {
	l.open++
	return l.codec(), func() { l.open-- }, nil
}

func (l *liar) codec() *ipldbind.Codec { return ipldbind.NewCodec(private, l, ipldbind.Limits{}) }

// Parts of an envelope that FuzzEnvelope chooses, as bits.
const (
	linked     = 1 << iota // the data is a block of its own
	withLinks              // it has a list of links, which is empty
	withParams             // it has parameters
	withCodecs             // the module is for a private-use code below, too
)

// FuzzEnvelope enters envelopes whose module answers anything: there is a call each time. What the path finds in an answer is what it
// finds in a plain copy of that, and what is written as an envelope is read back.
func FuzzEnvelope(f *testing.F) {
	inner := sum(private, []byte("inner"))
	for shape, n := range []datamodel.Node{
		node("a", qpList("x"), "l", aCBOR), qpList("x", "y"), basicnode.NewBytes([]byte("b")), basicnode.NewLink(link(aCBOR)),
		qpList(), basicnode.NewLink(link(inner)), node("l", inner), basicnode.NewString(""),
	} {
		answer := must(table.Build(n))
		for _, path := range []string{"", "a/0", "1", "l/l", "~"} {
			f.Add([]byte("data"), answer, []byte("p"), path, uint8(shape))
			f.Add([]byte(""), answer, []byte{}, path, uint8(15-shape))
		}
		f.Add([]byte("data"), answer[:len(answer)-1], []byte("p"), "", uint8(0))
	}
	f.Fuzz(func(t *testing.T, data, answer, params []byte, path string, shape uint8) {
		l := &liar{id: sum(cid.Raw, []byte("liar")), answer: answer}
		s := &store{}
		s.put(private, []byte("inner"))
		root := s.putCBOR(envelopeOf(s, l, data, params, shape))
		r := ipldbind.Resolver{LinkSystem: s.system(), Modules: l, Policy: ipldbind.AllowList(l.id), Budget: ipldbind.Budget{Blocks: 8}}
		res, err := r.Resolve(t.Context(), root, "~/"+path, ipldbind.Options{})
		if l.calls == 0 || l.open != 0 || !bytes.Equal(l.inputs[0], data) || (len(l.params[0]) > 0) != (shape&withParams != 0) {
			t.Fatalf("%d calls, %d modules are still open, input %x, %v", l.calls, l.open, l.inputs, err)
		}
		var pe *ipldbind.PathError
		if err != nil && (!errors.As(err, &pe) || err.Error() == "") {
			t.Fatalf("%T %v", err, err)
		}
		checkEntered(t, answer, data, path, shape, res, err)
		checkWritten(t, l, data, params, shape)
	})
}

func envelopeOf(s *store, l *liar, data, params []byte, shape uint8) datamodel.Node {
	parts := []any{"iprt", 1, "codec", l.id, "data", data}
	if shape&linked != 0 {
		parts[5] = s.put(cid.Raw, data)
	}
	if shape&withLinks != 0 {
		parts = append(parts, "links", []cid.Cid{})
	}
	if shape&withParams != 0 {
		parts = append(parts, "params", params)
	}
	if shape&withCodecs != 0 {
		parts = append(parts, "codecs", node(strconv.Itoa(private), l.id))
	}
	return node(parts...)
}

// checkEntered takes the path through a copy of what the module answered, up to the first link.
func checkEntered(t *testing.T, answer, data []byte, path string, shape uint8, res *ipldbind.Result, err error) {
	t.Helper()
	if bad := abi.CheckTable(answer, append([]byte{}, data...)); bad != nil {
		if err == nil {
			t.Fatalf("took what is no table: %v", bad)
		}
		return
	}
	tab, perr := table.Parse(answer, data, table.Limits{})
	if perr != nil {
		t.Fatal(perr)
	}
	nb := basicnode.Prototype.Any.NewBuilder()
	if tab.Assemble(nb) != nil {
		return // an integer that no plain node has
	}
	if shape&withLinks != 0 {
		if links, lerr := tab.Links(); lerr != nil || len(links) > 0 { // the envelope lists none
			if err == nil {
				t.Fatalf("the links that the module finds are %v, %v, and it was entered", links, lerr)
			}
			return
		}
	}
	want, found := nb.Build(), true
	for step := range strings.SplitSeq(path, "/") {
		if step == "" || !found {
			continue
		}
		var next datamodel.Node
		lerr := errMissing
		switch want.Kind() {
		case datamodel.Kind_Link:
			return
		case datamodel.Kind_Map:
			next, lerr = want.LookupByString(step)
		case datamodel.Kind_List:
			if i, serr := strconv.Atoi(step); serr == nil && i >= 0 && step[0] != '+' {
				next, lerr = want.LookupByIndex(int64(i))
			}
		}
		want, found = next, lerr == nil
	}
	switch {
	case !found && err == nil:
		t.Fatalf("found %v at %q", res.Node.Kind(), path)
	case found && want.Kind() != datamodel.Kind_Link && err != nil:
		t.Fatalf("%q is a %v: %v", path, want.Kind(), err)
	case found && want.Kind() != datamodel.Kind_Link && !bytes.Equal(must(table.Build(want)), must(table.Build(res.Node))):
		t.Fatalf("at %q is %v, not %v", path, res.Node, want)
	}
}

// checkWritten writes the same as an envelope, if the module's answer to all of its calls lets it.
func checkWritten(t *testing.T, l *liar, data, params []byte, shape uint8) {
	t.Helper()
	var o ipldbind.EnvelopeOptions
	if shape&withParams != 0 {
		o.Params = basicnode.NewBytes(params)
	}
	block, err := ipldbind.WriteEnvelope(t.Context(), l.codec(), data, o)
	if err != nil {
		return
	}
	n, err := decodeCBOR(block)
	if err != nil {
		t.Fatal(err)
	}
	e, err := ipldbind.ParseEnvelope(n)
	if err != nil || e.Codec != l.id || !bytes.Equal(e.Data, data) || (e.Params != nil) != (o.Params != nil) {
		t.Fatalf("%x is read as %+v, %v", block, e, err)
	}
	links, err := must(table.Parse(l.answer, data, table.Limits{})).Links()
	if err != nil || e.HasLinks != (len(links) > 0) || !slices.Equal(e.Links, links) {
		t.Fatalf("links %v, written %v, %v", links, e.Links, err)
	}
}
