package host

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
)

// pool hands out the instances of one module: at most max at a time, the one
// used last first, because its memory is warm. It never starts an instance by
// itself; take says when one is due.
//
// As long as there is something to hand out, nothing but atomic operations is
// done. Who finds nothing waits in a queue, which has a lock.
type pool struct {
	max   int
	end   func(*guest) // closes an instance that the closed pool cannot keep
	state atomic.Uint64
	free  [poolShards]stack
	slots []slot // of the living instances; number 0 is nobody's

	mu      sync.Mutex
	unused  []uint32 // numbers of slots
	waiting []chan struct{}

	closed  chan struct{} // closed by close
	drained chan struct{} // closed when the pool is closed and nothing is handed out
}

// pool.state is a count of what is handed out or being started, and two flags.
const (
	poolClosed  = 1 << 63
	poolWaiting = 1 << 62 // somebody is in the queue; changes under mu only
	poolOut     = 1<<32 - 1
)

// poolShards is the number of lists of free instances. Domains are spread over
// them, so that a domain gets what it used before if that is free.
const poolShards = 4

type slot struct {
	guest *guest
	next  atomic.Uint32 // the free one below
}

func newPool(limit int, end func(*guest)) *pool {
	p := &pool{
		max: limit, end: end, slots: make([]slot, limit+1),
		closed: make(chan struct{}), drained: make(chan struct{}),
	}
	for i := limit; i > 0; i-- {
		p.unused = append(p.unused, uint32(i))
	}
	return p
}

// enrol gives a new instance its slot, before it is put for the first time.
// Whoever has the right to start an instance finds one: there are as many as
// rights.
func (p *pool) enrol(g *guest) {
	p.mu.Lock()
	defer p.mu.Unlock()
	g.slot = p.unused[len(p.unused)-1]
	p.unused = p.unused[:len(p.unused)-1]
	p.slots[g.slot].guest = g
}

// strike ends an enrol. The instance must not be in the pool.
func (p *pool) strike(g *guest) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.slots[g.slot].guest = nil
	p.unused = append(p.unused, g.slot)
}

// take returns a free instance, one that the domain used last if possible, or
// nil, which is the right to start one. At the bound it waits for either,
// after having called wait. Each successful take is followed by one put.
func (p *pool) take(ctx context.Context, domain string, wait func()) (*guest, error) {
	for {
		s := p.state.Load()
		switch {
		case s&poolClosed != 0:
			return nil, ErrClosed
		case s&poolWaiting == 0 && s&poolOut < uint64(p.max):
			if p.state.CompareAndSwap(s, s+1) {
				return p.pop(domain), nil
			}
		default:
			w, ok := p.join()
			if !ok {
				continue
			}
			wait()
			if err := p.await(ctx, w); err != nil {
				return nil, err
			}
			return p.pop(domain), nil
		}
	}
}

// join stands in the queue, unless there is no need to any more.
func (p *pool) join() (chan struct{}, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		s := p.state.Load()
		if s&poolClosed != 0 || s&poolWaiting == 0 && s&poolOut < uint64(p.max) {
			return nil, false
		}
		// From here on, no put can miss that somebody waits.
		if p.state.CompareAndSwap(s, s|poolWaiting) {
			w := make(chan struct{})
			p.waiting = append(p.waiting, w)
			return w, true
		}
	}
}

func (p *pool) await(ctx context.Context, w chan struct{}) error {
	var err error
	select {
	case <-w:
		return nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-p.closed:
		err = ErrClosed
	}
	p.mu.Lock()
	i := slices.Index(p.waiting, w)
	if i >= 0 {
		p.waiting = slices.Delete(p.waiting, i, i+1)
		p.quiet()
	}
	p.mu.Unlock()
	if i < 0 {
		p.put(nil) // served in the meantime: what it was given goes on
	}
	return err
}

// put ends a take. g is the instance to keep, or nil if there is none.
func (p *pool) put(g *guest) {
	if g != nil {
		p.push(g)
	}
	for {
		s := p.state.Load()
		switch {
		case s&poolClosed != 0:
			p.drain() // before it counts as drained
			if p.state.CompareAndSwap(s, s-1) {
				if (s-1)&poolOut == 0 {
					close(p.drained)
				}
				return
			}
		case s&poolWaiting != 0:
			if p.handOver() {
				return
			}
		case p.state.CompareAndSwap(s, s-1):
			return
		}
	}
}

// evict closes a free instance if there is one. It takes the right of whoever
// could have got it, so that nobody starts another one meanwhile.
func (p *pool) evict() bool {
	s := p.state.Load()
	if s&(poolClosed|poolWaiting) != 0 || s&poolOut >= uint64(p.max) || !p.state.CompareAndSwap(s, s+1) {
		return false
	}
	g := p.pop("")
	if g != nil {
		p.end(g)
	}
	p.put(nil)
	return g != nil
}

// handOver passes the caller's right to whoever has waited longest.
func (p *pool) handOver() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.waiting) == 0 {
		return false
	}
	close(p.waiting[0])
	p.waiting = slices.Delete(p.waiting, 0, 1)
	p.quiet()
	return true
}

// quiet notes that nobody waits, if so. It needs mu.
func (p *pool) quiet() {
	if len(p.waiting) == 0 {
		p.state.And(^uint64(poolWaiting))
	}
}

// close ends all waiting and closes the free instances. Closing twice is fine.
func (p *pool) close() {
	for {
		s := p.state.Load()
		if s&poolClosed != 0 {
			return
		}
		if !p.state.CompareAndSwap(s, s|poolClosed) {
			continue
		}
		close(p.closed)
		p.drain()
		if s&poolOut == 0 {
			close(p.drained)
		}
		return
	}
}

// drain closes what is free.
func (p *pool) drain() {
	for g := p.pop(""); g != nil; g = p.pop("") {
		p.end(g)
	}
}

// wait returns once everything handed out has come back. The pool must be
// closed.
func (p *pool) wait(ctx context.Context) error {
	select {
	case <-p.drained:
		return nil
	default:
	}
	select {
	case <-p.drained:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *pool) inUse() int     { return int(p.state.Load() & poolOut) }
func (p *pool) isClosed() bool { return p.state.Load()&poolClosed != 0 }

func (p *pool) push(g *guest) { p.free[shard(g.domain)].push(p.slots, g.slot) }

func (p *pool) pop(domain string) *guest {
	first := shard(domain)
	for i := range uint32(poolShards) {
		if n := p.free[(first+i)%poolShards].pop(p.slots); n != 0 {
			return p.slots[n].guest
		}
	}
	return nil
}

// shard spreads domains.
func shard(domain string) uint32 {
	h := uint32(0)
	for i := range len(domain) {
		h = (h ^ uint32(domain[i])) * 16777619
	}
	return h >> 16 % poolShards
}

// stack is a list of slots, last in, first out. The upper half of its head
// counts changes, so that a head that is the same again is not taken for one
// that never changed.
type stack struct{ head atomic.Uint64 }

func (s *stack) push(slots []slot, n uint32) {
	for {
		h := s.head.Load()
		slots[n].next.Store(uint32(h))
		if s.head.CompareAndSwap(h, (h>>32+1)<<32|uint64(n)) {
			return
		}
	}
}

func (s *stack) pop(slots []slot) uint32 {
	for {
		h := s.head.Load()
		n := uint32(h)
		if n == 0 {
			return 0
		}
		if s.head.CompareAndSwap(h, (h>>32+1)<<32|uint64(slots[n].next.Load())) {
			return n
		}
	}
}
