package bitswap

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/iprt/iprt/host/fetch"

	"github.com/ipfs/boxo/blockstore"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	"github.com/ipfs/go-datastore"
	dssync "github.com/ipfs/go-datastore/sync"
	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
)

func newSource(t *testing.T, opts ...Option) (host.Host, blockstore.Blockstore, *Source) {
	t.Helper()
	h, err := libp2p.New(libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"), libp2p.DisableRelay(), libp2p.DisableMetrics())
	if err != nil {
		t.Fatal(err)
	}
	store := blockstore.NewBlockstore(dssync.MutexWrap(datastore.NewMapDatastore()))
	s := New(h, store, opts...)
	t.Cleanup(func() {
		_ = s.Close()
		_ = h.Close()
	})
	return h, store, s
}

// TestReminded has a client that asks nobody, as it does for a want that it
// takes for sent.
func TestReminded(t *testing.T) {
	server, store, _ := newSource(t)
	h, _, s := newSource(t, WithPatience(200*time.Millisecond))
	b := blocks.NewBlock([]byte("overlooked"))
	if err := store.Put(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if err := h.Connect(t.Context(), peer.AddrInfo{ID: server.ID(), Addrs: server.Addrs()}); err != nil {
		t.Fatal(err)
	}
	known := func() bool {
		s.watch.mu.Lock()
		defer s.watch.mu.Unlock()
		r := s.watch.peers[server.ID()]
		return r != nil && r.asked
	}
	for !known() {
		time.Sleep(time.Millisecond)
	}
	s.client.PeerDisconnected(server.ID()) // behind the back of the watch

	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := s.Session(ctx, b.Cid(), fetch.Untrusted).Get(ctx, b.Cid()); err != nil {
		t.Error(err)
	}
}

func TestMayCome(t *testing.T) {
	const patience = time.Second
	now := time.Now()
	long, short := now.Add(-2*patience), now.Add(-patience/2)
	tests := []struct {
		name string
		ask  *ask
		liar bool
		want bool
	}{
		{"never asked", nil, false, true},
		{"asked just now", &ask{since: short}, false, true},
		{"no answer", &ask{since: long}, false, false},
		{"has it", &ask{since: long, have: true}, false, true},
		{"has it not", &ask{since: short, denied: true}, false, false},
		{"asked for the block", &ask{since: long, block: long}, false, true},
		{"sent something else", &ask{since: short, have: true, block: short}, true, false},
	}
	for _, tt := range tests {
		w := newWant(cid.Undef, now)
		if tt.ask != nil {
			w.asks["p"] = tt.ask
		}
		w.liars["p"] = tt.liar
		if got := w.mayCome("p", now, patience); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}

func TestRecent(t *testing.T) {
	var r recent
	nth := func(i int) cid.Cid { return fetch.Identity(fmt.Append(nil, i)) }
	const n = 3 * recentWants
	for i := range n {
		r.add(nth(i))
	}
	for _, i := range []int{n - 1, n - recentWants} {
		if !r.has(nth(i)) {
			t.Errorf("forgot number %d of %d", i, n)
		}
	}
	if !r.has(cid.NewCidV1(cid.DagCBOR, nth(n-1).Hash())) {
		t.Error("the codec matters")
	}
	if r.has(nth(0)) || len(r.young)+len(r.old) > 2*recentWants {
		t.Errorf("remembers %d", len(r.young)+len(r.old))
	}
}
