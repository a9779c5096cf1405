package fetch_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/iprt/iprt/host/fetch"

	"github.com/ipfs/boxo/ipld/merkledag"
	ft "github.com/ipfs/boxo/ipld/unixfs"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
	"github.com/multiformats/go-multihash"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is a source under the test's control.
type fake struct {
	name  string
	local bool
	get   func(ctx context.Context, c cid.Cid) ([]byte, error)
	asked atomic.Int32
}

func (f *fake) Name() string { return f.name }
func (f *fake) Local() bool  { return f.local }
func (f *fake) Session(context.Context, cid.Cid, fetch.Budget) fetch.Getter {
	return f
}

func (f *fake) Get(ctx context.Context, c cid.Cid) ([]byte, error) {
	f.asked.Add(1)
	return f.get(ctx, c)
}

// honest has what is in store.
func honest(name string, store *fetch.MemStore) *fake {
	return &fake{name: name, get: store.Get}
}

// liar flips a bit of what is in store.
func liar(name string, store *fetch.MemStore) *fake {
	return &fake{name: name, get: func(ctx context.Context, c cid.Cid) ([]byte, error) {
		b, err := store.Get(ctx, c)
		if err != nil {
			return nil, err
		}
		b = bytes.Clone(b)
		if len(b) == 0 {
			return []byte{0}, nil
		}
		b[len(b)/2] ^= 1
		return b, nil
	}}
}

// stalled never answers.
func stalled(name string) *fake {
	return &fake{name: name, get: func(ctx context.Context, _ cid.Cid) ([]byte, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}}
}

func noise(t testing.TB, n int) []byte {
	t.Helper()
	b := make([]byte, n)
	if _, err := rand.Read(b); err != nil {
		t.Fatal(err)
	}
	return b
}

// putAs stores a block under a CID of the given codec and hash.
func putAs(t testing.TB, s *fetch.MemStore, codec, hash uint64, length int, block []byte) cid.Cid {
	t.Helper()
	h, err := multihash.Sum(block, hash, length)
	if err != nil {
		t.Fatal(err)
	}
	c := cid.NewCidV1(codec, h)
	if err := s.Put(t.Context(), c, block); err != nil {
		t.Fatal(err)
	}
	return c
}

func putRaw(t testing.TB, s *fetch.MemStore, block []byte) cid.Cid {
	t.Helper()
	return putAs(t, s, cid.Raw, multihash.SHA2_256, -1, block)
}

// child is a link of a node built by hand.
type child struct {
	cid  cid.Cid
	name string
	size uint64 // claimed
}

// putFile stores a file node that claims what the test wants it to claim.
func putFile(t testing.TB, s *fetch.MemStore, data []byte, size uint64, children ...child) cid.Cid {
	t.Helper()
	// The FSNode of boxo would compute the size itself.
	pb := []byte{0x08, 0x02}
	if data != nil {
		pb = append(append(append(pb, 0x12), binary.AppendUvarint(nil, uint64(len(data)))...), data...)
	}
	pb = binary.AppendUvarint(append(pb, 0x18), size)
	for _, c := range children {
		pb = binary.AppendUvarint(append(pb, 0x20), c.size)
	}
	return putNode(t, s, pb, children...)
}

func putNode(t testing.TB, s *fetch.MemStore, data []byte, children ...child) cid.Cid {
	t.Helper()
	pn := merkledag.NodeWithData(data)
	for _, c := range children {
		if err := pn.AddRawLink(c.name, &ipld.Link{Cid: c.cid, Size: min(c.size, 1<<40)}); err != nil {
			t.Fatal(err)
		}
	}
	block, err := pn.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return putAs(t, s, cid.DagProtobuf, multihash.SHA2_256, -1, block)
}

func putDir(t testing.TB, s *fetch.MemStore, children ...child) cid.Cid {
	t.Helper()
	return putNode(t, s, ft.FolderPBData(), children...)
}

// quick is a budget whose deadlines a test can wait for.
func quick(b fetch.Budget) fetch.Budget {
	b.Idle, b.Total = 100*time.Millisecond, 10*time.Second
	return b
}

// logTo returns a logger whose output a test can read.
func logTo(w *bytes.Buffer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }
