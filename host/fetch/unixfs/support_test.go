package unixfs_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"sync"
	"testing"

	"github.com/iprt/iprt/host/fetch/unixfs"

	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// store is a place for blocks. Reading charges a budget of blocks.
type store struct {
	mu     sync.Mutex
	blocks map[cid.Cid][]byte
	left   int
}

func newStore() *store { return &store{blocks: make(map[cid.Cid][]byte), left: 1 << 20} }

func (s *store) Put(_ context.Context, c cid.Cid, b []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.blocks[c] = b
	return nil
}

func (s *store) Get(_ context.Context, c cid.Cid) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.left--; s.left < 0 {
		return nil, errBudget
	}
	if b, ok := s.blocks[c]; ok {
		return b, nil
	}
	return nil, errMissing
}

type testError string

func (e testError) Error() string { return string(e) }

const (
	errMissing = testError("missing")
	errBudget  = testError("over budget")
)

// pattern is an endless reader of chunks that differ.
type pattern struct{ n int }

func (p *pattern) Read(b []byte) (int, error) {
	n := min(len(b), unixfs.ChunkSize-p.n%unixfs.ChunkSize)
	copy(b[:n], bytes.Repeat([]byte{byte(p.n / unixfs.ChunkSize)}, n))
	p.n += n
	return n, nil
}

func content(n int64) io.Reader { return io.LimitReader(&pattern{}, n) }

func noise(t testing.TB, n int) []byte {
	t.Helper()
	b := make([]byte, n)
	if _, err := rand.Read(b); err != nil {
		t.Fatal(err)
	}
	return b
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// service reads from boxo's DAG service.
type service struct{ ipld.DAGService }

func (s service) Get(ctx context.Context, c cid.Cid) ([]byte, error) {
	n, err := s.DAGService.Get(ctx, c)
	if err != nil {
		return nil, err
	}
	return n.RawData(), nil
}
