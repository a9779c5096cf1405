package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ipfs/go-cid"

	"github.com/iprt/iprt/host/fetch"
	"github.com/iprt/iprt/host/node"
	"github.com/iprt/iprt/host/node/control"
	"github.com/iprt/iprt/internal/wasmtest"
)

// TestKill kills a node at random points of fetches, puts, loads, unloads,
// grants, denials and writes of the compile cache, again and again on one data
// directory. Every start must succeed without repair and still have all that was
// acknowledged before.
// IPRT_KILL_POINTS is how often; 20 by default.
func TestKill(t *testing.T) {
	points := 20
	if s := os.Getenv("IPRT_KILL_POINTS"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		points = n
	}
	if testing.Short() {
		points = 3
	}
	k := &killing{t: t, dir: filepath.Join(t.TempDir(), "data"), gateway: blockServer(t)}
	delay := rand.New(rand.NewPCG(1, 2))
	for range points {
		n := k.start()
		k.verify(n)
		ctx, cancel := context.WithCancel(t.Context())
		var busy sync.WaitGroup
		for _, work := range k.work() {
			busy.Go(func() {
				for ctx.Err() == nil && work(ctx, n.client) {
				}
			})
		}
		time.Sleep(time.Duration(delay.IntN(250)) * time.Millisecond) // the point: any is as good as another
		n.kill(t)
		cancel()
		busy.Wait()
	}
	n := k.start()
	k.verify(n)
	n.kill(t)
	t.Logf("%d kills: %d blocks put, %d fetched, %d grants, %d denials, %d loads and %d unloads were acknowledged",
		points, len(k.put.all), len(k.fetched.all), len(k.granted.all), len(k.denied.all), k.loads.Load(), k.unloads.Load())
	kept, err := node.ReadKept(k.dir)
	if err != nil || kept.Artifacts == 0 {
		t.Errorf("%d entries in the compile cache, %v", kept.Artifacts, err)
	}
	for what, n := range map[string]int{"put": len(k.put.all), "fetch": len(k.fetched.all), "grant": len(k.granted.all), "denial": len(k.denied.all), "load": int(k.loads.Load())} {
		if n == 0 {
			t.Errorf("no %s was ever acknowledged", what)
		}
	}
}

// killing is what survives the node: its directory, and what it has acknowledged.
type killing struct {
	t       *testing.T
	dir     string
	gateway string
	serial  atomic.Int64

	put, fetched, granted, denied acknowledged
	loads, unloads                atomic.Int64
}

type acknowledged struct {
	mu  sync.Mutex
	all []string
}

func (a *acknowledged) add(s string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.all = append(a.all, s)
}

type victim struct {
	cmd    *exec.Cmd
	log    lockedText
	client *control.Client
}

// start runs a node and waits until it is ready.
func (k *killing) start() *victim {
	k.t.Helper()
	self, err := os.Executable()
	if err != nil {
		k.t.Fatal(err)
	}
	v := &victim{cmd: exec.Command(self, "--data-dir", k.dir, "--gateway", k.gateway, "run")}
	v.cmd.Args[0] = "iprt" // see TestMain
	v.cmd.Stderr = &v.log
	out, err := v.cmd.StdoutPipe()
	if err == nil {
		err = v.cmd.Start()
	}
	if err != nil {
		k.t.Fatal(err)
	}
	k.t.Cleanup(func() { _ = v.cmd.Process.Kill() })
	timer := time.AfterFunc(time.Minute, func() { _ = v.cmd.Process.Kill() })
	defer timer.Stop()
	ready := false
	for s := bufio.NewScanner(out); !ready && s.Scan(); {
		ready = s.Text() == "ready"
	}
	if !ready {
		k.t.Fatalf("it does not start again:\n%s", v.log.String())
	}
	if v.client, err = control.Dial(k.t.Context(), k.dir); err != nil {
		k.t.Fatal(err)
	}
	return v
}

func (v *victim) kill(t *testing.T) {
	t.Helper()
	if err := v.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = v.cmd.Wait()
	_ = v.client.Close()
	for _, bad := range []string{"compile cache", "level=ERROR", "corrupt", "panic"} {
		if strings.Contains(v.log.String(), bad) {
			t.Errorf("the node complains:\n%s", v.log.String())
		}
	}
}

