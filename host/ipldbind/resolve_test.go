package ipldbind_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/ipld/go-ipld-prime/fluent/qp"
	"github.com/ipld/go-ipld-prime/linking"
	"github.com/ipld/go-ipld-prime/node/basicnode"

	"github.com/iprt/iprt/host/ipldbind"
	"github.com/iprt/iprt/host/manifest"
)

// shelf is modules by CID, which count what is done with them.
type shelf struct {
	mu              sync.Mutex
	fakes           map[cid.Cid]*fake
	granted         map[cid.Cid]bool
	inspects, loads []cid.Cid
	open            int
}

func newShelf(fakes ...*fake) *shelf {
	s := &shelf{fakes: map[cid.Cid]*fake{}, granted: map[cid.Cid]bool{}}
	for _, f := range fakes {
		s.fakes[f.id] = f
	}
	return s
}

var errNoModule = errors.New("no such module")

func (s *shelf) Inspect(_ context.Context, c cid.Cid) (ipldbind.ModuleInfo, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inspects = append(s.inspects, c)
	f, ok := s.fakes[c]
	if !ok {
		return ipldbind.ModuleInfo{}, errNoModule
	}
	info := ipldbind.ModuleInfo{ID: f.id, Purity: manifest.Pure0}
	if s.granted[c] {
		info.Purity = manifest.Granted
	}
	return info, nil
}

func (s *shelf) Load(_ context.Context, c cid.Cid) (*ipldbind.Codec, func(), error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.loads = append(s.loads, c)
	f, ok := s.fakes[c]
	if !ok {
		return nil, nil, errNoModule
	}
	s.open++
	return ipldbind.NewCodec(private, f, ipldbind.Limits{}), func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.open--
	}, nil
}

// world is a store with envelopes, and a resolver that allows their modules.
type world struct {
	*store
	*ipldbind.Resolver
	f, g   *fake
	shelf  *shelf
	lsys   *linking.LinkSystem
	target cid.Cid // an ordinary block
}

func newWorld(t *testing.T) *world {
	w := &world{store: &store{}, f: newFake("f", 'f'), g: newFake("g", 'g')}
	w.shelf = newShelf(w.f, w.g)
	w.lsys = w.store.system()
	w.Resolver = &ipldbind.Resolver{LinkSystem: w.lsys, Modules: w.shelf, Policy: ipldbind.AllowPure()}
	w.target = w.putCBOR(node("leaf", "reached"))
	t.Cleanup(func() {
		if w.shelf.open != 0 {
			t.Errorf("%d modules were not released", w.shelf.open)
		}
	})
	return w
}

// envelope stores one around what f encodes n to.
func (w *world) envelope(f *fake, n datamodel.Node, more ...any) cid.Cid {
	return w.putCBOR(node(append([]any{"iprt", 1, "codec", f.id, "data", f.block(n)}, more...)...))
}

func text(n datamodel.Node) string {
	if n == nil {
		return "nothing"
	}
	s, err := n.AsString()
	if err != nil {
		return fmt.Sprintf("a %s", n.Kind())
	}
	return s
}

