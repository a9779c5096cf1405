package bitswap_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/iprt/iprt/host/fetch"
	"github.com/iprt/iprt/host/fetch/unixfs"
	"github.com/iprt/iprt/host/source/bitswap"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
)

// patience is short enough for a test to wait for, and long enough for an
// honest answer on loopback.
const patience = 500 * time.Millisecond

var misfits = map[string]func(*misfit, peer.ID, cid.Cid){
	"lies": lies, "silent": silent, "vanishes": vanishes, "insists": insists, "another codec": wrongCodec,
}

// TestBesideHonest asks the misfit before the honest peer is there, so that a
// block is expected from it.
func TestBesideHonest(t *testing.T) {
	for name, onAsk := range misfits {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, good := newNode(t, bitswap.WithPatience(patience)), newNode(t)
			asked := make(chan struct{}, 1000)
			bad := newMisfit(t, func(m *misfit, from peer.ID, c cid.Cid) {
				asked <- struct{}{}
				onAsk(m, from, c)
			})
			client.connect(t, bad.host)
			f := fetch.New(fetch.Config{Sources: []fetch.Source{client.source}})
			got := make(chan error)
			go func() { got <- get(t, f, good) }()
			<-asked
			client.connect(t, good.host)
			if err := <-got; err != nil {
				t.Fatal(err)
			}
			client.connect(t, bad.host) // it may have gone
			for i := range 5 {
				start := time.Now()
				if err := get(t, f, good); err != nil {
					t.Fatalf("file %d: %v", i, err)
				}
				if took := time.Since(start); took > 20*patience {
					t.Errorf("file %d: took %v", i, took)
				}
			}
		})
	}
}

// get adds a file to the node and fetches it.
func get(t *testing.T, f *fetch.Fetcher, from *node) error {
	content := make([]byte, 5*unixfs.ChunkSize)
	rand.Read(content)
	added, err := unixfs.Add(t.Context(), from, bytes.NewReader(content))
	if err == nil {
		_, err = f.File(t.Context(), fetch.Request{CID: added.CID})
	}
	return err
}

// TestCrowd has one honest peer among many that only say that they have it.
// Each of them is waited for less than the one before.
func TestCrowd(t *testing.T) {
	t.Parallel()
	const patience, crowd = time.Second, 10
	client, good := newNode(t, bitswap.WithPatience(patience)), newNode(t)
	asked := make(chan struct{}, 1000)
	for range crowd {
		client.connect(t, newMisfit(t, func(*misfit, peer.ID, cid.Cid) { asked <- struct{}{} }).host)
	}
	content := noise(t, 5000)
	c := fetch.Identity(content)
	if err := good.Put(t.Context(), c, content); err != nil {
		t.Fatal(err)
	}
	f := fetch.New(fetch.Config{Sources: []fetch.Source{client.source}})
	start := time.Now()
	got := make(chan error, 1)
	go func() {
		_, err := f.Block(t.Context(), fetch.Request{CID: c})
		got <- err
	}()
	for range crowd - 1 { // the last one is not given up before there is another
		<-asked
	}
	client.connect(t, good.host)
	if err := <-got; err != nil {
		t.Error(err)
	}
	if took := time.Since(start); took > (crowd-2)*patience {
		t.Errorf("took %v", took)
	}
}

func TestOnlyMisfits(t *testing.T) {
	tests := map[string]struct {
		onAsk func(*misfit, peer.ID, cid.Cid)
		want  string
		wrong bool // content was refused, rather than not to be had
	}{
		"lies":          {lies, "sent 64 bytes that do not match", true},
		"another codec": {wrongCodec, "sent 1 bytes that do not match", true},
		"silent":        {silent, "no block within", false},
		"vanishes":      {vanishes, "no connected peer is left to ask", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, bad := newNode(t, bitswap.WithPatience(patience)), newMisfit(t, tt.onAsk)
			client.connect(t, bad.host)
			f := fetch.New(fetch.Config{Sources: []fetch.Source{client.source}})
			start := time.Now()
			_, err := f.Block(t.Context(), fetch.Request{CID: fetch.Identity([]byte(name)), Budget: fetch.Budget{Idle: 5 * patience}})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("%v, want %q", err, tt.want)
			}
			var wrong *fetch.HashError
			if errors.As(err, &wrong) != tt.wrong || errors.Is(err, fetch.ErrNotFound) == tt.wrong {
				t.Errorf("%v is of the wrong kind", err)
			}
			if tt.wrong && !strings.Contains(wrong.Source, bad.host.ID().String()) {
				t.Errorf("%v does not name the peer", wrong)
			}
			if took := time.Since(start); took < patience || took > 20*patience {
				t.Errorf("took %v", took)
			}
		})
	}
}

