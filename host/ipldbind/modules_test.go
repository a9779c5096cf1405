package ipldbind_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/ipld/go-ipld-prime/node/basicnode"

	"github.com/iprt/iprt"
	"github.com/iprt/iprt/host"
	"github.com/iprt/iprt/host/fetch"
	"github.com/iprt/iprt/host/ipldbind"
	"github.com/iprt/iprt/host/manifest"
)

func module(name string) cid.Cid { return iprt.Builtin().Modules[name].CID }

func TestRegister(t *testing.T) {
	h, _ := newHost(t)
	m, err := h.Load(t.Context(), module("dag-cbor"), host.Binding{Name: "dag-cbor"})
	if err != nil {
		t.Fatal(err)
	}
	s := ipldbind.New(ipldbind.Config{})
	if err := s.Register(m); err != nil {
		t.Fatal(err)
	}
	var conflict *ipldbind.ConflictError
	if err := s.Register(m); !errors.As(err, &conflict) || conflict.Multicodec != cid.DagCBOR || conflict.Have != m.ID() {
		t.Errorf("registered twice: %v", err)
	}
	block, err := s.Encode(t.Context(), cid.DagCBOR, node("a", 1), nil)
	if err != nil || string(block) != "\xa1\x61a\x01" {
		t.Fatalf("%x, %v", block, err)
	}
	if links, err := s.Links(t.Context(), cid.DagCBOR, block, nil); err != nil || len(links) != 0 {
		t.Errorf("%v, %v", links, err)
	}
	if err := s.DecodeInto(t.Context(), cid.DagCBOR, block, nil, basicnode.Prototype.Map.NewBuilder()); err != nil {
		t.Error(err)
	}
	n, err := s.Decode(t.Context(), cid.DagCBOR, block, nil)
	if err != nil || !datamodel.DeepEqual(n, node("a", 1)) {
		t.Errorf("%v, %v", n, err)
	}
	if s.Unregister(m) != 1 || s.Unregister(m) != 0 || len(s.Codes()) != 0 {
		t.Error("Unregister left something, or took it twice")
	}
}