func TestResolve(t *testing.T) {
	w := newWorld(t)
	inner := w.envelope(w.g, node("deep", "inner", "to", w.target))
	data := node("a", node("b", "inside"), "to", w.target, "inner", inner, "~", "tilde", "list", qpList("zero", "one"))
	env := w.envelope(w.f, data, "params", node("p", 1), "links", []cid.Cid{w.target, inner})
	raw := w.putCBOR(node("iprt", 1, "codec", w.f.id, "data", w.put(cid.Raw, w.f.block(data))))
	plain := w.putCBOR(node("env", env, "raw", raw, "~", "plain tilde", "list", qpList("zero"), "bare", w.putCBOR(basicnode.NewLink(link(env)))))

	for _, tt := range []struct {
		root cid.Cid
		path string
		all  bool
		want string
		rest string // Result.Path
		envs int
	}{
		{plain, "list/0", false, "zero", "list/0", 0},
		{plain, "/list//0/", false, "zero", "list/0", 0},
		{plain, "~", false, "plain tilde", "~", 0},
		{plain, "", false, "a map", "", 0},
		{w.target, "leaf", false, "reached", "leaf", 0},
		{env, "", false, "a map", "", 0},
		{env, "data", false, "a bytes", "data", 0},
		{env, "params/p", false, "a int", "params/p", 0},
		{env, "links/0", false, "a map", "", 0},
		{env, "links/0/leaf", false, "reached", "leaf", 0},
		{raw, "data", false, "a bytes", "", 0},

		{env, "~", false, "a map", "", 1},
		{env, "~/a/b", false, "inside", "a/b", 1},
		{env, "~/list/1", false, "one", "list/1", 1},
		{env, "~/~", false, "tilde", "~", 1},
		{env, "~/to/leaf", false, "reached", "leaf", 1},
		{env, "~/to", false, "a map", "", 1},
		{raw, "~/a/b", false, "inside", "a/b", 1},
		{plain, "env/~/a/b", false, "inside", "a/b", 1},
		{plain, "bare/~/a/b", false, "inside", "a/b", 1},
		{env, "~/inner", false, "a map", "", 1},
		{env, "~/inner/data", false, "a bytes", "data", 1},
		{env, "~/inner/~/deep", false, "inner", "deep", 2},
		{plain, "raw/~/inner/~/to/leaf", false, "reached", "leaf", 2},

		{env, "", true, "a map", "", 1},
		{env, "a/b", true, "inside", "a/b", 1},
		{env, "~/a/b", true, "inside", "a/b", 1},
		{env, "~/~", true, "tilde", "~", 1},
		{plain, "env/inner/deep", true, "inner", "deep", 2},
		{plain, "env/~/inner/~/deep", true, "inner", "deep", 2},
		{plain, "env/inner/to", true, "a map", "", 2},
		{plain, "list/0", true, "zero", "list/0", 0},
	} {
		t.Run(fmt.Sprintf("%s_%v", strings.ReplaceAll(tt.path, "/", "|"), tt.all), func(t *testing.T) {
			r, err := w.Resolve(t.Context(), tt.root, tt.path, ipldbind.Options{EnterAll: tt.all})
			if err != nil {
				t.Fatal(err)
			}
			if got := text(r.Node); got != tt.want || r.Path != tt.rest || len(r.Envelopes) != tt.envs {
				t.Errorf("got %s at %q of %s through %d envelopes; want %s at %q through %d", got, r.Path, r.Block, len(r.Envelopes), tt.want, tt.rest, tt.envs)
			}
		})
	}
	for i, p := range w.f.params {
		if len(p) != 0 && string(p) != "\xa1\x61p\x01" {
			t.Errorf("call %d got params %x", i, p)
		}
	}
}

func qpList(items ...string) datamodel.Node {
	return must(qp.BuildList(basicnode.Prototype.Any, -1, func(la datamodel.ListAssembler) {
		for _, s := range items {
			qp.ListEntry(la, qp.String(s))
		}
	}))
}

func TestResolveErrors(t *testing.T) {
	w := newWorld(t)
	good := node("a", 1)
	missing := sum(cid.Raw, []byte("missing"))
	env := func(entries ...any) cid.Cid { return w.putCBOR(node(append([]any{"iprt", 1}, entries...)...)) }
	other := newFake("other", 'o')
	dataOf := w.f.block(node("to", w.target))
	for name, tt := range map[string]struct {
		root cid.Cid
		path string
		step int
		want any    // type of a cause
		text string // part of the message
	}{
		"missing root":        {missing, "a", 0, nil, "no such block"},
		"missing key":         {w.target, "x/y", 0, new(datamodel.ErrNotExists), `at step 1, "x"`},
		"through a string":    {w.target, "leaf/x", 1, new(datamodel.ErrWrongKind), `at step 2, "x"`},
		"negative index":      {w.putCBOR(node("l", qpList("zero"))), "l/-1", 1, new(datamodel.ErrInvalidSegmentForList), ""},
		"index past the end":  {w.putCBOR(node("l", qpList("zero"))), "l/1", 1, new(datamodel.ErrNotExists), ""},
		"missing link":        {w.putCBOR(node("l", missing)), "l", 1, nil, "at its end: no such block"},
		"missing link midway": {w.putCBOR(node("l", missing)), "l/x", 1, nil, "no such block"},
		"no envelope":         {w.target, "~", 0, new(*ipldbind.NotEnvelopeError), "not a map of 3"},
		"nearly an envelope":  {w.putCBOR(node("iprt", 2, "codec", w.f.id, "data", []byte{})), "~", 0, new(*ipldbind.NotEnvelopeError), "not the integer 1"},
		"inside the data":     {w.envelope(w.f, good), "~/~", 1, new(datamodel.ErrNotExists), ""},
		"unknown codec":       {w.put(private, nil), "", 0, nil, "0x3f0001"},

		"missing module":           {env("codec", missing, "data", []byte{}), "~", 0, new(*ipldbind.EnvelopeError), "no such module"},
		"missing data":             {env("codec", w.f.id, "data", missing), "~", 0, new(*ipldbind.EnvelopeError), "its data: no such block"},
		"wrong data":               {env("codec", w.f.id, "data", []byte("nonsense")), "~", 0, new(*ipldbind.CodecError), "not a block of this fake"},
		"code by identity":         {env("codec", must(cid.Cast([]byte{1, 0x55, 0, 3, 'a', 'b', 'c'})), "data", []byte{}), "~", 0, new(*ipldbind.EnvelopeError), "identity"},
		"code by sha1":             {env("codec", must(cid.Cast(append([]byte{1, 0x55, 0x11, 20}, make([]byte, 20)...))), "data", []byte{}), "~", 0, new(*ipldbind.EnvelopeError), "sha1"},
		"too few links":            {env("codec", w.f.id, "data", dataOf, "links", []cid.Cid{}), "~", 0, new(*ipldbind.EnvelopeError), "lists 0, the codec finds 1"},
		"too many links":           {env("codec", w.f.id, "data", dataOf, "links", []cid.Cid{w.target, w.target}), "~", 0, new(*ipldbind.EnvelopeError), "difference is at 1"},
		"other links":              {env("codec", w.f.id, "data", dataOf, "links", []cid.Cid{missing}), "~", 0, new(*ipldbind.EnvelopeError), "difference is at 0"},
		"envelope by another fake": {env("codec", w.f.id, "data", other.block(good)), "~", 0, new(*ipldbind.CodecError), ""},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := w.Resolve(t.Context(), tt.root, tt.path, ipldbind.Options{})
			var pe *ipldbind.PathError
			if !errors.As(err, &pe) || pe.Step != tt.step || pe.Root != tt.root {
				t.Fatalf("got %v, %v at step %d; want a path error at step %d", r, err, pe.Step, tt.step)
			}
			if tt.want != nil && !errors.As(err, tt.want) || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("got %v, want a %T with %q", err, tt.want, tt.text)
			}
		})
	}
}

// TestScopedCodecs reads blocks of a private-use code below an envelope that names a codec for it, and nowhere else.
func TestScopedCodecs(t *testing.T) {
	w := newWorld(t)
	leaf := w.put(private, w.g.block(node("x", "scoped", "on", w.target)))
	below := w.putCBOR(node("leaf", leaf))
	cborLie := w.envelope(w.f, node("to", below), "codecs", node(fmt.Sprint(uint64(cid.DagCBOR)), w.g.id, fmt.Sprint(private), w.g.id))
	env := w.envelope(w.f, node("leaf", leaf, "below", below), "links", []cid.Cid{leaf, below}, "codecs", node(fmt.Sprint(private), w.g.id))
	without := w.envelope(w.f, node("leaf", leaf))
	for _, tt := range []struct {
		root cid.Cid
		path string
		want string
	}{
		{env, "~/leaf/x", "scoped"},
		{env, "~/below/leaf/x", "scoped"},
		{env, "~/leaf/on/leaf", "reached"},
		{cborLie, "~/to/leaf/x", "scoped"}, // DAG-CBOR stays DAG-CBOR
		{env, "links/0/x", ""},             // the envelope was not entered
		{without, "~/leaf/x", ""},
		{leaf, "x", ""},
	} {
		r, err := w.Resolve(t.Context(), tt.root, tt.path, ipldbind.Options{})
		switch {
		case tt.want == "" && err == nil:
			t.Errorf("%s was decoded", tt.path)
		case tt.want != "" && (err != nil || text(r.Node) != tt.want):
			t.Errorf("%s: %v, %v", tt.path, r, err)
		}
	}
	w.Policy = ipldbind.AllowList(w.f.id)
	var pe *ipldbind.PolicyError
	if _, err := w.Resolve(t.Context(), env, "~/leaf/x", ipldbind.Options{}); !errors.As(err, &pe) || pe.Module != w.g.id {
		t.Errorf("a scoped codec got past the policy: %v", err)
	}
}

// TestScopedCodes tries the codes around those that an envelope can define.
func TestScopedCodes(t *testing.T) {
	w := newWorld(t)
	for code, want := range map[uint64]bool{0x2fffff: false, 0x300000: true, 0x3fffff: true, 0x400000: false, 1<<63 - 1: false} {
		leaf := w.put(code, w.g.block(node("x", "scoped")))
		env := w.envelope(w.f, node("leaf", leaf), "codecs", node(fmt.Sprint(code), w.g.id))
		r, err := w.Resolve(t.Context(), env, "~/leaf/x", ipldbind.Options{})
		if want && (err != nil || text(r.Node) != "scoped") || !want && err == nil {
			t.Errorf("code 0x%x: %v, %v", code, r, err)
		}
	}
}

