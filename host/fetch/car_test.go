package fetch_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/iprt/iprt/host/fetch"
	"github.com/iprt/iprt/host/fetch/unixfs"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
)

// recorder notes the order in which blocks are put.
type recorder struct{ cids []cid.Cid }

type recording struct {
	*fetch.MemStore
	r *recorder
}

func (r recording) Put(ctx context.Context, c cid.Cid, b []byte) error {
	r.r.cids = append(r.r.cids, c)
	return r.MemStore.Put(ctx, c, b)
}

// writeCARHeader writes {"roots": [root…], "version": 1} in DAG-CBOR.
func writeCARHeader(w io.Writer, roots ...cid.Cid) {
	h := append([]byte{0xa2, 0x65}, "roots"...)
	h = append(h, 0x80|byte(len(roots)))
	for _, c := range roots {
		h = append(h, 0xd8, 0x2a, 0x58, byte(c.ByteLen()+1), 0)
		h = append(h, c.Bytes()...)
	}
	h = append(append(append(h, 0x67), "version"...), 1)
	w.Write(binary.AppendUvarint(nil, uint64(len(h))))
	w.Write(h)
}

func writeSection(w io.Writer, c cid.Cid, block []byte) error {
	s := binary.AppendUvarint(nil, uint64(c.ByteLen()+len(block)))
	_, err := w.Write(append(append(s, c.Bytes()...), block...))
	return err
}

func writeCAR(w io.Writer, s *fetch.MemStore, order []cid.Cid, roots ...cid.Cid) {
	writeCARHeader(w, roots...)
	for _, c := range order {
		b, err := s.Get(context.Background(), c)
		if err != nil {
			panic(err)
		}
		writeSection(w, c, b)
	}
}

func carWithSection(t *testing.T, size uint64) []byte {
	t.Helper()
	var b bytes.Buffer
	writeCARHeader(&b, fetch.Identity(nil))
	b.Write(binary.AppendUvarint(nil, size))
	b.Write(fetch.Identity(nil).Bytes())
	return b.Bytes()
}

// version2 wraps a CAR of version 1, with the payload where the test wants it.
func version2(payload []byte, offset, size uint64) []byte {
	b := append([]byte{0x0a, 0xa1, 0x67}, "version"...)
	b = append(b, 2)
	b = append(b, make([]byte, 16)...)
	b = binary.LittleEndian.AppendUint64(b, offset)
	b = binary.LittleEndian.AppendUint64(b, size)
	b = binary.LittleEndian.AppendUint64(b, 0)
	return append(b, payload...)
}

func openCAR(t *testing.T, content []byte) (*fetch.CAR, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.car")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := fetch.OpenCAR(path)
	if err == nil {
		t.Cleanup(func() { c.Close() })
	}
	return c, err
}

