package fetch_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/iprt/iprt/host/fetch"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
)

func TestHashList(t *testing.T) {
	content := []byte("some content")
	tests := []struct {
		name       string
		hash       uint64
		length     int
		block, mod bool // accepted as a block, as a module
	}{
		{"sha2-256", multihash.SHA2_256, -1, true, true},
		{"sha2-512", multihash.SHA2_512, -1, true, true},
		{"sha2-512 cut to 32", multihash.SHA2_512, 32, true, true},
		{"blake3", multihash.BLAKE3, -1, true, true},
		{"blake3 of 64", multihash.BLAKE3, 64, true, true},
		{"blake2b-256", multihash.BLAKE2B_MIN + 31, -1, true, true},
		{"identity", multihash.IDENTITY, -1, true, false},
		{"sha1", multihash.SHA1, -1, false, false},
		{"md5", multihash.MD5, -1, false, false},
		{"sha2-256 cut to 20", multihash.SHA2_256, 20, false, false},
		{"sha2-512 cut to 31", multihash.SHA2_512, 31, false, false},
		{"blake3 of 16", multihash.BLAKE3, 16, false, false},
		{"blake3 of 65", multihash.BLAKE3, 65, false, false},
		{"blake2b-512", multihash.BLAKE2B_MAX, -1, false, false},
		{"sha3-256", multihash.SHA3_256, -1, false, false},
		{"murmur3", multihash.MURMUR3X64_64, -1, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var store fetch.MemStore
			c := putAs(t, &store, cid.Raw, tt.hash, tt.length, content)
			f := fetch.New(fetch.Config{Sources: []fetch.Source{honest("peer", &store)}})
			_, err := f.Block(t.Context(), fetch.Request{CID: c})
			checkRefused(t, "Block", err, tt.block)
			v, err := f.File(t.Context(), fetch.Request{CID: c})
			checkRefused(t, "File", err, tt.mod)
			if tt.mod && (v.ID() != fetch.Identity(content) || v.Locator() != c || string(v.Bytes()) != string(content)) {
				t.Errorf("File = %v located by %v, %q", v.ID(), v.Locator(), v.Bytes())
			}
		})
	}
}

// TestNoBytes asks for the hash of no bytes where nobody has anything.
func TestNoBytes(t *testing.T) {
	nobody := &fake{name: "peer", get: new(fetch.MemStore).Get}
	f := fetch.New(fetch.Config{Store: new(fetch.MemStore), Sources: []fetch.Source{nobody}})
	for name, hash := range map[string]uint64{
		"sha2-256": multihash.SHA2_256, "sha2-512": multihash.SHA2_512, "blake3": multihash.BLAKE3, "blake2b-256": multihash.BLAKE2B_MIN + 31,
	} {
		h, err := multihash.Sum(nil, hash, -1)
		if err != nil {
			t.Fatal(err)
		}
		c := cid.NewCidV1(cid.Raw, h)
		for _, f := range []*fetch.Fetcher{f, f.Offline()} {
			if b, err := f.Block(t.Context(), fetch.Request{CID: c}); err != nil || b == nil || len(b) != 0 {
				t.Errorf("%s: Block = %v, %v", name, b, err)
			}
			if v, err := f.File(t.Context(), fetch.Request{CID: c}); err != nil || v.ID() != fetch.Identity(nil) || len(v.Bytes()) != 0 {
				t.Errorf("%s: File = %s, %v", name, v.ID(), err)
			}
		}
	}
	if n := nobody.asked.Load(); n != 0 {
		t.Errorf("a source was asked %d times", n)
	}
	// Another kind of nothing: a DAG-PB block without bytes is no file.
	empty := cid.NewCidV1(cid.DagProtobuf, fetch.Identity(nil).Hash())
	var bad *fetch.ContentError
	if _, err := f.File(t.Context(), fetch.Request{CID: empty}); !errors.As(err, &bad) {
		t.Errorf("an empty DAG-PB block: %v", err)
	}
}

func checkRefused(t *testing.T, what string, err error, ok bool) {
	t.Helper()
	var refused *fetch.CIDError
	if ok && err != nil {
		t.Errorf("%s: %v", what, err)
	}
	if !ok && !errors.As(err, &refused) {
		t.Errorf("%s: got %v, want a CIDError", what, err)
	}
}

func TestOddCIDs(t *testing.T) {
	unknown, err := multihash.Encode(make([]byte, 32), 0x300000)
	if err != nil {
		t.Fatal(err)
	}
	long, err := multihash.Sum(make([]byte, 129), multihash.IDENTITY, -1)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]cid.Cid{
		"undefined":     cid.Undef,
		"unknown hash":  cid.NewCidV1(cid.Raw, unknown),
		"long identity": cid.NewCidV1(cid.Raw, long),
	} {
		_, err := fetch.New(fetch.Config{}).Block(t.Context(), fetch.Request{CID: c})
		var refused *fetch.CIDError
		if !errors.As(err, &refused) || refused.Hint() == "" || !strings.Contains(err.Error(), "not accepted") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestVersionsNameTheSameBytes(t *testing.T) {
	var store fetch.MemStore
	v1 := putFile(t, &store, []byte("abc"), 3)
	v0 := cid.NewCidV0(v1.Hash())
	f := fetch.New(fetch.Config{Store: &store})
	for _, c := range []cid.Cid{v0, v1} {
		v, err := f.File(t.Context(), fetch.Request{CID: c})
		if err != nil {
			t.Fatal(err)
		}
		if v.ID() != fetch.Identity([]byte("abc")) || v.Locator() != c {
			t.Errorf("%s: identity %s, locator %s", c, v.ID(), v.Locator())
		}
	}
}
