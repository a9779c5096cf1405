package table

import (
	"hash/maphash"
	"math/bits"
)

// keySet finds duplicate keys of unordered maps. It is an open-addressing table that is reused from map to map: at most 16 bytes for
// each key of the widest one, and a seeded hash, so that neither wide maps nor chosen keys cost more than their share.
type keySet struct {
	seed  maphash.Seed
	slots []uint64 // upper half of the key's hash << 32 | the key's record; 0 is free, as record 0 is never a key
}

// duplicate returns the first key of map n of t that occurred before.
func (s *keySet) duplicate(t *Table, n *node) (record uint32, found bool) {
	size := 1 << bits.Len32(2*min(n.n, 1<<30))
	if cap(s.slots) < size {
		s.slots = make([]uint64, size)
		if s.seed == (maphash.Seed{}) {
			s.seed = maphash.MakeSeed()
		}
	}
	slots := s.slots[:size]
	clear(slots)
	for i := n.self() + 1; i < n.end(); i = t.node(i + 1).next(i + 1) {
		key := t.node(i).str(t)
		hash := maphash.String(s.seed, key)
		for at := hash; ; at++ {
			slot := &slots[at&uint64(size-1)]
			if *slot == 0 {
				*slot = hash&^(1<<32-1) | uint64(i)
				break
			}
			if (*slot^hash)>>32 == 0 && t.node(uint32(*slot)).str(t) == key {
				return i, true
			}
		}
	}
	return 0, false
}

// maxKept is the most slots that are worth keeping for the next table.
const maxKept = 1 << 16

func (s *keySet) shrink() {
	if len(s.slots) > maxKept {
		s.slots = nil
	}
}
