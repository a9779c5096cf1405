package fetch_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/iprt/iprt/host/fetch"
	"github.com/iprt/iprt/host/fetch/unixfs"

	"github.com/ipfs/go-cid"
)

// dfs lists the blocks below c in the order of a gateway's CAR.
func dfs(t *testing.T, s *fetch.MemStore, c cid.Cid) []cid.Cid {
	t.Helper()
	block, err := s.Get(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	n, err := unixfs.Parse(c, block)
	if err != nil {
		t.Fatal(err)
	}
	order := []cid.Cid{c}
	for _, l := range n.Links {
		order = append(order, dfs(t, s, l.CID)...)
	}
	return order
}

// TestDownloadByCAR: what is larger than what may wait in memory still comes as
// one CAR. Only what is asked for long before its turn may be asked for alone.
func TestDownloadByCAR(t *testing.T) {
	store := new(fetch.MemStore)
	content := noise(t, 96<<20) // three nodes of leaves
	file, err := unixfs.Add(t.Context(), store, bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	gw := &gateway{store: store, order: dfs(t, store, file.CID)}
	f := fetch.New(fetch.Config{Sources: []fetch.Source{serve(t, gw, fetch.GatewayOptions{})}})
	s, err := f.Open(t.Context(), fetch.Request{CID: file.CID, Budget: fetch.Download})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	sum := sha256.New()
	if n, err := unixfs.Write(t.Context(), s, file.CID, sum); err != nil || n != file.Size {
		t.Fatalf("%d bytes, %v", n, err)
	}
	if want := sha256.Sum256(content); !bytes.Equal(sum.Sum(nil), want[:]) {
		t.Error("other bytes")
	}
	checkRequests(t, gw, "dag-scope=all", 24)
}

// TestDownloadTreeByCAR: files in directories come in the same CAR, also
// those that are there twice.
func TestDownloadTreeByCAR(t *testing.T) {
	store := new(fetch.MemStore)
	same := noise(t, 3*unixfs.ChunkSize)
	tree, err := unixfs.AddFS(t.Context(), store, fstest.MapFS{
		"d/a":       {Data: same},
		"d/b":       {Data: noise(t, 2*unixfs.ChunkSize)},
		"d/sub/a":   {Data: same},
		"d/sub/two": {Data: []byte("two")},
	}, "d", unixfs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	gw := &gateway{store: store, order: unique(dfs(t, store, tree.CID))}
	f := fetch.New(fetch.Config{Store: new(fetch.MemStore), Sources: []fetch.Source{serve(t, gw, fetch.GatewayOptions{})}})
	s, err := f.Open(t.Context(), fetch.Request{CID: tree.CID, Budget: fetch.Download})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	dst := filepath.Join(t.TempDir(), "out")
	if err := unixfs.Extract(t.Context(), s, tree.CID, dst, nil); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "sub/a"} {
		if got, err := os.ReadFile(filepath.Join(dst, name)); err != nil || !bytes.Equal(got, same) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
	checkRequests(t, gw, "dag-scope=all", 0)
}

func unique(order []cid.Cid) []cid.Cid {
	var out []cid.Cid
	seen := make(map[cid.Cid]bool)
	for _, c := range order {
		if !seen[c] {
			out = append(out, c)
		}
		seen[c] = true
	}
	return out
}

func checkRequests(t *testing.T, gw *gateway, query string, single int) {
	t.Helper()
	all := gw.requests()
	var cars int
	for _, r := range all {
		if strings.Contains(r, query) {
			cars++
		}
	}
	if cars != 1 || len(all)-cars > single {
		t.Errorf("%d CARs and %d single blocks, want 1 and at most %d", cars, len(all)-cars, single)
	}
}

// TestDownloadOfAnotherOrder: a CAR whose blocks nobody wants yet does not stop
// those that are wanted.
func TestDownloadOfAnotherOrder(t *testing.T) {
	store := new(fetch.MemStore)
	content := noise(t, 40<<20)
	file, err := unixfs.Add(t.Context(), store, bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	order := dfs(t, store, file.CID)
	for i, j := 1, len(order)-1; i < j; i, j = i+1, j-1 {
		order[i], order[j] = order[j], order[i]
	}
	gw := &gateway{store: store, order: order}
	f := fetch.New(fetch.Config{Sources: []fetch.Source{serve(t, gw, fetch.GatewayOptions{})}})
	s, err := f.Open(t.Context(), fetch.Request{CID: file.CID, Budget: fetch.Download})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var out bytes.Buffer
	if _, err := unixfs.Write(t.Context(), s, file.CID, &out); err != nil || !bytes.Equal(out.Bytes(), content) {
		t.Fatalf("%d bytes, %v", out.Len(), errors.Unwrap(err))
	}
}
