package host

import (
	"context"
	"sync"

	"github.com/iprt/iprt/host/engine"
)

// codeCache shares compiled code between the modules that use it. Its zero
// value is empty. Code is closed when its last user lets go.
type codeCache struct {
	mu      sync.Mutex
	entries map[string]*code
}

// code is compiled code with a count of its users.
type code struct {
	cache *codeCache
	key   string
	users int           // guarded by cache.mu
	ready chan struct{} // closed when the three below are set
	engine.Code
	how compilation
	err error
}

// compileFunc makes code and notes how.
type compileFunc func(context.Context, *compilation) (engine.Code, error)

// get returns the code for a key, compiling it if nobody has, and says
// whether it was there. Callers that want the same key at the same time wait
// for one compilation, each as long as its context lets it: no engine
// interrupts a compilation, so that goes on without them, and done is called
// when it has ended. Each code got is released once.
func (c *codeCache) get(ctx context.Context, key string, compile compileFunc, done func()) (*code, bool, error) {
	c.mu.Lock()
	e, found := c.entries[key]
	if !found {
		e = &code{cache: c, key: key, ready: make(chan struct{})}
		if c.entries == nil {
			c.entries = make(map[string]*code)
		}
		c.entries[key] = e
	}
	e.users++
	if !found {
		e.users++ // the compilation, which must not lose its entry
	}
	c.mu.Unlock()

	if found {
		done()
	} else {
		go func() {
			defer done()
			e.Code, e.err = compile(context.WithoutCancel(ctx), &e.how)
			e.release() // before anybody can use it: the last user to close it is one of them
			close(e.ready)
		}()
	}
	select {
	case <-e.ready:
	case <-ctx.Done():
		e.release()
		return nil, false, ctx.Err()
	}
	if e.err != nil {
		e.release()
		return nil, false, e.err
	}
	return e, found, nil
}

// release gives a code up. The last one closes it.
func (e *code) release() {
	c := e.cache
	c.mu.Lock()
	e.users--
	last := e.users == 0
	if last && c.entries[e.key] == e {
		delete(c.entries, e.key)
	}
	c.mu.Unlock()
	if last && e.Code != nil {
		e.Code.Close(context.Background())
	}
}
