package bitswap_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/iprt/iprt/host/fetch"
	"github.com/iprt/iprt/host/fetch/unixfs"
	"github.com/iprt/iprt/host/source/bitswap"

	"github.com/ipfs/boxo/blockstore"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	"github.com/ipfs/go-datastore"
	dssync "github.com/ipfs/go-datastore/sync"
	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// go-libp2p's TCP transport keeps a collector for the process.
		goleak.IgnoreTopFunction("github.com/libp2p/go-libp2p/p2p/transport/tcp.(*aggregatingCollector).gatherMetrics"),
	)
}

// node is a libp2p host with bitswap on a store in memory.
type node struct {
	host   host.Host
	store  blockstore.Blockstore
	source *bitswap.Source
}

func newNode(t *testing.T, opts ...bitswap.Option) *node {
	t.Helper()
	h, err := libp2p.New(libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"), libp2p.DisableRelay(), libp2p.DisableMetrics())
	if err != nil {
		t.Fatal(err)
	}
	n := &node{host: h, store: blockstore.NewBlockstore(dssync.MutexWrap(datastore.NewMapDatastore()))}
	n.source = bitswap.New(h, n.store, opts...)
	t.Cleanup(func() {
		for range 2 { // closing twice is harmless
			if err := n.source.Close(); err != nil {
				t.Error(err)
			}
		}
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

func (n *node) connect(t *testing.T, to host.Host) {
	t.Helper()
	if err := n.host.Connect(t.Context(), peer.AddrInfo{ID: to.ID(), Addrs: to.Addrs()}); err != nil {
		t.Fatal(err)
	}
}

// Put makes the node's store a place to add files to.
func (n *node) Put(ctx context.Context, c cid.Cid, block []byte) error {
	b, err := blocks.NewBlockWithCid(block, c)
	if err != nil {
		return err
	}
	return n.store.Put(ctx, b)
}

func noise(t *testing.T, n int) []byte {
	t.Helper()
	b := make([]byte, n)
	if _, err := rand.Read(b); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestFetch(t *testing.T) {
	server, client := newNode(t), newNode(t)
	client.connect(t, server.host)
	var keep fetch.MemStore
	f := fetch.New(fetch.Config{Store: &keep, Sources: []fetch.Source{client.source}})
	for name, n := range map[string]int{"one raw block": 1000, "largest raw leaf": unixfs.ChunkSize, "UnixFS file": 20*unixfs.ChunkSize + 1} {
		t.Run(name, func(t *testing.T) {
			content := noise(t, n)
			added, err := unixfs.Add(t.Context(), server, bytes.NewReader(content))
			if err != nil {
				t.Fatal(err)
			}
			v, err := f.File(t.Context(), fetch.Request{CID: added.CID})
			if err != nil || !bytes.Equal(v.Bytes(), content) || v.From() != "bitswap" {
				t.Fatalf("%d bytes from %q, %v", len(v.Bytes()), v.From(), err)
			}
			if v, err = f.Offline().File(t.Context(), fetch.Request{CID: added.CID}); err != nil || v.From() != "store" {
				t.Errorf("offline: from %q, %v", v.From(), err)
			}
		})
	}
}

func TestLargestBlock(t *testing.T) {
	server, client := newNode(t), newNode(t)
	client.connect(t, server.host)
	added, err := unixfs.AddRaw(t.Context(), server, bytes.NewReader(noise(t, fetch.MaxBlock)))
	if err != nil {
		t.Fatal(err)
	}
	f := fetch.New(fetch.Config{Sources: []fetch.Source{client.source}})
	if _, err := f.File(t.Context(), fetch.Request{CID: added.CID}); err != nil {
		t.Error(err)
	}
}

func TestNobodyHasIt(t *testing.T) {
	server, client := newNode(t), newNode(t)
	f := fetch.New(fetch.Config{Sources: []fetch.Source{client.source}})
	ask := fetch.Request{CID: fetch.Identity([]byte("nobody")), Budget: fetch.Budget{Idle: 200 * time.Millisecond}}
	start := time.Now()
	_, err := f.Block(t.Context(), ask)
	if !errors.Is(err, fetch.ErrNotFound) || !strings.Contains(err.Error(), "not connected to any peer") || time.Since(start) > 150*time.Millisecond {
		t.Errorf("alone: %v after %v", err, time.Since(start))
	}
	client.connect(t, server.host)
	_, err = f.Block(t.Context(), ask)
	if !errors.Is(err, fetch.ErrNotFound) || !strings.Contains(err.Error(), "no block within 200ms") {
		t.Errorf("with a peer: %v", err)
	}
}

// TestBlockComesLater asks before the peer has the block.
func TestBlockComesLater(t *testing.T) {
	server, client := newNode(t), newNode(t)
	client.connect(t, server.host)
	content := noise(t, 1000)
	c := fetch.Identity(content)
	f := fetch.New(fetch.Config{Sources: []fetch.Source{client.source}})
	got := make(chan error, 1)
	go func() {
		_, err := f.Block(t.Context(), fetch.Request{CID: c})
		got <- err
	}()
	time.Sleep(100 * time.Millisecond) // let the question arrive first
	if err := server.Put(t.Context(), c, content); err != nil {
		t.Fatal(err)
	}
	if err := server.source.Announce(t.Context(), c, content); err != nil {
		t.Fatal(err)
	}
	if err := <-got; err != nil {
		t.Error(err)
	}
}

// TestCorruptStore has a peer that serves a damaged block: it is like one that
// has none, and the honest one answers.
func TestCorruptStore(t *testing.T) {
	bad, good, client := newNode(t), newNode(t), newNode(t)
	content := noise(t, 1000)
	c := fetch.Identity(content)
	if err := bad.Put(t.Context(), c, content[1:]); err != nil {
		t.Fatal(err)
	}
	client.connect(t, bad.host)
	f := fetch.New(fetch.Config{Sources: []fetch.Source{client.source}})
	_, err := f.Block(t.Context(), fetch.Request{CID: c, Budget: fetch.Budget{Idle: 300 * time.Millisecond}})
	if !errors.Is(err, fetch.ErrNotFound) {
		t.Errorf("alone: %v", err)
	}
	if err := good.Put(t.Context(), c, content); err != nil {
		t.Fatal(err)
	}
	client.connect(t, good.host)
	if _, err := f.Block(t.Context(), fetch.Request{CID: c}); err != nil {
		t.Errorf("beside an honest peer: %v", err)
	}
}

func TestCloseEndsQuestions(t *testing.T) {
	server, client := newNode(t), newNode(t)
	client.connect(t, server.host)
	f := fetch.New(fetch.Config{Sources: []fetch.Source{client.source}})
	got := make(chan error, 1)
	go func() {
		_, err := f.Block(t.Context(), fetch.Request{CID: fetch.Identity([]byte("x"))})
		got <- err
	}()
	time.Sleep(50 * time.Millisecond)
	if err := client.source.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-got:
		if err == nil {
			t.Error("no error")
		}
	case <-time.After(5 * time.Second):
		t.Error("a question outlives Close")
	}
}