// TestViewOutlivesModule reads a view after its module is gone, and calls the module once more.
func TestViewOutlivesModule(t *testing.T) {
	h, _ := newHost(t)
	m, err := h.Load(t.Context(), module("dag-cbor"), host.Binding{})
	if err != nil {
		t.Fatal(err)
	}
	c, err := ipldbind.Bind(m)
	if err != nil {
		t.Fatal(err)
	}
	n, err := c.Decode(t.Context(), []byte("\xa1\x61a\x01"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !datamodel.DeepEqual(n, node("a", 1)) {
		t.Error("the view changed")
	}
	if _, err := c.Decode(t.Context(), []byte{0xa0}, nil); !errors.Is(err, host.ErrClosed) {
		t.Errorf("got %v", err)
	}
}

func TestHostModules(t *testing.T) {
	h, f := newHost(t)
	mods := ipldbind.NewHostModules(h, f, ipldbind.HostModulesConfig{Keep: 1})
	id := module("bencode")
	info, err := mods.Inspect(t.Context(), id)
	if err != nil || info.ID != id || info.Name != "bencode" || info.Purity < manifest.Pure || info.Size < 1000 {
		t.Errorf("%+v, %v", info, err)
	}
	if n := len(h.Modules()); n != 0 {
		t.Errorf("looking at a module loaded %d", n)
	}
	first, releaseFirst, err := mods.Load(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	again, releaseAgain, err := mods.Load(t.Context(), id)
	if err != nil || again != first {
		t.Errorf("loaded twice: %v", err)
	}
	_, releaseOther, err := mods.Load(t.Context(), module("dag-cbor"))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(h.Modules()); n != 2 {
		t.Errorf("%d modules are loaded, and 2 in use", n)
	}
	releaseOther()
	releaseAgain()
	releaseAgain() // is harmless
	if n, err := first.Decode(t.Context(), []byte("i7e"), nil); err != nil || must(n.AsInt()) != 7 {
		t.Errorf("a module in use was closed: %v", err)
	}
	releaseFirst()
	if n := len(h.Modules()); n != 1 {
		t.Errorf("%d modules are kept", n)
	}
	if err := mods.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if n := len(h.Modules()); n != 0 {
		t.Errorf("%d modules are loaded after Close", n)
	}
	if _, _, err := mods.Load(t.Context(), id); !errors.Is(err, host.ErrClosed) {
		t.Errorf("load after Close: %v", err)
	}
}

func TestHostModulesFail(t *testing.T) {
	h, f := newHost(t)
	missing, noWasm := sum(cid.Raw, []byte("missing")), []byte("no module")
	f = f.With(fetch.Func("test", func(c cid.Cid) ([]byte, error) {
		if c == sum(cid.Raw, noWasm) {
			return noWasm, nil
		}
		return nil, fetch.ErrNotFound
	}))
	mods := ipldbind.NewHostModules(h, f, ipldbind.HostModulesConfig{})
	if _, err := mods.Inspect(t.Context(), missing); !errors.Is(err, fetch.ErrNotFound) {
		t.Errorf("inspect: %v", err)
	}
	if _, _, err := mods.Load(t.Context(), missing); !errors.Is(err, fetch.ErrNotFound) {
		t.Errorf("load: %v", err)
	}
	var refused *host.RefusedError
	if info, err := mods.Inspect(t.Context(), sum(cid.Raw, noWasm)); !errors.As(err, &refused) || refused.Kind != host.RefusedInvalid {
		t.Errorf("inspect what is no module: %+v, %v", info, err)
	}
	refused = nil
	if _, _, err := mods.Load(t.Context(), sum(cid.Raw, noWasm)); !errors.As(err, &refused) {
		t.Errorf("no module: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := mods.Load(ctx, module("dag-cbor")); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	_, release, err := mods.Load(t.Context(), module("dag-cbor"))
	if err != nil {
		t.Fatalf("after failures: %v", err)
	}
	release()
	if err := mods.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestHostModulesCrowd loads and releases few modules from many goroutines, with room for one.
func TestHostModulesCrowd(t *testing.T) {
	h, f := newHost(t)
	mods := ipldbind.NewHostModules(h, f, ipldbind.HostModulesConfig{Keep: 1})
	var wg sync.WaitGroup
	for g := range 6 {
		wg.Go(func() {
			for i := range 8 {
				name, input := "bencode", "i7e"
				if (g+i)%2 == 0 {
					name, input = "dag-cbor", "\x07"
				}
				c, release, err := mods.Load(context.Background(), module(name))
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := c.Decode(context.Background(), []byte(input), nil); err != nil {
					t.Error(err)
				}
				release()
			}
		})
	}
	wg.Wait()
	if n := len(h.Modules()); n > 1 {
		t.Errorf("%d modules are kept", n)
	}
	if err := mods.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestRealEnvelope writes an envelope around bencode, and reads it with modules that are fetched by the CIDs in it.
func TestRealEnvelope(t *testing.T) {
	h, f := newHost(t)
	mods := ipldbind.NewHostModules(h, f, ipldbind.HostModulesConfig{})
	defer mods.Close(context.Background())
	bencode, release, err := mods.Load(t.Context(), module("bencode"))
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	blocks := &store{}
	block, err := ipldbind.WriteEnvelope(t.Context(), bencode, []byte("d4:infod4:name8:file.txtee"), ipldbind.EnvelopeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	env := blocks.put(cid.DagCBOR, block)
	r := ipldbind.Resolver{LinkSystem: blocks.system(), Modules: mods, Policy: ipldbind.AllowPure()}
	res, err := r.Resolve(t.Context(), env, "~/info/name", ipldbind.Options{})
	if err != nil || text(res.Node) != "file.txt" {
		t.Errorf("%v, %v", res, err)
	}
	broken := blocks.putCBOR(node("iprt", 1, "codec", module("bencode"), "data", []byte("i007e")))
	_, err = r.Resolve(t.Context(), broken, "~", ipldbind.Options{})
	var ce *host.CallError
	if !errors.As(err, &ce) || !strings.Contains(err.Error(), module("bencode").String()) {
		t.Errorf("got %v", err)
	}
	itself := blocks.putCBOR(node("iprt", 1, "codec", blocks.put(cid.Raw, block), "data", block))
	var ee *ipldbind.EnvelopeError
	if _, err := r.Resolve(t.Context(), itself, "~", ipldbind.Options{}); !errors.As(err, &ee) {
		t.Errorf("a module that is an envelope: %v", err)
	}
}
