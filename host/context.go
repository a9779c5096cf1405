package host

import (
	"context"

	"github.com/iprt/iprt/host/engine"
)

// callContext is the context of a call into a guest, through which host
// functions find its state. It is made once per instance, so that a call
// allocates none.
type callContext struct {
	context.Context // the caller's, during a call
	g               *guest
}

// callKey is the context key of the *guest that is running.
type callKey struct{}

func (c *callContext) Value(key any) any {
	if _, ok := key.(callKey); ok {
		return c.g
	}
	if v := c.g.state.ContextValue(key); v != nil {
		return v
	}
	return c.Context.Value(key)
}

// Err also ends with the time of the call, which has no timer of its own: the
// engine asks at each host call, and host functions that work for long ask in
// between. Those that wait get a context that says so by itself; see wait.
func (c *callContext) Err() error {
	if err := c.Context.Err(); err != nil {
		return err
	}
	if until := c.g.run.until; until != 0 && c.g.m.host.clock() >= until {
		return context.DeadlineExceeded
	}
	return nil
}

// callerOf is the guest on whose behalf somebody acts, if any: ctx is then, or
// comes from, the context of a host function.
func callerOf(ctx context.Context) *guest {
	if ctx == context.Background() {
		return nil
	}
	g, _ := ctx.Value(callKey{}).(*guest)
	return g
}

// hostFunc is a function on offer.
type hostFunc struct {
	engine.Import
	waits bool // it may wait for something else than a processor
}

// guarded adds to a host function what holds for all of them.
func (f hostFunc) guarded() engine.Import {
	fn, out := f.Fn, f.Import
	if f.waits {
		fn = waiting(fn)
	}
	out.Fn = func(ctx context.Context, mem engine.Memory, stack []uint64) error {
		if g := callerOf(ctx); g != nil {
			if err := g.hostCall(); err != nil {
				return err
			}
		}
		return fn(ctx, mem, stack)
	}
	return out
}

// waiting lets other guests run while fn waits, and has fn's context end with
// the time of the call.
func waiting(fn engine.HostFunc) engine.HostFunc {
	return func(ctx context.Context, mem engine.Memory, stack []uint64) error {
		g := callerOf(ctx)
		if g == nil {
			return fn(ctx, mem, stack)
		}
		ctx, cancel := context.WithDeadline(ctx, g.m.host.at(g.run.until))
		defer cancel()
		back := g.park()
		err := fn(ctx, mem, stack)
		if again := back(); err == nil {
			err = again
		}
		return err
	}
}

// park gives the run token back while the guest's call waits, if it has one,
// and returns what takes it again.
func (g *guest) park() func() error {
	if !g.run.turn.release(g.m.host.turns) {
		return func() error { return nil }
	}
	return func() error {
		took := g.run.took
		err := g.takeTurn(g.m.host.clock())
		g.run.took = took // whoever took it first gives it back
		return err
	}
}