// TestLateIsTaken has an honest peer that is slower than the patience, alone
// and beside one that knows nothing of the block.
func TestLateIsTaken(t *testing.T) {
	for name, beside := range map[string]bool{"alone": false, "beside another": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			content := noise(t, 5000)
			client := newNode(t, bitswap.WithPatience(patience))
			client.connect(t, newMisfit(t, slow(content, 3*patience)).host)
			if beside {
				client.connect(t, newNode(t).host)
			}
			f := fetch.New(fetch.Config{Sources: []fetch.Source{client.source}})
			if _, err := f.Block(t.Context(), fetch.Request{CID: fetch.Identity(content)}); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestLateEndsRest has two slow peers: the first is left alone, and asked again
// when what it was asked for came after all.
func TestLateEndsRest(t *testing.T) {
	t.Parallel()
	first, second := noise(t, 5000), noise(t, 5000)
	client := newNode(t, bitswap.WithPatience(patience))
	answers := map[cid.Cid][]byte{fetch.Identity(first): first, fetch.Identity(second): second}
	late := newMisfit(t, func(m *misfit, from peer.ID, c cid.Cid) {
		time.Sleep(2 * patience)
		m.send(from, c, answers[c])
	})
	client.connect(t, late.host)
	client.connect(t, newMisfit(t, silent).host)
	f := fetch.New(fetch.Config{Sources: []fetch.Source{client.source}})
	for c := range answers {
		if _, err := f.Block(t.Context(), fetch.Request{CID: c}); err != nil {
			t.Error(err)
		}
	}
}

// TestFloodIsRefused sends blocks that nobody wants until the client hangs up,
// and again when it is connected anew.
func TestFloodIsRefused(t *testing.T) {
	t.Parallel()
	client, bad := newNode(t, bitswap.WithPatience(patience)), newMisfit(t, silent)
	to := client.host.ID()
	connected := func() bool { return client.host.Network().Connectedness(bad.host.ID()) == network.Connected }
	client.connect(t, bad.host)
	for n := 0; connected(); n++ {
		if n == 100 {
			t.Fatal("still connected after 100 lies")
		}
		lies(bad, to, fetch.Identity(noise(t, 8)))
		time.Sleep(5 * time.Millisecond) // so that hanging up can be seen
	}
	_ = bad.host.Connect(t.Context(), peer.AddrInfo{ID: to, Addrs: client.host.Addrs()})
	for deadline := time.Now().Add(5 * time.Second); connected(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a refused peer can connect again")
		}
	}
}

// TestRepeatsAreNoLies has a peer that sends everything many times over.
func TestRepeatsAreNoLies(t *testing.T) {
	t.Parallel()
	content := noise(t, 5000)
	c := fetch.Identity(content)
	client := newNode(t, bitswap.WithPatience(patience))
	sent := make(chan struct{})
	good := newMisfit(t, func(m *misfit, from peer.ID, c cid.Cid) {
		defer close(sent)
		for range 50 {
			m.send(from, c, content)
		}
	})
	client.connect(t, good.host)
	f := fetch.New(fetch.Config{Sources: []fetch.Source{client.source}})
	if _, err := f.Block(t.Context(), fetch.Request{CID: c}); err != nil {
		t.Fatal(err)
	}
	<-sent
	if client.host.Network().Connectedness(good.host.ID()) != network.Connected {
		t.Error("an honest peer was refused for repeating itself")
	}
}

// TestNobodyHas: when all who are connected said no, there is a little time for
// somebody else to come, and then an error that says so.
func TestNobodyHas(t *testing.T) {
	t.Parallel()
	client, first, second := newNode(t, bitswap.WithPatience(patience)), newNode(t), newNode(t)
	client.connect(t, first.host)
	client.connect(t, second.host)
	f := fetch.New(fetch.Config{Sources: []fetch.Source{client.source}})
	start := time.Now()
	_, err := f.Block(t.Context(), fetch.Request{CID: fetch.Identity([]byte("nowhere"))})
	if !errors.Is(err, fetch.ErrNotFound) || !strings.Contains(err.Error(), "no connected peer has it") {
		t.Errorf("got %v", err)
	}
	if took := time.Since(start); took < patience || took > 8*patience {
		t.Errorf("took %v", took)
	}

	block := noise(t, 100)
	third := newNode(t)
	if err := third.Put(t.Context(), fetch.Identity(block), block); err != nil {
		t.Fatal(err)
	}
	got := make(chan error, 1)
	go func() {
		_, err := f.Block(t.Context(), fetch.Request{CID: fetch.Identity(block)})
		got <- err
	}()
	client.connect(t, third.host) // it comes late
	if err := <-got; err != nil {
		t.Errorf("with a peer that came late: %v", err)
	}
}
