package ipldbind_test

import (
	"errors"
	"testing"

	"github.com/ipfs/go-cid"

	"github.com/iprt/iprt/host/ipldbind"
	"github.com/iprt/iprt/spec"
)

// FuzzResolve follows arbitrary paths from arbitrary DAG-CBOR blocks, with a module for every envelope whose codec is the fake's.
func FuzzResolve(f *testing.F) {
	vectors, err := spec.Vectors("envelope")
	if err != nil {
		f.Fatal(err)
	}
	for _, v := range vectors {
		f.Add(v.Body, "~/a/0", true)
	}
	codec := newFake("f", 'f')
	data := codec.block(node("a", qpList("x"), "l", aCBOR))
	for _, n := range []string{"~/a/0", "~/l", "data", "codec", "~/~", "a/-1"} {
		s := &store{}
		c := s.putCBOR(node("iprt", 1, "codec", codec.id, "data", data, "links", []cid.Cid{aCBOR}))
		f.Add(s.bag[c], n, false)
	}
	f.Fuzz(func(t *testing.T, block []byte, path string, all bool) {
		s := &store{}
		root := s.put(cid.DagCBOR, block)
		r := ipldbind.Resolver{LinkSystem: s.system(), Modules: newShelf(codec), Policy: ipldbind.AllowPure()}
		res, err := r.Resolve(t.Context(), root, path, ipldbind.Options{EnterAll: all})
		var pe *ipldbind.PathError
		switch {
		case err != nil && (!errors.As(err, &pe) || err.Error() == ""):
			t.Fatalf("%T %v", err, err)
		case err == nil && (res.Node == nil || !res.Block.Defined()):
			t.Fatalf("got %+v", res)
		}
	})
}
