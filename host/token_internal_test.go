package host

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"
)

func patient(ctx context.Context) patience { return patience{ctx: ctx, left: time.Minute} }

// queued waits until n calls stand in the queue.
func queued(t *testing.T, turns *turns, n int32) {
	t.Helper()
	for begin := time.Now(); turns.waiting.Load() != n; {
		if time.Since(begin) > 10*time.Second {
			t.Fatalf("%d wait, want %d", turns.waiting.Load(), n)
		}
		time.Sleep(100 * time.Microsecond)
	}
}

func TestTurnsAreFair(t *testing.T) {
	turns := newTurns(1, 10)
	if err := turns.take(patient(t.Context())); err != nil {
		t.Fatal(err)
	}
	order := make(chan int, 10)
	var wg sync.WaitGroup
	for i := range 5 {
		wg.Go(func() {
			if err := turns.take(patient(t.Context())); err != nil {
				t.Error(err)
			}
			order <- i
			turns.give()
		})
		queued(t, turns, int32(i+1))
	}
	turns.give()
	wg.Wait()
	for want := range 5 {
		if got := <-order; got != want {
			t.Errorf("served %d, want %d", got, want)
		}
	}
	if turns.inUse() != 0 || turns.free != 1 {
		t.Errorf("%d in use, %d free", turns.inUse(), turns.free)
	}
}

func TestTurnsAreBounded(t *testing.T) {
	turns := newTurns(1, 1)
	if err := turns.take(patient(t.Context())); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error)
	go func() { gone <- turns.take(patient(ctx)) }()
	queued(t, turns, 1)
	if err := turns.take(patient(t.Context())); !errors.Is(err, errQueueFull) {
		t.Errorf("got %v, want that the queue is full", err)
	}
	cancel()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	queued(t, turns, 0)
}

func TestTurnsGiveUp(t *testing.T) {
	turns := newTurns(1, 1)
	if err := turns.take(patient(t.Context())); err != nil {
		t.Fatal(err)
	}
	abort := make(chan struct{})
	close(abort)
	for want, p := range map[error]patience{
		errTooLate: {ctx: t.Context(), left: time.Millisecond},
		ErrClosed:  {ctx: t.Context(), left: time.Minute, abort: abort},
	} {
		if err := turns.take(p); !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
	turns.give()
	if turns.free != 1 || turns.waiting.Load() != 0 {
		t.Errorf("%d free, %d waiting", turns.free, turns.waiting.Load())
	}
}

// TestTurnsPass: the holder goes behind those who wait, and keeps its token if
// nobody does.
func TestTurnsPass(t *testing.T) {
	turns := newTurns(1, 1)
	for range 2 {
		if err := turns.take(patient(t.Context())); err != nil {
			t.Fatal(err)
		}
		if err := turns.pass(patient(t.Context())); err != nil {
			t.Fatal(err)
		}
		got := make(chan error)
		go func() {
			err := turns.take(patient(t.Context()))
			got <- err
			turns.give()
		}()
		queued(t, turns, 1)
		passed := make(chan error)
		go func() { passed <- turns.pass(patient(t.Context())) }()
		if err := <-got; err != nil {
			t.Fatal(err)
		}
		if err := <-passed; err != nil {
			t.Fatal(err)
		}
		turns.give()
	}
	if turns.free != 1 {
		t.Errorf("%d free", turns.free)
	}
}

// TestTurnsNeverLost: whatever way waits end, as many tokens are left as before.
func TestTurnsNeverLost(t *testing.T) {
	turns := newTurns(2, 8)
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			for n := range 200 {
				ctx, cancel := context.WithCancel(t.Context())
				if (i+n)%3 == 0 {
					cancel()
				}
				p := patience{ctx: ctx, left: time.Duration((i*n)%7) * 10 * time.Microsecond}
				err := turns.take(p)
				if err == nil {
					err = turns.pass(p)
				}
				if err == nil {
					turns.give()
				}
				cancel()
			}
		})
	}
	wg.Wait()
	if turns.free != 2 || len(turns.queue) != 0 || turns.waiting.Load() != 0 {
		t.Errorf("%d free, %d queued, %d waiting", turns.free, len(turns.queue), turns.waiting.Load())
	}
}