func TestCAR(t *testing.T) {
	store := new(fetch.MemStore)
	var order recorder
	content := noise(t, 3*unixfs.ChunkSize)
	file, err := unixfs.Add(t.Context(), recording{store, &order}, bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	empty := putRaw(t, store, nil)
	var v1 bytes.Buffer
	writeCAR(&v1, store, append(order.cids, order.cids[0], empty), file.CID)
	var rootless bytes.Buffer
	writeCAR(&rootless, store, append(order.cids, empty))
	padded := append(make([]byte, 100), v1.Bytes()...)
	for name, b := range map[string][]byte{
		"version 1":           v1.Bytes(),
		"without roots":       rootless.Bytes(),
		"version 2":           version2(v1.Bytes(), 51, uint64(v1.Len())),
		"version 2, an index": version2(append(bytes.Clone(v1.Bytes()), 1, 2, 3), 51, uint64(v1.Len())),
		"version 2, padded":   version2(padded, 151, uint64(v1.Len())),
	} {
		t.Run(name, func(t *testing.T) {
			c, err := openCAR(t, b)
			if err != nil {
				t.Fatal(err)
			}
			if got := slices.Collect(c.All()); !slices.Equal(got, append(slices.Clone(order.cids), empty)) {
				t.Errorf("blocks %v", got)
			}
			if name != "without roots" && !slices.Equal(c.Roots(), []cid.Cid{file.CID}) {
				t.Errorf("roots %v", c.Roots())
			}
			f := fetch.New(fetch.Config{Sources: []fetch.Source{c}}).Offline()
			v, err := f.File(t.Context(), fetch.Request{CID: file.CID})
			if err != nil || !bytes.Equal(v.Bytes(), content) {
				t.Errorf("%d bytes, %v", len(v.Bytes()), err)
			}
			if _, err := f.Block(t.Context(), fetch.Request{CID: file.CID}); err != nil {
				t.Errorf("a second request: %v", err)
			}
			if b, err := f.Block(t.Context(), fetch.Request{CID: empty}); err != nil || len(b) != 0 {
				t.Errorf("empty block: %q, %v", b, err)
			}
			if _, err := f.Block(t.Context(), fetch.Request{CID: fetch.Identity([]byte("x"))}); !errors.Is(err, fetch.ErrNotFound) {
				t.Errorf("block that is not there: %v", err)
			}
		})
	}
}

func TestBadCARs(t *testing.T) {
	store := new(fetch.MemStore)
	c := putRaw(t, store, []byte("good"))
	var car bytes.Buffer
	writeCAR(&car, store, []cid.Cid{c}, c)
	var headerOnly bytes.Buffer
	writeCARHeader(&headerOnly, c)
	tests := map[string][]byte{
		"empty":                     nil,
		"text":                      []byte("hello, world"),
		"header of 1 GiB":           {0x80, 0x80, 0x80, 0x80, 0x04},
		"header of 2^63":            {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01},
		"version 3":                 append([]byte{0x0a, 0xa1, 0x67}, "version\x03"...),
		"section of 2^63":           append(car.Bytes()[:car.Len():car.Len()], 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01),
		"section of 1 GiB":          carWithSection(t, 1<<30),
		"section of 0":              carWithSection(t, 0),
		"breaks off in a block":     car.Bytes()[:car.Len()-1],
		"breaks off after a length": append(car.Bytes()[:car.Len():car.Len()], 0x28),
		"breaks off in a CID":       append(car.Bytes()[:car.Len():car.Len()], 0x28, 1, 0x55),
		"no block, only a length":   append(bytes.Clone(headerOnly.Bytes()), 0x28),
		"v2, payload past the end":  version2(car.Bytes(), 51, 1<<62),
		"v2, payload far away":      version2(car.Bytes(), 1<<62, 10),
		"v2, payload in the header": version2(car.Bytes(), 3, 10),
		"v2, other first header":    append([]byte{0x31}, version2(car.Bytes(), 51, uint64(car.Len()))[1:]...),
		"v2 in v2":                  version2(version2(car.Bytes(), 51, uint64(car.Len())), 51, uint64(car.Len()+51)),
	}
	for name, b := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := openCAR(t, b)
			var bad *fetch.CARError
			if !errors.As(err, &bad) || bad.Hint() == "" {
				t.Errorf("got %v, want a CARError", err)
			}
		})
	}
	// A mismatching block is noticed when it is used.
	wrong := bytes.Replace(car.Bytes(), []byte("good"), []byte("g00d"), 1)
	src, err := openCAR(t, wrong)
	if err != nil {
		t.Fatal(err)
	}
	_, err = fetch.New(fetch.Config{Sources: []fetch.Source{src}}).Block(t.Context(), fetch.Request{CID: c})
	var lie *fetch.HashError
	if !errors.As(err, &lie) {
		t.Errorf("mismatching block: %v", err)
	}
}