// work is what goes on while the node is killed. Each returns false when it failed,
// as it does when the node is gone.
func (k *killing) work() []func(context.Context, *control.Client) bool {
	fresh := func(what string, size int) []byte {
		b := make([]byte, size)
		copy(b, fmt.Sprintf("%s %d", what, k.serial.Add(1)))
		return b
	}
	return []func(context.Context, *control.Client) bool{
		func(ctx context.Context, c *control.Client) bool {
			b := fresh("put", 100_000)
			id := fetch.Identity(b).String()
			if c.PutBlock(ctx, id, b) != nil {
				return false
			}
			k.put.add(id)
			return true
		},
		func(ctx context.Context, c *control.Client) bool {
			id := fetch.Identity(remoteBlock(k.serial.Add(1))).String()
			if _, err := c.GetBlock(ctx, id, control.Reach{}); err != nil {
				return false
			}
			k.fetched.add(id)
			return true
		},
		func(ctx context.Context, c *control.Client) bool {
			id := fetch.Identity(fresh("grant", 10)).String()
			if c.Grant(ctx, control.GrantRequest{Modules: []string{id}}) != nil {
				return false
			}
			k.granted.add(id)
			return true
		},
		func(ctx context.Context, c *control.Client) bool {
			id := fetch.Identity(fresh("deny", 10)).String()
			if _, err := c.Deny(ctx, control.DenyRequest{Modules: []string{id}}); err != nil {
				return false
			}
			k.denied.add(id)
			return true
		},
		func(ctx context.Context, c *control.Client) bool { // each one is compiled and cached
			name := fmt.Sprintf("m%d", k.serial.Add(1))
			b := wasmtest.Codec(wasmtest.ManifestName(name), wasmtest.ManifestCode(0x310000+uint64(k.serial.Load())))
			id := fetch.Identity(b).String()
			if c.PutBlock(ctx, id, b) != nil {
				return false
			}
			k.put.add(id)
			if _, err := c.Load(ctx, control.LoadRequest{Module: id, Binding: name, Allow: true}); err != nil {
				return false
			}
			k.loads.Add(1)
			if c.Unload(ctx, name) != nil {
				return false
			}
			k.unloads.Add(1)
			return true
		},
	}
}

// verify holds a node that was just started to what its predecessors said.
func (k *killing) verify(v *victim) {
	k.t.Helper()
	for _, id := range append(k.put.all, k.fetched.all...) {
		b, err := v.client.GetBlock(k.t.Context(), id, control.Reach{Offline: true})
		if err != nil || fetch.Identity(b).String() != id {
			k.t.Fatalf("block %s is lost: %v", id, err)
		}
	}
	var doc struct{ Allow, Deny []string }
	b, err := os.ReadFile(filepath.Join(k.dir, "policy.json"))
	if err == nil {
		err = json.Unmarshal(b, &doc)
	}
	if err != nil && (len(k.granted.all) > 0 || !errors.Is(err, os.ErrNotExist)) {
		k.t.Fatal(err)
	}
	has := make(map[string]bool)
	for _, id := range append(doc.Allow, doc.Deny...) {
		has[id] = true
	}
	for _, id := range append(k.granted.all, k.denied.all...) {
		if !has[id] {
			k.t.Fatalf("the decision about %s is lost", id)
		}
	}
	for _, pattern := range []string{".new-*", "locators/.new-*"} {
		if left, _ := filepath.Glob(filepath.Join(k.dir, pattern)); len(left) > 0 {
			k.t.Errorf("left behind: %v", left)
		}
	}
}

// remoteBlock is a block that only the gateway has.
func remoteBlock(n int64) []byte { return fmt.Appendf(make([]byte, 0, 64), "remote block %d", n) }

// blockServer is a gateway that has every remoteBlock.
func blockServer(t *testing.T) string {
	var mu sync.Mutex
	known, next := map[string][]byte{}, int64(0)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := cid.Decode(strings.TrimPrefix(r.URL.Path, "/ipfs/"))
		if err != nil {
			http.NotFound(w, r)
			return
		}
		mu.Lock()
		for len(known) < 1<<20 && known[c.String()] == nil && next < 200_000 {
			next++
			b := remoteBlock(next)
			known[fetch.Identity(b).String()] = b
		}
		b := known[c.String()]
		mu.Unlock()
		if b == nil {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/vnd.ipld.raw")
		_, _ = w.Write(b)
	}))
	t.Cleanup(s.Close)
	return s.URL
}
