package fetch_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/iprt/iprt/host/fetch"
	"github.com/iprt/iprt/host/fetch/unixfs"

	ft "github.com/ipfs/boxo/ipld/unixfs"
	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
)

func TestFile(t *testing.T) {
	var store fetch.MemStore
	// Answers come in any order; the file must not.
	shuffled := &fake{name: "a", get: func(ctx context.Context, c cid.Cid) ([]byte, error) {
		time.Sleep(time.Duration(rand.IntN(3)) * time.Millisecond)
		return store.Get(ctx, c)
	}}
	f := fetch.New(fetch.Config{Sources: []fetch.Source{shuffled}})
	for _, n := range []int{0, 1, unixfs.ChunkSize, unixfs.ChunkSize + 1, 8<<20 - 1, 8 << 20} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			content := noise(t, n)
			added, err := unixfs.Add(t.Context(), &store, bytes.NewReader(content))
			if err != nil {
				t.Fatal(err)
			}
			v, err := f.File(t.Context(), fetch.Request{CID: added.CID})
			if err != nil || !bytes.Equal(v.Bytes(), content) || v.ID() != fetch.Identity(content) {
				t.Errorf("got %d bytes, %v", len(v.Bytes()), err)
			}
		})
	}
}

func TestFileShapes(t *testing.T) {
	var s fetch.MemStore
	raw := func(text string) child { return child{cid: putRaw(t, &s, []byte(text)), size: uint64(len(text))} }
	wrapped := func(text string, children ...child) child {
		size := uint64(len(text))
		for _, c := range children {
			size += c.size
		}
		return child{cid: putFile(t, &s, []byte(text), size, children...), size: size}
	}
	v0 := func(c child) child { return child{cid: cid.NewCidV0(c.cid.Hash()), size: c.size} }
	tests := []struct {
		name string
		root child
		want string
	}{
		{"inline", wrapped("abc"), "abc"},
		{"wrapped leaves", wrapped("", wrapped("ab"), wrapped("cd")), "abcd"},
		{"CIDv0 all the way", v0(wrapped("", v0(wrapped("ab")), v0(wrapped("cd")))), "abcd"},
		{"mixed leaves", wrapped("", raw("ab"), wrapped("cd")), "abcd"},
		{"data before children", wrapped("ab", raw("cd"), raw("ef")), "abcdef"},
		{"trickle, uneven depth", wrapped("", raw("ab"), wrapped("cd", raw("ef"), wrapped("gh", raw("ij"))), raw("kl")), "abcdefghijkl"},
		{"repeated child", wrapped("", raw("ab"), raw("ab"), raw("ab")), "ababab"},
		{"empty children", wrapped("", raw(""), raw("ab"), wrapped("")), "ab"},
		{"old raw type", child{cid: putNode(t, &s, ft.WrapData([]byte("abc")))}, "abc"},
		{"other hash", child{cid: putAs(t, &s, cid.Raw, multihash.BLAKE3, -1, []byte("abc"))}, "abc"},
	}
	f := fetch.New(fetch.Config{Store: &s})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v, err := f.File(t.Context(), fetch.Request{CID: tt.root.cid})
			if err != nil || string(v.Bytes()) != tt.want {
				t.Errorf("got %q, %v; want %q", v.Bytes(), err, tt.want)
			}
		})
	}
}