// TestOwnCodecs has a codec of the program's own for a private-use code: it serves where no envelope says otherwise.
func TestOwnCodecs(t *testing.T) {
	w := newWorld(t)
	own := newFake("own", 'w')
	w.Codecs = ipldbind.New(ipldbind.Config{})
	if err := w.Codecs.Add(private, ipldbind.NewCodec(private, own, ipldbind.Limits{})); err != nil {
		t.Fatal(err)
	}
	ownLeaf, leaf := w.put(private, own.block(node("x", "own"))), w.put(private, w.g.block(node("x", "scoped")))
	env := w.envelope(w.f, node("leaf", leaf, "own", ownLeaf), "codecs", node(fmt.Sprint(private), w.g.id))
	if r, err := w.Resolve(t.Context(), ownLeaf, "x", ipldbind.Options{}); err != nil || text(r.Node) != "own" {
		t.Errorf("%v, %v", r, err)
	}
	if r, err := w.Resolve(t.Context(), env, "~/leaf/x", ipldbind.Options{}); err != nil || text(r.Node) != "scoped" {
		t.Errorf("%v, %v", r, err)
	}
	if _, err := w.Resolve(t.Context(), env, "~/own/x", ipldbind.Options{}); !errors.Is(err, errFake) {
		t.Errorf("below the envelope, its codec decodes: %v", err)
	}
}

// TestEnvelopeInData has data that decodes to the shape of an envelope: it stays data.
func TestEnvelopeInData(t *testing.T) {
	w := newWorld(t)
	shaped := node("iprt", 1, "codec", w.g.id, "data", w.g.block(node("a", "too deep")))
	env := w.envelope(w.f, shaped)
	for _, all := range []bool{false, true} {
		r, err := w.Resolve(t.Context(), env, "~", ipldbind.Options{EnterAll: all})
		if err != nil || !datamodel.DeepEqual(must(r.Node.LookupByString("codec")), basicnode.NewLink(link(w.g.id))) || len(w.g.calls) != 0 {
			t.Errorf("enter all %v: %v, %v", all, r, err)
		}
		if _, err := w.Resolve(t.Context(), env, "~/~/a", ipldbind.Options{EnterAll: all}); err == nil {
			t.Errorf("enter all %v: the data was taken for an envelope", all)
		}
	}
}

// TestWithoutAnyCodec has a link system that can decode nothing: envelopes are still found.
func TestWithoutAnyCodec(t *testing.T) {
	w := newWorld(t)
	env := w.envelope(w.f, node("a", "inside"), "links", []cid.Cid{})
	w.lsys.DecoderChooser = nil
	if r, err := w.Resolve(t.Context(), env, "~/a", ipldbind.Options{}); err != nil || text(r.Node) != "inside" {
		t.Errorf("%v, %v", r, err)
	}
	var unknown *ipldbind.UnknownCodecError
	if _, err := w.Resolve(t.Context(), w.target, "leaf", ipldbind.Options{}); !errors.As(err, &unknown) {
		t.Errorf("an ordinary block: %v", err)
	}
	hostile := append([]byte("\xa3\x64data"), slices.Repeat([]byte{0xa0}, 100_000)...)
	if _, err := w.Resolve(t.Context(), w.put(cid.DagCBOR, hostile), "~", ipldbind.Options{}); err == nil {
		t.Error("a broken envelope was opened")
	}
}

func TestWithoutModules(t *testing.T) {
	w := newWorld(t)
	env := w.envelope(w.f, node("a", "inside"))
	w.Modules = nil
	var ee *ipldbind.EnvelopeError
	if _, err := w.Resolve(t.Context(), env, "~", ipldbind.Options{}); !errors.As(err, &ee) || ee.Envelope != env {
		t.Errorf("got %v", err)
	}
}

// TestConcurrentResolutions shares one resolver.
func TestConcurrentResolutions(t *testing.T) {
	w := newWorld(t)
	env := w.envelope(w.f, node("to", w.envelope(w.g, node("a", "inside"))))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				if r, err := w.Resolve(context.Background(), env, "~/to/~/a", ipldbind.Options{}); err != nil || text(r.Node) != "inside" {
					t.Errorf("%v, %v", r, err)
				}
			}
		})
	}
	wg.Wait()
}