func TestOpenCARMissing(t *testing.T) {
	if _, err := fetch.OpenCAR(filepath.Join(t.TempDir(), "none.car")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if _, err := fetch.OpenCAR(t.TempDir()); err == nil {
		t.Error("a folder was opened as a CAR")
	}
}

func TestDir(t *testing.T) {
	store := new(fetch.MemStore)
	node := putFile(t, store, []byte("abc"), 3)
	block, err := store.Get(t.Context(), node)
	if err != nil {
		t.Fatal(err)
	}
	v0 := cid.NewCidV0(node.Hash())
	other := fetch.Identity([]byte("wasm"))
	bad := fetch.Identity([]byte("bad"))
	huge := fetch.Identity(make([]byte, 9<<20))
	src := fetch.Dir("modules", fstest.MapFS{
		v0.String():              {Data: block},
		other.String() + ".wasm": {Data: []byte("wasm")},
		bad.String():             {Data: []byte("mad")},
		huge.String():            {Data: make([]byte, 9<<20)},
	})
	f := fetch.New(fetch.Config{Sources: []fetch.Source{src}}).Offline()
	for c, want := range map[cid.Cid]string{v0: "abc", node: "abc", other: "wasm"} {
		v, err := f.File(t.Context(), fetch.Request{CID: c})
		if err != nil || string(v.Bytes()) != want || v.From() != "modules" {
			t.Errorf("%s: %q, %v", c, v.Bytes(), err)
		}
	}
	var lie *fetch.HashError
	if _, err := f.File(t.Context(), fetch.Request{CID: bad}); !errors.As(err, &lie) {
		t.Errorf("wrong bytes: %v", err)
	}
	if _, err := f.File(t.Context(), fetch.Request{CID: huge}); err == nil {
		t.Error("a block over budget was accepted")
	}
	// A whole module may be one block here, larger than a block of the network.
	if _, err := f.File(t.Context(), fetch.Request{CID: huge, Budget: fetch.Pinned}); err != nil {
		t.Errorf("pinned: %v", err)
	}
}

func TestFunc(t *testing.T) {
	c := fetch.Identity([]byte("built in"))
	src := fetch.Func("builtin", func(want cid.Cid) ([]byte, error) {
		if want != c {
			return nil, fetch.ErrNotFound
		}
		return []byte("built in"), nil
	})
	f := fetch.New(fetch.Config{Sources: []fetch.Source{src}}).Offline()
	if v, err := f.File(t.Context(), fetch.Request{CID: c}); err != nil || v.From() != "builtin" {
		t.Errorf("from %q, %v", v.From(), err)
	}
	if _, err := f.File(t.Context(), fetch.Request{CID: fetch.Identity([]byte("other"))}); !errors.Is(err, fetch.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

// TestCARWithoutUse has sections that nobody can ask for. They take no memory,
// and do not hide the others.
func TestCARWithoutUse(t *testing.T) {
	store := new(fetch.MemStore)
	small := putRaw(t, store, []byte("small"))
	var car bytes.Buffer
	writeCARHeader(&car, small)
	const size, count = 1 << 20, 100
	for i := range count {
		block := bytes.Repeat([]byte{byte(i)}, size)
		hash, err := multihash.Sum(block, multihash.IDENTITY, -1)
		if err != nil {
			t.Fatal(err)
		}
		if err := writeSection(&car, cid.NewCidV1(cid.Raw, hash), block); err != nil {
			t.Fatal(err)
		}
	}
	if err := writeSection(&car, small, []byte("small")); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "x.car")
	if err := os.WriteFile(path, car.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	car = bytes.Buffer{}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	s, err := fetch.OpenCAR(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > count*size/10 {
		t.Errorf("the index takes %d bytes", grown)
	}
	if b, err := s.Get(t.Context(), small); err != nil || string(b) != "small" {
		t.Errorf("%q, %v", b, err)
	}
	for c := range s.All() {
		if c != small {
			t.Errorf("it lists %.20s…", c)
		}
	}
}
