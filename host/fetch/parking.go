package fetch

import (
	"context"
	"sync"
	"time"
)

const (
	// parkLimit is how many bytes of blocks wait for their question before no
	// more are read, a block more or less.
	parkLimit = 16 << 20
	// maxMisses is how many questions in a row a full car park may leave
	// unanswered before what is parked is given up: nobody seems to want it.
	maxMisses = 32
	// recentBlocks is how many blocks are remembered, at least, as having come.
	recentBlocks = 1 << 14
)

// parking holds the blocks of one stream until somebody asks for them. When it
// is full the stream waits. All methods may be called from many goroutines.
type parking struct {
	mu      sync.Mutex
	blocks  map[string][]byte // by multihash
	size    int64
	seen    [2]map[string]bool // came already or need not come: young and old
	changed chan struct{}      // closed and replaced when there is news
	open    bool               // blocks may still arrive
	full    bool               // the stream waits for room
	misses  int                // questions since a block was taken, while full
	given   bool               // what was parked was given up since then
	alive   time.Time          // when the stream last moved
}

func newParking() *parking {
	return &parking{
		blocks: make(map[string][]byte), changed: make(chan struct{}), open: true, alive: time.Now(),
		seen: [2]map[string]bool{make(map[string]bool), make(map[string]bool)},
	}
}

// news wakes all who wait. The lock is held.
func (p *parking) news() {
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *parking) note(key string) {
	if len(p.seen[0]) >= recentBlocks {
		p.seen[0], p.seen[1] = make(map[string]bool), p.seen[0]
	}
	p.seen[0][key] = true
}

func (p *parking) noted(key string) bool { return p.seen[0][key] || p.seen[1][key] }

// moved notes that the stream lives.
func (p *parking) moved() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.alive = time.Now()
}

// close says that nothing more will arrive.
func (p *parking) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open = false
	p.news()
}

// put parks a block, once there is room. It returns false when ctx ended first,
// or when nobody seems to want what comes.
func (p *parking) put(ctx context.Context, key string, block []byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		if p.noted(key) {
			return true // a repeat, or it was asked for elsewhere meanwhile
		}
		if p.size < parkLimit {
			break
		}
		if p.misses >= maxMisses {
			if p.given {
				return false
			}
			p.blocks, p.size, p.misses, p.given = make(map[string][]byte), 0, 0, true
			continue
		}
		p.full = true
		p.news() // who waits for something else asks for it by itself
		changed := p.changed
		p.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
		}
		p.mu.Lock()
		p.full = false
		if ctx.Err() != nil {
			return false
		}
	}
	p.blocks[key] = block
	p.size += int64(len(block))
	p.alive = time.Now()
	p.note(key)
	p.news()
	return true
}

// take returns a block that is parked, or how long it is worth waiting for one
// that may come, and what to wait for. Zero means that it will not come soon.
func (p *parking) take(key string, patience time.Duration) (block []byte, ok bool, wait time.Duration, changed <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if block, ok = p.blocks[key]; ok {
		delete(p.blocks, key)
		p.size -= int64(len(block))
		p.misses, p.given = 0, false
		if p.full {
			p.news()
		}
		return block, true, 0, nil
	}
	switch {
	case !p.open || p.noted(key):
		return nil, false, 0, nil
	case p.full:
		if p.misses++; p.misses >= maxMisses {
			p.news()
		}
		return nil, false, 0, nil
	}
	return nil, false, max(0, patience-time.Since(p.alive)), p.changed
}

// skip says that a block need not come any more.
func (p *parking) skip(key string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.note(key)
	if block, ok := p.blocks[key]; ok {
		delete(p.blocks, key)
		p.size -= int64(len(block))
		if p.full {
			p.news()
		}
	}
}
