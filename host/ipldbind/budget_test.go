package ipldbind_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/node/basicnode"

	"github.com/iprt/iprt/host/ipldbind"
)

func TestBudgets(t *testing.T) {
	w := newWorld(t)
	chain := w.target
	for range 20 {
		chain = w.putCBOR(basicnode.NewLink(link(chain)))
	}
	big := w.put(cid.Raw, w.f.block(node("b", make([]byte, 100_000))))
	bigEnv := w.putCBOR(node("iprt", 1, "codec", w.f.id, "data", big))
	both := w.envelope(w.f, node("to", w.envelope(w.g, node("a", "inside"))))
	for name, tt := range map[string]struct {
		root   cid.Cid
		path   string
		budget ipldbind.Budget
		want   string
	}{
		"enough blocks":  {chain, "leaf", ipldbind.Budget{Blocks: 21}, ""},
		"blocks":         {chain, "leaf", ipldbind.Budget{Blocks: 20}, "blocks"},
		"enough bytes":   {bigEnv, "~/b", ipldbind.Budget{Bytes: 110_000}, ""},
		"bytes":          {bigEnv, "~/b", ipldbind.Budget{Bytes: 100_000}, "bytes"},
		"data counts":    {bigEnv, "~/b", ipldbind.Budget{Blocks: 1}, "blocks"},
		"enough modules": {both, "~/to/~/a", ipldbind.Budget{Modules: 2}, ""},
		"modules":        {both, "~/to/~/a", ipldbind.Budget{Modules: 1}, "modules"},
	} {
		w.Budget = tt.budget
		_, err := w.Resolve(t.Context(), tt.root, tt.path, ipldbind.Options{})
		var be *ipldbind.BudgetError
		if tt.want == "" && err != nil || tt.want != "" && (!errors.As(err, &be) || be.What != tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.Budget = ipldbind.Budget{Time: time.Nanosecond}
	if _, err := w.Resolve(t.Context(), chain, "leaf", ipldbind.Options{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("time: %v", err)
	}
}

// TestEndlessEnvelopes is a store in which every block is an envelope around a link to the next, without end: a cycle, as far as a
// resolution can tell. Entering all of them stops at the budget.
func TestEndlessEnvelopes(t *testing.T) {
	w := newWorld(t)
	next := w.target
	for range 300 {
		next = w.envelope(w.f, basicnode.NewLink(link(next)))
	}
	_, err := w.Resolve(t.Context(), next, "", ipldbind.Options{EnterAll: true})
	var be *ipldbind.BudgetError
	if !errors.As(err, &be) || be.What != "blocks" {
		t.Fatalf("got %v", err)
	}
	if len(w.shelf.loads) != 1 || len(w.shelf.inspects) != 1 {
		t.Errorf("one module was loaded %d times and looked at %d times", len(w.shelf.loads), len(w.shelf.inspects))
	}
}

// TestNothingUnasked resolves an envelope with 50,000 links and reads two blocks.
func TestNothingUnasked(t *testing.T) {
	w := newWorld(t)
	links := make([]cid.Cid, 50_000)
	for i := range links {
		links[i] = sum(cid.Raw, []byte(fmt.Sprint("nowhere", i)))
	}
	env := w.putCBOR(node("iprt", 1, "codec", w.f.id, "data", w.put(cid.Raw, w.f.block(node("a", "inside", "links", links))), "links", links))
	r, err := w.Resolve(t.Context(), env, "~/a", ipldbind.Options{EnterAll: true})
	if err != nil || text(r.Node) != "inside" {
		t.Fatalf("%v, %v", r, err)
	}
	if len(w.reads) != 2 {
		t.Errorf("%d blocks were read", len(w.reads))
	}
}
