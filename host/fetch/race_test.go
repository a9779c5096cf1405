package fetch_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/iprt/iprt/host/fetch"
	"github.com/iprt/iprt/host/fetch/unixfs"

	"github.com/ipfs/go-cid"
)

func TestRace(t *testing.T) {
	var store, empty fetch.MemStore
	c := putRaw(t, &store, []byte("good"))
	broken := &fake{name: "broken", get: func(context.Context, cid.Cid) ([]byte, error) {
		return nil, errors.New("connection reset")
	}}
	tests := []struct {
		name    string
		sources []fetch.Source
		from    string // winner, or
		code    string // of the error
		text    []string
	}{
		{"one", []fetch.Source{honest("a", &store)}, "a", "", nil},
		{"a liar and an honest one", []fetch.Source{liar("l", &store), honest("a", &store)}, "a", "", nil},
		{"many liars and an honest one", []fetch.Source{liar("l", &store), liar("m", &store), broken, honest("a", &store)}, "a", "", nil},
		{"stalled and honest", []fetch.Source{stalled("s"), honest("a", &store)}, "a", "", nil},
		{"empty and honest", []fetch.Source{honest("e", &empty), honest("a", &store)}, "a", "", nil},
		{"none", nil, "", "not-found", nil},
		{"only empty", []fetch.Source{honest("e", &empty)}, "", "not-found", []string{"e: not found"}},
		{"only stalled", []fetch.Source{stalled("s")}, "", "not-found", []string{"s: no block within 100ms"}},
		{"only broken", []fetch.Source{broken}, "", "not-found", []string{"broken: connection reset"}},
		{"only a liar", []fetch.Source{liar("l", &store)}, "", "hash-mismatch", []string{"l: sent 4 bytes that do not match"}},
		{"a liar and a stalled one", []fetch.Source{liar("l", &store), stalled("s")}, "", "hash-mismatch", []string{"l: sent 4 bytes", "s: no block within"}},
		{"a liar and an empty one", []fetch.Source{liar("l", &store), honest("e", &empty)}, "", "hash-mismatch", []string{"e: not found"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := fetch.New(fetch.Config{Sources: tt.sources})
			v, err := f.File(t.Context(), fetch.Request{CID: c, Budget: quick(fetch.Untrusted)})
			if tt.code == "" {
				if err != nil || string(v.Bytes()) != "good" || v.From() != tt.from {
					t.Fatalf("got %q from %q, %v", v.Bytes(), v.From(), err)
				}
				return
			}
			var e *fetch.Error
			if !errors.As(err, &e) || e.Code() != tt.code || e.Hint() == "" {
				t.Fatalf("got %v, want an Error with code %s", err, tt.code)
			}
			var lie *fetch.HashError
			if errors.As(err, &lie) != (tt.code == "hash-mismatch") || errors.Is(err, fetch.ErrNotFound) == errors.As(err, &lie) {
				t.Errorf("the classes of %v are not exclusive", err)
			}
			for _, s := range tt.text {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("%q lacks %q", err, s)
				}
			}
		})
	}
}

func TestLoserIsCancelled(t *testing.T) {
	var store fetch.MemStore
	c := putRaw(t, &store, []byte("good"))
	cancelled := make(chan struct{})
	slow := &fake{name: "slow", get: func(ctx context.Context, _ cid.Cid) ([]byte, error) {
		<-ctx.Done()
		close(cancelled)
		return nil, ctx.Err()
	}}
	f := fetch.New(fetch.Config{Sources: []fetch.Source{slow, honest("a", &store)}})
	if _, err := f.Block(t.Context(), fetch.Request{CID: c}); err != nil {
		t.Fatal(err)
	}
	select {
	case <-cancelled: // and Block has waited for it
	default:
		t.Error("Block returned while a loser was still at work")
	}
}

