package node_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/iprt/iprt/host/fetch"
	"github.com/iprt/iprt/host/node"
	"github.com/iprt/iprt/host/node/control"
	"github.com/iprt/iprt/internal/wasmtest"
)

// smallDisk mounts a file system of two megabytes, which takes privileges.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=2m"); err != nil {
		t.Skip("cannot mount a small disk:", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error("unmount:", err)
		}
	})
	return dir
}

func openAt(t *testing.T, dir string) (*node.Node, error) {
	t.Helper()
	return node.Open(t.Context(), node.Config{Dir: dir, Engine: newEngine(t), Offline: true, CompileArgs: []string{"not used here"}})
}

// says checks that an error is one a user can do something about.
func says(t *testing.T, err error, codes ...string) {
	t.Helper()
	e := node.Explain(err)
	for _, c := range codes {
		if e != nil && e.Code() == c && e.Hint() != "" {
			return
		}
	}
	t.Errorf("got %v (%+v), want one of %v and a hint", err, e, codes)
}

// On a full disk a node says so, keeps what it had acknowledged, runs modules, and
// starts again; on a read-only one it says that.
func TestDiskFullAndReadOnly(t *testing.T) {
	disk := smallDisk(t)
	dir := filepath.Join(disk, "data")
	n, err := openAt(t, dir)
	if err != nil {
		t.Fatal(err)
	}
	module := put(t, n, echo)
	if err := n.Grant(t.Context(), control.GrantRequest{Modules: []string{module}}); err != nil {
		t.Fatal(err)
	}
	var acked []string
	for i := 0; err == nil; i++ {
		b := fmt.Appendf(make([]byte, 0, 50_000), "%d", i)[:50_000]
		id := fetch.Identity(b).String()
		if err = n.PutBlock(t.Context(), id, b); err == nil {
			acked = append(acked, id)
		}
	}
	says(t, err, "disk-full")
	// The last bytes, which the store could not use.
	if f, err := os.Create(filepath.Join(disk, "rest")); err == nil {
		for err == nil {
			_, err = f.Write(make([]byte, 512))
		}
		_ = f.Close()
	}
	says(t, n.Grant(t.Context(), control.GrantRequest{Modules: []string{fetch.Identity([]byte("x")).String()}}), "disk-full")
	for range 2 { // the second time in a new node, on the full disk
		if _, err := n.Load(t.Context(), control.LoadRequest{Module: module}); err != nil {
			t.Error("a module that is stored: ", err)
		}
		for _, id := range acked {
			if _, err := n.GetBlock(t.Context(), id, control.Reach{}); err != nil {
				t.Errorf("block %s: %v", id, err)
			}
		}
		if err := n.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
		if n, err = openAt(t, dir); err != nil {
			t.Fatal("on a full disk: ", err)
		}
	}
	if err := errors.Join(n.Close(context.WithoutCancel(t.Context())), os.Remove(filepath.Join(disk, "rest"))); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("", disk, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	_, err = openAt(t, dir)
	says(t, err, "data-dir", "store-read-only", "read-only")
	_, err = openAt(t, filepath.Join(disk, "new"))
	says(t, err, "data-dir")
}

// Code that went bad on disk, or that somebody changed there, is made again.
func TestDamagedCode(t *testing.T) {
	dir := t.TempDir()
	n, err := openAt(t, dir)
	if err != nil {
		t.Fatal(err)
	}
	id := put(t, n, wasmtest.Codec(wasmtest.ManifestName("old"), wasmtest.ManifestCode(0x300020)))
	load := func() {
		t.Helper()
		if _, err := n.Load(t.Context(), control.LoadRequest{Module: id, Allow: true}); err != nil {
			t.Fatal(err)
		}
		if err := n.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Fatal(err)
		}
	}
	load()
	kept, err := node.ReadKept(dir)
	if err != nil || kept.Artifacts != 1 {
		t.Fatalf("%+v, %v", kept, err)
	}
	entries, err := filepath.Glob(filepath.Join(dir, "artifacts", "*"))
	if err != nil || len(entries) != 1 {
		t.Fatalf("%v, %v", entries, err)
	}
	b, err := os.ReadFile(entries[0])
	if err != nil {
		t.Fatal(err)
	}
	for i := range b {
		b[i] ^= 0xff
	}
	if err := os.WriteFile(entries[0], b, 0o600); err != nil {
		t.Fatal(err)
	}
	if n, err = openAt(t, dir); err != nil {
		t.Fatal(err)
	}
	load()
	after, err := os.ReadFile(entries[0])
	if err != nil || string(after) == string(b) {
		t.Errorf("it was not made again: %v", err)
	}
}
