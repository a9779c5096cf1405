package fetch_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/iprt/iprt/host/fetch"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
)

// FuzzFile reads any block as a UnixFS root over a few good leaves. What is
// accepted must be within the budget.
func FuzzFile(f *testing.F) {
	var seeds fetch.MemStore
	leaf := putRaw(f, &seeds, []byte("0123456789"))
	inner := putFile(f, &seeds, []byte("ab"), 12, child{cid: leaf, size: 10})
	for _, c := range []cid.Cid{
		inner,
		putFile(f, &seeds, nil, 22, child{cid: leaf, size: 10}, child{cid: inner, size: 12}),
		putFile(f, &seeds, []byte("abc"), 3),
		putDir(f, &seeds, child{cid: leaf, name: "x"}),
	} {
		block, err := seeds.Get(f.Context(), c)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(block)
	}
	f.Fuzz(func(t *testing.T, block []byte) {
		root := putAs(t, &seeds, cid.DagProtobuf, multihash.SHA2_256, -1, block)
		budget := quick(fetch.Budget{Bytes: 1 << 16, Blocks: 16, Depth: 3})
		v, err := fetch.New(fetch.Config{Store: &seeds}).File(t.Context(), fetch.Request{CID: root, Budget: budget})
		if err == nil && (len(v.Bytes()) > 1<<16 || v.ID() != fetch.Identity(v.Bytes())) {
			t.Errorf("accepted %d bytes as %s", len(v.Bytes()), v.ID())
		}
	})
}

// FuzzCAR opens any file as a CAR and reads what it lists.
func FuzzCAR(f *testing.F) {
	var store fetch.MemStore
	c := putRaw(f, &store, []byte("good"))
	var car bytes.Buffer
	writeCAR(&car, &store, []cid.Cid{c, c}, c)
	f.Add(car.Bytes())
	f.Add(version2(car.Bytes(), 51, uint64(car.Len())))
	f.Add(version2(car.Bytes(), 1<<62, 1<<62))
	path := filepath.Join(f.TempDir(), "x.car")
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		src, err := fetch.OpenCAR(path)
		if err != nil {
			return
		}
		defer src.Close()
		fetcher := fetch.New(fetch.Config{Sources: []fetch.Source{src}})
		for c := range src.All() {
			block, err := fetcher.Block(t.Context(), fetch.Request{CID: c})
			if err == nil && len(block) > len(b) {
				t.Errorf("a block of %d bytes out of a file of %d", len(block), len(b))
			}
		}
	})
}