func TestLiarIsDropped(t *testing.T) {
	var store fetch.MemStore
	added, err := unixfs.Add(t.Context(), &store, bytes.NewReader(noise(t, 12*unixfs.ChunkSize)))
	if err != nil {
		t.Fatal(err)
	}
	bad := liar("l", &store)
	var log bytes.Buffer
	slow := &fake{name: "a", get: func(ctx context.Context, c cid.Cid) ([]byte, error) {
		time.Sleep(2 * time.Millisecond) // the liar comes first
		return store.Get(ctx, c)
	}}
	f := fetch.New(fetch.Config{Sources: []fetch.Source{bad, slow}, Log: logTo(&log)})
	if _, err := f.File(t.Context(), fetch.Request{CID: added.CID}); err != nil {
		t.Fatal(err)
	}
	// Two lies are enough, but up to eight questions may be under way then.
	if n := bad.asked.Load(); n >= 12 {
		t.Errorf("a source that lies every time was asked %d times for 13 blocks", n)
	}
	if !strings.Contains(log.String(), "wrong content") {
		t.Errorf("nothing was logged about it: %s", &log)
	}
}

func TestLocalBeforeNetwork(t *testing.T) {
	var store, keep fetch.MemStore
	c := putRaw(t, &store, []byte("good"))
	local, net := honest("builtin", &store), honest("net", &store)
	local.local = true
	f := fetch.New(fetch.Config{Store: &keep, Sources: []fetch.Source{net, local}})
	v, err := f.File(t.Context(), fetch.Request{CID: c})
	if err != nil || v.From() != "builtin" || net.asked.Load() != 0 {
		t.Fatalf("from %q, %v; the network was asked %d times", v.From(), err, net.asked.Load())
	}
	if has, _ := keep.Has(t.Context(), c); has {
		t.Error("a block of a local source was copied")
	}
}

func TestOffline(t *testing.T) {
	var store fetch.MemStore
	c := putRaw(t, &store, []byte("good"))
	net := honest("net", &store)
	f := fetch.New(fetch.Config{}).With(net).Offline()
	_, err := f.Block(t.Context(), fetch.Request{CID: c})
	var e *fetch.Error
	if !errors.As(err, &e) || !e.Offline || net.asked.Load() != 0 {
		t.Fatalf("got %v after %d questions", err, net.asked.Load())
	}
	local := honest("builtin", &store)
	local.local = true
	if _, err := f.With(local).Block(t.Context(), fetch.Request{CID: c}); err != nil {
		t.Error(err)
	}
}

func TestDeadlinesAndCancel(t *testing.T) {
	c := fetch.Identity([]byte("x"))
	f := fetch.New(fetch.Config{Sources: []fetch.Source{stalled("s")}})
	start := time.Now()
	_, err := f.Block(t.Context(), fetch.Request{CID: c, Budget: fetch.Budget{Total: 50 * time.Millisecond}})
	var limit *fetch.BudgetError
	if !errors.As(err, &limit) || limit.What != "time" || time.Since(start) > time.Second {
		t.Errorf("total: %v after %v", err, time.Since(start))
	}
	gone := errors.New("the user went away")
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(20*time.Millisecond, func() { cancel(gone) })
	if _, err := f.Block(ctx, fetch.Request{CID: c}); !errors.Is(err, gone) || !errors.Is(err, context.Canceled) {
		t.Errorf("cancel: %v", err)
	}
}

func TestStoreIsCheckedAndMended(t *testing.T) {
	var good, disk fetch.MemStore
	c := putRaw(t, &good, []byte("good"))
	if err := disk.Put(t.Context(), c, []byte("g00d")); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	f := fetch.New(fetch.Config{Store: &disk, Log: logTo(&log)})
	_, err := f.Block(t.Context(), fetch.Request{CID: c})
	if !errors.Is(err, fetch.ErrNotFound) || !strings.Contains(err.Error(), "corrupt") {
		t.Errorf("got %v, want not found", err)
	}
	if has, _ := disk.Has(t.Context(), c); has {
		t.Error("the corrupt block is still there")
	}
	if !strings.Contains(log.String(), "corrupt") {
		t.Error("nothing was logged about it")
	}
	f = f.With(honest("a", &good))
	for i, from := range []string{"a", "store"} {
		v, err := f.File(t.Context(), fetch.Request{CID: c})
		if err != nil || v.From() != from {
			t.Errorf("time %d: from %q, %v; want %q", i, v.From(), err, from)
		}
	}
}

