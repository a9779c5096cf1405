package host

import (
	"context"
	"slices"
	"sync"
)

// pool hands out the instances of one module: at most max at a time, the one
// used last first, because its memory is warm. It never starts an instance by
// itself; take says when one is due.
type pool struct {
	max int

	mu      sync.Mutex
	free    []*guest
	out     int // handed out, or being started
	waiting []chan *guest
	closed  chan struct{} // closed by close
	drained chan struct{} // closed when closed and out is 0
}

func newPool(limit int) *pool {
	return &pool{
		max:     limit,
		closed:  make(chan struct{}),
		drained: make(chan struct{}),
	}
}

// take returns a free instance, or nil, which is the right to start one. At
// the bound it waits for either. Each successful take is followed by one put.
func (p *pool) take(ctx context.Context) (*guest, error) {
	p.mu.Lock()
	if p.isClosed() {
		p.mu.Unlock()
		return nil, ErrClosed
	}
	if p.out < p.max {
		p.out++
		g := p.pop()
		p.mu.Unlock()
		return g, nil
	}
	w := make(chan *guest, 1)
	p.waiting = append(p.waiting, w)
	p.mu.Unlock()

	select {
	case g := <-w:
		return g, nil
	case <-ctx.Done():
		return nil, p.giveUp(w, ctx.Err())
	case <-p.closed:
		return nil, p.giveUp(w, ErrClosed)
	}
}

// giveUp takes a waiter out of the queue. If it was served in the meantime,
// what it was given goes to the next one.
func (p *pool) giveUp(w chan *guest, why error) error {
	p.mu.Lock()
	i := slices.Index(p.waiting, w)
	if i >= 0 {
		p.waiting = slices.Delete(p.waiting, i, i+1)
	}
	p.mu.Unlock()
	if i < 0 {
		if g := <-w; !p.put(g) {
			g.close()
		}
	}
	return why
}

// put ends a take. g is the instance to keep, or nil if there is none. It
// reports false if the pool is closed and the caller must close g.
func (p *pool) put(g *guest) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.waiting) > 0 && !p.isClosed() {
		w := p.waiting[0]
		p.waiting = slices.Delete(p.waiting, 0, 1)
		w <- g // buffered: never blocks
		return true
	}
	p.out--
	if p.isClosed() {
		p.checkDrained()
		return g == nil
	}
	if g != nil {
		p.free = append(p.free, g)
	}
	return true
}

// close ends all waiting and hands back the free instances for closing.
// Later calls return nil.
func (p *pool) close() []*guest {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.isClosed() {
		return nil
	}
	close(p.closed)
	p.checkDrained()
	free := p.free
	p.free = nil
	return free
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

func (p *pool) inUse() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out
}

// pop, isClosed and checkDrained need mu.

func (p *pool) pop() *guest {
	n := len(p.free)
	if n == 0 {
		return nil
	}
	g := p.free[n-1]
	p.free[n-1] = nil
	p.free = p.free[:n-1]
	return g
}

func (p *pool) isClosed() bool {
	select {
	case <-p.closed:
		return true
	default:
		return false
	}
}

func (p *pool) checkDrained() {
	if p.out == 0 {
		close(p.drained)
	}
}
