package host

import (
	"context"
	"errors"
	"runtime"
	"testing"

	"github.com/iprt/iprt/host/engine"
)

// fakeCode is code that can be closed once.
type fakeCode struct {
	engine.Code
	closed int
}

func (f *fakeCode) Close(context.Context) error { f.closed++; return nil }

// users returns how many wait for or use a key.
func (c *codeCache) users(key string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.entries[key]; e != nil {
		return e.users
	}
	return 0
}

func done() {}

// TestCompileOnce: all that want the same code at the same time wait for one
// compilation. The first one giving up does not spoil it for the others, and
// others giving up do not for the first.
func TestCompileOnce(t *testing.T) {
	var c codeCache
	const patient, impatient = 8, 3
	made := &fakeCode{}
	compiles := 0
	gate := make(chan struct{})
	compile := func(ctx context.Context, _ *compilation) (engine.Code, error) {
		compiles++
		<-gate
		return made, ctx.Err()
	}
	type result struct {
		code *code
		err  error
	}
	start := func(ctx context.Context, n int) chan result {
		out := make(chan result, n)
		before := c.users("k")
		for range n {
			go func() {
				got, _, err := c.get(ctx, "k", compile, done)
				out <- result{got, err}
			}()
		}
		if before == 0 {
			before = 1 // the compilation is a user too
		}
		for c.users("k") != before+n {
			runtime.Gosched()
		}
		return out
	}
	hurried, giveUp := context.WithCancel(t.Context())
	first := start(hurried, 1)
	waiting := start(hurried, impatient)
	rest := start(t.Context(), patient)
	giveUp()
	for range impatient {
		if r := <-waiting; !errors.Is(r.err, context.Canceled) {
			t.Errorf("one that gave up got %v", r.err)
		}
	}
	if r := <-first; !errors.Is(r.err, context.Canceled) {
		t.Errorf("the first one, which gave up too, got %v", r.err)
	}
	close(gate)
	var codes []*code
	for range patient {
		r := <-rest
		if r.err != nil {
			t.Fatalf("one that waited got %v", r.err)
		}
		codes = append(codes, r.code)
	}
	for n, got := range codes {
		if made.closed != 0 || got.Code != made {
			t.Errorf("user %d: closed %d times", n, made.closed)
		}
		got.release()
	}
	if compiles != 1 || made.closed != 1 || len(c.entries) != 0 {
		t.Errorf("compiled %d times, closed %d times, %d entries left", compiles, made.closed, len(c.entries))
	}
}

// TestCompileAbandoned: a compilation that everybody left ends all the same, and what it made is closed.
func TestCompileAbandoned(t *testing.T) {
	var c codeCache
	made, ended := &fakeCode{}, make(chan struct{})
	gate := make(chan struct{})
	ctx, giveUp := context.WithCancel(t.Context())
	giveUp()
	_, _, err := c.get(ctx, "k", func(context.Context, *compilation) (engine.Code, error) { <-gate; return made, nil }, func() { close(ended) })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	close(gate)
	<-ended
	if made.closed != 1 || len(c.entries) != 0 {
		t.Errorf("closed %d times, %d entries left", made.closed, len(c.entries))
	}
}

// TestCompileFails: an error is not kept.
func TestCompileFails(t *testing.T) {
	var c codeCache
	bad := errors.New("bad")
	if _, _, err := c.get(t.Context(), "k", func(context.Context, *compilation) (engine.Code, error) { return nil, bad }, done); !errors.Is(err, bad) {
		t.Errorf("got %v", err)
	}
	got, cached, err := c.get(t.Context(), "k", func(context.Context, *compilation) (engine.Code, error) { return &fakeCode{}, nil }, done)
	if err != nil || cached {
		t.Errorf("got %v, cached %v", err, cached)
	}
	if _, cached, _ := c.get(t.Context(), "k", nil, done); !cached {
		t.Error("not shared")
	}
	got.release()
}
