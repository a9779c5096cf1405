package ipldbind_test

import (
	"errors"
	"testing"

	"github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/linking"
	cidlink "github.com/ipld/go-ipld-prime/linking/cid"
	"github.com/ipld/go-ipld-prime/node/basicnode"

	"github.com/iprt/iprt/host/ipldbind"
)

func TestReifier(t *testing.T) {
	w := newWorld(t)
	data := w.put(cid.Raw, w.f.block(node("a", "inside")))
	env := w.putCBOR(node("iprt", 1, "codec", w.f.id, "data", data))
	w.lsys.KnownReifiers = map[string]linking.NodeReifier{"other": nil}
	before := w.lsys.KnownReifiers
	w.InstallReifier(w.lsys)
	if len(before) != 1 || len(w.lsys.KnownReifiers) != 2 {
		t.Errorf("reifiers: %d before, %d now", len(before), len(w.lsys.KnownReifiers))
	}
	n := must(w.lsys.Load(linking.LinkContext{}, cidlink.Link{Cid: env}, basicnode.Prototype.Any))
	reify := w.lsys.KnownReifiers[ipldbind.ReifierName]
	got, err := reify(linking.LinkContext{Ctx: t.Context()}, n, w.lsys)
	if err != nil || text(must(got.LookupByString("a"))) != "inside" {
		t.Errorf("%v, %v", got, err)
	}
	plain := node("a", 1)
	if got, err := reify(linking.LinkContext{}, plain, w.lsys); err != nil || got != plain {
		t.Errorf("ordinary data: %v, %v", got, err)
	}
	w.Policy = nil
	var pe *ipldbind.PolicyError
	if _, err := reify(linking.LinkContext{}, n, w.lsys); !errors.As(err, &pe) {
		t.Errorf("denied: %v", err)
	}
}
