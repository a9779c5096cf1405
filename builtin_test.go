package iprt_test

import (
	"bytes"
	"io/fs"
	"os"
	"path"
	"slices"
	"testing"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"

	"github.com/iprt/iprt"
)

func sum(t *testing.T, b []byte) cid.Cid {
	t.Helper()
	h, err := multihash.Sum(b, multihash.SHA2_256, -1)
	if err != nil {
		t.Fatal(err)
	}
	return cid.NewCidV1(cid.Raw, h)
}

// TestBuiltin holds every shipped file to the lock and the lock to the files.
func TestBuiltin(t *testing.T) {
	lock := iprt.Builtin()
	carried := 0
	for _, name := range lock.Names() {
		m := lock.Modules[name]
		if m.Path == "" {
			if _, ok := iprt.Bytes(name); ok {
				t.Errorf("%s has no path but bytes", name)
			}
			continue
		}
		carried++
		b, ok := iprt.Bytes(name)
		if !ok {
			t.Errorf("%s: %s is not embedded", name, m.Path)
			continue
		}
		if got := sum(t, b); !got.Equals(m.CID) || int64(len(b)) != m.Size {
			t.Errorf("%s: %d bytes, %v; the lock says %d, %v", name, len(b), got, m.Size, m.CID)
		}
		if path.Dir(m.Path) != m.Source {
			t.Errorf("%s: %s is not next to its source %s", name, m.Path, m.Source)
		}
		if again, ok := iprt.BlockFor(m.CID); !ok || !bytes.Equal(again, b) {
			t.Errorf("BlockFor(%v) is not %s", m.CID, name)
		}
	}
	files, err := fs.Glob(os.DirFS("."), "codecs/*/*.wasm")
	if err != nil || len(files) != carried || carried == 0 {
		t.Errorf("%d modules in the lock, %d files (%v)", carried, len(files), err)
	}
}

func TestBytesAreCopies(t *testing.T) {
	a, _ := iprt.Bytes("dag-cbor")
	clear(a)
	b, _ := iprt.Bytes("dag-cbor")
	if bytes.Equal(a, b) {
		t.Error("a caller can change the shipped bytes")
	}
}

func TestNotBuiltin(t *testing.T) {
	if _, ok := iprt.Bytes("no-such-codec"); ok {
		t.Error("Bytes of an unknown name")
	}
	for _, c := range []cid.Cid{cid.Undef, sum(t, []byte("something else"))} {
		if _, ok := iprt.BlockFor(c); ok {
			t.Errorf("BlockFor(%v) returned a block", c)
		}
	}
}

func TestLockNames(t *testing.T) {
	lock := iprt.Builtin()
	m := lock.Modules["dag-cbor"]
	for _, c := range []cid.Cid{m.CID, cid.NewCidV1(cid.DagProtobuf, m.CID.Hash())} {
		if name, ok := lock.Name(c); !ok || name != "dag-cbor" {
			t.Errorf("Name(%v) = %q, %v", c, name, ok)
		}
	}
	if names := lock.Names(); !slices.IsSorted(names) {
		t.Errorf("names not sorted: %v", names)
	}
}
