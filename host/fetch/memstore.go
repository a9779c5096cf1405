package fetch

import (
	"context"
	"sync"

	"github.com/ipfs/go-cid"
)

// MemStore is a [Store] and an [Index] in memory, for tests and for programs
// that keep nothing. The zero value is ready. It has no size limit.
type MemStore struct {
	mu       sync.RWMutex
	blocks   map[string][]byte // by multihash
	locators map[cid.Cid]cid.Cid
}

// Get implements [Store].
func (s *MemStore) Get(_ context.Context, c cid.Cid) ([]byte, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if b, ok := s.blocks[string(c.Hash())]; ok {
		return b, nil
	}
	return nil, ErrNotFound
}

// Put implements [Store]. It keeps block, which must not change any more.
func (s *MemStore) Put(_ context.Context, c cid.Cid, block []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.blocks == nil {
		s.blocks = make(map[string][]byte)
	}
	s.blocks[string(c.Hash())] = block
	return nil
}

// Has implements [Store].
func (s *MemStore) Has(_ context.Context, c cid.Cid) (bool, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	_, ok := s.blocks[string(c.Hash())]
	return ok, nil
}

// Delete implements [Store].
func (s *MemStore) Delete(_ context.Context, c cid.Cid) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.blocks, string(c.Hash()))
	return nil
}

// SetLocator implements [Index].
func (s *MemStore) SetLocator(_ context.Context, id, locator cid.Cid) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.locators == nil {
		s.locators = make(map[cid.Cid]cid.Cid)
	}
	s.locators[id] = locator
	return nil
}

// Locator implements [Index].
func (s *MemStore) Locator(_ context.Context, id cid.Cid) (cid.Cid, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if l, ok := s.locators[id]; ok {
		return l, nil
	}
	return cid.Undef, ErrNotFound
}