// TestHostileFiles has content whose hashes are right and whose shape is not.
func TestHostileFiles(t *testing.T) {
	var s fetch.MemStore
	leaf := putRaw(t, &s, []byte("0123456789"))
	missing := fetch.Identity([]byte("nobody has this"))
	sha1 := putAs(t, &s, cid.Raw, multihash.SHA1, -1, []byte("weak"))
	inline := putAs(t, &s, cid.Raw, multihash.IDENTITY, -1, []byte("code"))
	ten := func(c cid.Cid) child { return child{cid: c, size: 10} }
	many := func(n int, c child) []child {
		out := make([]child, n)
		for i := range out {
			out[i] = c
		}
		return out
	}
	chain := leaf
	for range 100 {
		chain = putFile(t, &s, nil, 10, ten(chain))
	}
	bomb, size := leaf, uint64(10) // 2^50 leaves in 51 blocks
	for range 50 {
		bomb = putFile(t, &s, nil, 2*size, child{cid: bomb, size: size}, child{cid: bomb, size: size})
		size *= 2
	}
	big := putRaw(t, &s, noise(t, 1<<20))
	tests := []struct {
		name string
		cid  cid.Cid
		want string // type of the error
		text string
	}{
		{"claims more", putFile(t, &s, nil, 11, ten(leaf)), "content", "claims 11 bytes, but its parts claim 10"},
		{"claims less", putFile(t, &s, nil, 9, ten(leaf)), "content", "claims 9 bytes"},
		{"child claims more", putFile(t, &s, nil, 11, child{cid: leaf, size: 11}), "content", "claims 10 bytes, its parent claims 11"},
		{"child claims less", putFile(t, &s, nil, 9, child{cid: leaf, size: 9}), "content", "claims 10 bytes"},
		{"sizes that wrap around", putFile(t, &s, nil, 10, ten(leaf), child{cid: leaf, size: 1<<64 - 10}, ten(leaf)), "content", "more bytes than can be"},
		{"sizes missing", putNode(t, &s, []byte{0x08, 0x02, 0x18, 10}, ten(leaf)), "content", "1 children claims sizes for 0"},
		{"claims too much", putFile(t, &s, nil, 1<<40, child{cid: leaf, size: 1 << 40}), "budget", "more than 8388608 bytes"},
		{"too many children", putFile(t, &s, nil, 1000, many(100, ten(leaf))...), "budget", "more than 64 blocks"},
		{"a million times one child", putFile(t, &s, nil, 300_000, many(30_000, ten(leaf))...), "budget", "more than 64 blocks"},
		{"too many links to parse", putFile(t, &s, nil, 400_000, many(40_000, ten(leaf))...), "content", "more than 32768 links"},
		{"big child repeated", putFile(t, &s, nil, 9<<20, many(9, child{cid: big, size: 1 << 20})...), "budget", "more than 8388608 bytes"},
		{"big child repeated, nothing claimed", putFile(t, &s, nil, 0, many(3, child{cid: big})...), "content", "its parent claims 0"},
		{"doubling tree", bomb, "budget", "bytes"},
		{"deep chain", chain, "budget", "more than 4 levels"},
		{"missing middle block", putFile(t, &s, nil, 30, ten(leaf), ten(missing), ten(leaf)), "missing", missing.String()},
		{"directory", putDir(t, &s, child{cid: leaf, name: "module.wasm"}, child{cid: leaf, name: "README"}), "notfile", "directory"},
		{"sharded directory", putNode(t, &s, []byte{0x08, 0x05, 0x28, 0x22, 0x30, 0x80, 0x02}), "notfile", "sharded directory"},
		{"symlink", putNode(t, &s, []byte{0x08, 0x04, 0x12, 1, 'x'}), "notfile", "symlink"},
		{"metadata", putNode(t, &s, []byte{0x08, 0x03}), "notfile", "metadata"},
		{"dag-cbor", putAs(t, &s, cid.DagCBOR, multihash.SHA2_256, -1, []byte{0xa0}), "notfile", "dag-cbor block"},
		{"directory as a child", putFile(t, &s, nil, 10, ten(putDir(t, &s))), "content", "a directory inside a file"},
		{"dag-cbor as a child", putFile(t, &s, nil, 1, child{cid: putAs(t, &s, cid.DagCBOR, multihash.SHA2_256, -1, []byte{0xa0}), size: 1}), "content", "a dag-cbor block inside a file"},
		{"weak hash below", putFile(t, &s, nil, 4, child{cid: sha1, size: 4}), "content", "not accepted"},
		{"identity below", putFile(t, &s, nil, 4, child{cid: inline, size: 4}), "content", "not accepted"},
		{"unknown type", putNode(t, &s, []byte{0x08, 0x09}), "content", "UnixFS"},
		{"no type", putNode(t, &s, []byte{0x18, 0x01}), "content", "UnixFS"},
		{"no UnixFS", putNode(t, &s, []byte("hello")), "content", "UnixFS"},
		{"no dag-pb", putAs(t, &s, cid.DagProtobuf, multihash.SHA2_256, -1, []byte("hello")), "content", "dag-pb"},
		{"empty dag-pb", putAs(t, &s, cid.DagProtobuf, multihash.SHA2_256, -1, nil), "content", "UnixFS"},
	}
	f := fetch.New(fetch.Config{Sources: []fetch.Source{honest("a", &s)}})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v, err := f.File(t.Context(), fetch.Request{CID: tt.cid, Budget: quick(fetch.Untrusted)})
			if err == nil {
				t.Fatalf("accepted: %d bytes", len(v.Bytes()))
			}
			if got := class(err); got != tt.want || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("got %s error %v, want %s with %q", got, err, tt.want, tt.text)
			}
		})
	}
}