// TestManyMend has many find the same corrupt block: none may remove the good
// one that another has put in its place.
func TestManyMend(t *testing.T) {
	var good, disk fetch.MemStore
	c := putRaw(t, &good, []byte("good"))
	f := fetch.New(fetch.Config{Store: &disk, Sources: []fetch.Source{honest("a", &good)}})
	for range 50 {
		if err := disk.Put(t.Context(), c, []byte("g00d")); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if _, err := f.Offline().With(honest("a", &good)).Block(t.Context(), fetch.Request{CID: c}); err != nil {
					t.Error(err)
				}
				if has, _ := disk.Has(t.Context(), c); !has {
					t.Error("a block that was stored is gone")
				}
			})
		}
		wg.Wait()
	}
}

// full is a store that takes nothing.
type full struct{ fetch.MemStore }

func (*full) Put(context.Context, cid.Cid, []byte) error { return errFull }

var errFull = errors.New("disk full")

func TestFullStore(t *testing.T) {
	var store fetch.MemStore
	c := putRaw(t, &store, []byte("good"))
	f := fetch.New(fetch.Config{Store: &full{}, Sources: []fetch.Source{honest("a", &store)}})
	if _, err := f.Block(t.Context(), fetch.Request{CID: c}); !errors.Is(err, errFull) {
		t.Errorf("got %v", err)
	}
}

func TestFileByIdentity(t *testing.T) {
	var net, disk fetch.MemStore
	content := noise(t, 3*unixfs.ChunkSize)
	added, err := unixfs.Add(t.Context(), &net, bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	f := fetch.New(fetch.Config{Store: &disk, Sources: []fetch.Source{honest("a", &net)}})
	v, err := f.File(t.Context(), fetch.Request{CID: added.CID})
	if err != nil {
		t.Fatal(err)
	}
	again, err := f.Offline().File(t.Context(), fetch.Request{CID: v.ID()})
	if err != nil || again.ID() != v.ID() || again.Locator() != v.ID() || again.From() != "store" {
		t.Fatalf("by identity: %v from %q, %v", again.ID(), again.From(), err)
	}
	// An entry that leads to other bytes is no harm.
	other := putRaw(t, &disk, []byte("other"))
	if err := disk.SetLocator(t.Context(), v.ID(), other); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Offline().File(t.Context(), fetch.Request{CID: v.ID()}); !errors.Is(err, fetch.ErrNotFound) {
		t.Errorf("a wrong index entry: got %v, want not found", err)
	}
}

// TestResume ends a fetch in the middle: what came so far is kept as whole
// blocks, and the next time only the rest is asked for.
func TestResume(t *testing.T) {
	var net, disk fetch.MemStore
	added, err := unixfs.Add(t.Context(), &net, bytes.NewReader(noise(t, 30*unixfs.ChunkSize)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	src := honest("a", &net)
	src.get = func(_ context.Context, c cid.Cid) ([]byte, error) {
		if src.asked.Load() == 15 {
			cancel()
		}
		return net.Get(ctx, c)
	}
	f := fetch.New(fetch.Config{Store: &disk, Sources: []fetch.Source{src}})
	if _, err := f.File(ctx, fetch.Request{CID: added.CID}); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	first := src.asked.Load()
	v, err := f.File(t.Context(), fetch.Request{CID: added.CID})
	if err != nil || v.From() != "a, store" {
		t.Errorf("from %q, %v", v.From(), err)
	}
	if again := src.asked.Load() - first; first >= 31 || again > 31-first+8 {
		t.Errorf("asked for %d, then %d of 31 blocks", first, again)
	}
}

func TestProgress(t *testing.T) {
	var store fetch.MemStore
	content := noise(t, 5*unixfs.ChunkSize+1)
	added, err := unixfs.Add(t.Context(), &store, bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	var calls []fetch.Progress
	f := fetch.New(fetch.Config{Sources: []fetch.Source{honest("a", &store)}})
	_, err = f.File(t.Context(), fetch.Request{CID: added.CID, Progress: func(p fetch.Progress) { calls = append(calls, p) }})
	if err != nil || len(calls) == 0 {
		t.Fatalf("%d calls, %v", len(calls), err)
	}
	last := calls[len(calls)-1]
	want := fmt.Sprint(fetch.Progress{Bytes: int64(added.Total), Blocks: 7, Claimed: int64(len(content)), Sources: map[string]int64{"a": int64(added.Total)}})
	if fmt.Sprint(last) != want {
		t.Errorf("last call: %+v, want %s", last, want)
	}
}
