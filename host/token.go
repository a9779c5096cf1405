package host

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// turns hands out the run tokens of a host. A call needs none for its first
// slice, which is all that most calls take, and one from its second slice on:
// however many guests spin, no more of them run at a time than there are
// tokens, so that short calls, the garbage collector and the network always
// find a processor. Tokens go round in the order of asking.
type turns struct {
	size int // tokens
	most int // calls that may wait for one

	mu      sync.Mutex
	free    int
	queue   []*waiter
	waiting atomic.Int32 // len(queue), for those who only want to know whether anybody waits
}

type waiter struct{ ready chan struct{} }

func newTurns(size, most int) *turns { return &turns{size: size, most: most, free: size} }

// patience says how long to wait: until the first of these.
type patience struct {
	ctx   context.Context
	left  time.Duration
	abort <-chan struct{} // then the module or the host closes
}

var (
	errQueueFull = errors.New("too many calls are waiting for their turn")
	errTooLate   = errors.New("the time was over before a turn came")
)

// take gets a token, waiting in the queue if there is none. Errors:
// errQueueFull, errTooLate, [ErrClosed], ctx.Err().
func (t *turns) take(p patience) error {
	t.mu.Lock()
	if t.free > 0 { // then nobody waits
		t.free--
		t.mu.Unlock()
		return nil
	}
	if len(t.queue) >= t.most {
		t.mu.Unlock()
		return errQueueFull
	}
	w := t.join()
	t.mu.Unlock()
	return t.await(w, p)
}

// give ends a take.
func (t *turns) give() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.next()
}

// pass gives the caller's token to whoever has waited longest, and waits for
// another one behind everybody else. It returns at once, with the token, if
// nobody waits. After an error the caller has none.
func (t *turns) pass(p patience) error {
	if t.waiting.Load() == 0 {
		return nil
	}
	t.mu.Lock()
	if len(t.queue) == 0 {
		t.mu.Unlock()
		return nil
	}
	w := t.join() // not subject to the bound: the one in front leaves as this one enters
	t.next()
	t.mu.Unlock()
	return t.await(w, p)
}

func (t *turns) await(w *waiter, p patience) error {
	timer := time.NewTimer(p.left)
	defer timer.Stop()
	var err error
	select {
	case <-w.ready:
		return nil
	case <-timer.C:
		err = errTooLate
	case <-p.ctx.Done():
		err = p.ctx.Err()
	case <-p.abort:
		err = ErrClosed
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if i := slices.Index(t.queue, w); i >= 0 {
		t.queue = slices.Delete(t.queue, i, i+1)
		t.waiting.Add(-1)
	} else {
		t.next() // served in the meantime: the token goes on
	}
	return err
}

// join and next need mu.

func (t *turns) join() *waiter {
	w := &waiter{ready: make(chan struct{})}
	t.queue = append(t.queue, w)
	t.waiting.Add(1)
	return w
}

func (t *turns) next() {
	if len(t.queue) == 0 {
		t.free++
		return
	}
	close(t.queue[0].ready)
	t.queue = slices.Delete(t.queue, 0, 1)
	t.waiting.Add(-1)
}

func (t *turns) inUse() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.size - t.free
}
