package wazero

import (
	"github.com/tetratelabs/wazero/experimental"

	"github.com/iprt/iprt/host/engine"
)

const pageSize = 64 << 10

// memory backs one guest's linear memory. It is both what wazero allocates from, which
// is how the cap of one instance holds, and the view host code gets: going through
// api.Memory would mean a size that wraps to 0 at 4 GiB, and slices whose end wraps.
type memory struct {
	buf   []byte
	limit uint64 // in bytes, beside what the module declares
	live  bool   // whether the module has a memory at all
}

var (
	_ engine.Memory                = (*memory)(nil)
	_ experimental.MemoryAllocator = (*memory)(nil)
	_ experimental.LinearMemory    = (*memory)(nil)
)

// noMemory is what host functions see of a module without one.
var noMemory = &memory{}

// newMemory makes a memory that may grow to limit bytes, or as the module declares for 0.
func newMemory(limit uint64) *memory {
	if limit == 0 {
		limit = 1 << 32
	}
	return &memory{limit: limit / pageSize * pageSize}
}

func (m *memory) Size() uint64 { return uint64(len(m.buf)) }

func (m *memory) View(ptr, n uint32) ([]byte, bool) {
	end := uint64(ptr) + uint64(n)
	if end > uint64(len(m.buf)) {
		return nil, false
	}
	return m.buf[ptr:end:end], true
}

// Allocate implements [experimental.MemoryAllocator]. wazero calls it once per instance,
// and then Reallocate with the initial size. It heeds the declared maximum itself.
func (m *memory) Allocate(_, _ uint64) experimental.LinearMemory { return m }

// Reallocate implements [experimental.LinearMemory]. nil has memory.grow return −1. For
// the initial size wazero has no way to take no for an answer, so a panic carries it
// out to [code.Instantiate].
func (m *memory) Reallocate(size uint64) []byte {
	if size > m.limit {
		if !m.live {
			panic(&engine.MemoryLimitError{Need: size, Limit: m.limit})
		}
		return nil
	}
	m.live = true
	if size > uint64(cap(m.buf)) {
		// Guests that grow page by page would copy their memory each time: leave a quarter.
		room := min(max(size, uint64(len(m.buf))+uint64(len(m.buf))/4), m.limit)
		grown := make([]byte, size, room)
		copy(grown, m.buf)
		m.buf = grown
	}
	m.buf = m.buf[:size]
	return m.buf
}

// Free implements [experimental.LinearMemory]. The garbage collector frees the memory
// when nobody looks at it any more; a call may still be running on it.
func (m *memory) Free() {}
