package oracle

import (
	"context"
	"testing"

	"github.com/ipfs/go-cid"

	"github.com/iprt/iprt"
	"github.com/iprt/iprt/host"
	"github.com/iprt/iprt/host/engine/wazero"
	"github.com/iprt/iprt/host/fetch"
	"github.com/iprt/iprt/host/ipldbind"
)

// open loads the bencode module that ships with iprt.
func open(t testing.TB) *ipldbind.Codec {
	t.Helper()
	e, err := wazero.New(wazero.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close(context.Background()) })
	shipped, ok := iprt.Builtin().Modules["bencode"]
	if !ok {
		t.Fatal("the lock has no bencode")
	}
	h, err := host.New(e, host.Config{Fetch: fetch.New(fetch.Config{Sources: []fetch.Source{builtin}}), Policy: host.AllowList(shipped.CID)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close(context.Background()) })
	m, err := h.Load(t.Context(), shipped.CID, host.Binding{Name: "bencode"})
	if err != nil {
		t.Fatal(err)
	}
	c, err := ipldbind.Bind(m)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var builtin = fetch.Func("built in", func(c cid.Cid) ([]byte, error) {
	if b, ok := iprt.BlockFor(c); ok {
		return b, nil
	}
	return nil, fetch.ErrNotFound
})
