package node_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/ipfs/go-cid"

	"github.com/iprt/iprt/host/engine"
	"github.com/iprt/iprt/host/fetch"
	"github.com/iprt/iprt/host/node"
	"github.com/iprt/iprt/host/node/control"
	"github.com/iprt/iprt/internal/wasmtest"
)

// compiling counts what an engine compiles, and can fail at it.
type compiling struct {
	engine.Engine
	count  atomic.Int32
	broken atomic.Bool
}

func (e *compiling) Compile(ctx context.Context, wasm []byte, imports []engine.Import) (engine.Code, error) {
	e.count.Add(1)
	if e.broken.Load() {
		return nil, errors.New("out of order")
	}
	return e.Engine.Compile(ctx, wasm, imports)
}

func openCounted(t *testing.T) (*node.Node, *compiling) {
	t.Helper()
	e := &compiling{Engine: newEngine(t)}
	n, err := node.Open(t.Context(), node.Config{Dir: t.TempDir(), Engine: e})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(context.Background()); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return n, e
}

// A module that requests allow, but nobody loaded, is compiled once.
func TestBorrowedModuleStays(t *testing.T) {
	n, e := openCounted(t)
	module := put(t, n, echo)
	block := putCode(t, n, 0x300010, []byte("x"))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 5 {
				if _, err := n.DagGet(t.Context(), control.DagGetRequest{Path: block, Allow: []string{module}}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if c := e.count.Load(); c != 1 {
		t.Errorf("compiled %d times", c)
	}
	// That it is still loaded does not allow it.
	if _, err := n.DagGet(t.Context(), control.DagGetRequest{Path: block}); code(err) != "unknown-codec" {
		t.Errorf("without permission: %v", err)
	}
}

// Only so many stay, and what was used lately does.
func TestBorrowedModulesGo(t *testing.T) {
	n, e := openCounted(t)
	get := func(i int) error {
		code := uint64(0x300100 + i)
		module := put(t, n, wasmtest.Codec(wasmtest.ManifestName(fmt.Sprintf("m%d", i)), wasmtest.ManifestCode(code)))
		_, err := n.DagGet(t.Context(), control.DagGetRequest{Path: putCode(t, n, code, []byte("x")), Allow: []string{module}})
		return err
	}
	for _, i := range []int{0, 1, 2, 3, 4, 5, 6, 7, 0, 8, 0} { // 8 takes the place of 1
		if err := get(i); err != nil {
			t.Fatal(err)
		}
	}
	if c := e.count.Load(); c != 9 {
		t.Errorf("compiled %d times, want 9", c)
	}
	if err := get(1); err != nil || e.count.Load() != 10 {
		t.Errorf("after it had to go: %v, compiled %d times", err, e.count.Load())
	}
}

// What failed once is tried again.
func TestBorrowedModuleFails(t *testing.T) {
	n, e := openCounted(t)
	r := control.DagGetRequest{Path: putCode(t, n, 0x300010, []byte("x")), Allow: []string{put(t, n, echo)}}
	e.broken.Store(true)
	if _, err := n.DagGet(t.Context(), r); err == nil {
		t.Error("a broken engine was not noticed")
	}
	e.broken.Store(false)
	if _, err := n.DagGet(t.Context(), r); err != nil {
		t.Error(err)
	}
}

// putCode stores a block of some codec.
func putCode(t *testing.T, n *node.Node, code uint64, b []byte) string {
	t.Helper()
	c := cid.NewCidV1(code, fetch.Identity(b).Hash()).String()
	if err := n.PutBlock(t.Context(), c, slices.Clone(b)); err != nil {
		t.Fatal(err)
	}
	return c
}