func class(err error) string {
	var (
		budget  *fetch.BudgetError
		content *fetch.ContentError
		notFile *fetch.NotFileError
		missing *fetch.Error
	)
	switch {
	case errors.As(err, &budget):
		return "budget"
	case errors.As(err, &content):
		return "content"
	case errors.As(err, &notFile):
		return "notfile"
	case errors.As(err, &missing):
		return "missing"
	default:
		return fmt.Sprintf("%T", err)
	}
}

func TestDirectoryHint(t *testing.T) {
	var s fetch.MemStore
	var entries []child
	for i := range 8 {
		entries = append(entries, child{cid: fetch.Identity(nil), name: fmt.Sprintf("m%d\x1b.wasm", i)})
	}
	_, err := fetch.New(fetch.Config{Store: &s}).File(t.Context(), fetch.Request{CID: putDir(t, &s, entries...)})
	var e *fetch.NotFileError
	if !errors.As(err, &e) || e.Total != 8 || len(e.Entries) != 5 {
		t.Fatalf("got %#v", err)
	}
	if hint := e.Hint(); !strings.Contains(hint, `"m0\x1b.wasm"`) || !strings.Contains(hint, "and 3 more") {
		t.Errorf("hint %q", hint)
	}
}

// TestBudgetStopsReading counts questions: what is over budget is not read.
func TestBudgetStopsReading(t *testing.T) {
	var s fetch.MemStore
	added, err := unixfs.Add(t.Context(), &s, bytes.NewReader(noise(t, 40*unixfs.ChunkSize)))
	if err != nil {
		t.Fatal(err)
	}
	src := honest("a", &s)
	_, err = fetch.New(fetch.Config{Sources: []fetch.Source{src}}).File(t.Context(), fetch.Request{CID: added.CID})
	if class(err) != "budget" || src.asked.Load() != 1 {
		t.Errorf("%v after %d blocks; want to stop at the root", err, src.asked.Load())
	}
	v, err := fetch.New(fetch.Config{Sources: []fetch.Source{src}}).File(t.Context(), fetch.Request{CID: added.CID, Budget: fetch.Pinned})
	if err != nil || len(v.Bytes()) != 40*unixfs.ChunkSize {
		t.Errorf("pinned: %v", err)
	}
}

func TestSessionBudget(t *testing.T) {
	var s fetch.MemStore
	c := putRaw(t, &s, noise(t, 1000))
	session, err := fetch.New(fetch.Config{Store: &s}).Open(t.Context(), fetch.Request{CID: c, Budget: fetch.Budget{Bytes: 2500, Blocks: 100}})
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	got := 0
	for err == nil {
		if _, err = session.Get(t.Context(), c); err == nil {
			got++
		}
	}
	// 2,500 bytes, and 512 for the structure of each of 100 blocks.
	if class(err) != "budget" || got != 53 {
		t.Errorf("%v after %d blocks", err, got)
	}
	few, err := fetch.New(fetch.Config{Store: &s}).Open(t.Context(), fetch.Request{CID: c, Budget: fetch.Budget{Blocks: 1}})
	if err != nil {
		t.Fatal(err)
	}
	defer few.Close()
	_, first := few.Get(t.Context(), c)
	_, second := few.Get(t.Context(), c)
	if first != nil || class(second) != "budget" {
		t.Errorf("one block: %v, then %v", first, second)
	}
}
