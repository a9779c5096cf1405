package host

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/iprt/iprt/host/meter"
)

// sliceFuel is how much fuel a call gets at a time: 30 to 100 µs of compiled
// code, after which the host looks at what the call may still do, and the
// garbage collector finds it at a safe point.
const sliceFuel = 100_000

// turnTime is how long a call keeps its run token while others wait for one.
const turnTime = int64(10 * time.Millisecond)

// busyTime is after how long a call takes a run token although its own code
// is still in the first slice: then it is the functions of the host that work
// for it.
const busyTime = int64(25 * time.Millisecond)

// maxNesting is how deep calls on behalf of other calls may be nested: a guest
// may use a host function that calls a guest, and there it ends.
const maxNesting = 1

// run is what one call, or one start of an instance, has spent and may still
// spend. It is part of the guest that runs it and starts anew with each call.
type run struct {
	ctx    context.Context // the caller's
	parent *guest          // on behalf of whose call this one is made; usually nil
	nested int             // how many parents there are

	granted   int64        // fuel given so far
	lent      atomic.Int64 // of the budget, to calls on behalf of this one
	hostCalls int
	stack     uint64 // bytes of it that the host knows of

	// began and until are read from the clock when the call asks for its
	// second slice or calls the host, at most a slice after its entry, so that
	// a short call need not ask for the time. Both are 0 before.
	began, until int64
	bound        string // which limit until is
	waited       int64  // time spent in the queue

	own  turn
	turn *turn // own, or that of the outermost parent
	took bool  // it was this call that took the token, so it gives it back
}

// turn is the claim of a call to a run token, shared by all calls on its
// behalf: what runs for the holder of a token needs none of its own.
type turn struct {
	held  atomic.Bool
	since atomic.Int64
}

// begin grants the first slice. Each begin that returns nil is followed by
// one finish.
func (g *guest) begin(ctx context.Context) error {
	g.run = run{ctx: ctx}
	r := &g.run
	r.turn = &r.own
	if by := callerOf(ctx); by != nil {
		r.nested = by.run.nested + 1
		if by.m.host == g.m.host {
			r.parent, r.turn = by, by.run.turn
		}
		if r.nested > maxNesting {
			return &LimitError{Module: g.m.id, Limit: LimitNesting, Value: uint64(r.nested), Max: maxNesting}
		}
	}
	n, err := g.grant(0)
	if err != nil {
		return err
	}
	if g.m.rate != nil {
		if err := g.spend(n, g.m.host.clock()); err != nil {
			return err
		}
	}
	if !r.parent.lend(n) {
		return g.callerSpent()
	}
	r.granted = n
	g.fuel.Set(uint64(r.granted))
	return nil
}

// finish ends a begin and returns the fuel that was used.
func (g *guest) finish() uint64 {
	r := &g.run
	if r.took {
		r.turn.release(g.m.host.turns)
	}
	used := r.granted - int64(g.fuel.Get())
	g.unwound()
	if g.m.rate != nil {
		g.m.rate.settle(used - r.granted)
	}
	if p := r.parent; p != nil {
		p.run.lent.Add(used - r.granted)
		p.m.rate.settle(used)
	}
	g.burnt.Add(uint64(used))
	r.ctx, r.parent = nil, nil // not to keep alive what belongs to the caller
	return uint64(used)
}

// slice answers the metered code of a guest that has overdrawn its fuel: with
// what it has now, or an error that ends its call.
func (g *guest) slice(fuel int64) (int64, error) {
	if fuel == meter.MemoryGaveOut {
		return 0, g.halt(&LimitError{Module: g.m.id, Limit: LimitHostMemory, Max: g.mem.Size()})
	}
	grant, err := g.grant(fuel)
	if err != nil {
		return 0, g.halt(err)
	}
	now := g.m.host.clock()
	if err := g.look(now); err != nil {
		return 0, err
	}
	if g.m.aborted.Load() || g.lease.released() {
		return 0, g.halt(ErrClosed)
	}
	if err := g.spend(grant, now); err != nil {
		return 0, g.halt(err)
	}
	if !g.account() {
		return 0, g.halt(g.crowded())
	}
	if !g.run.parent.lend(grant) {
		return 0, g.halt(g.callerSpent())
	}
	g.run.granted += grant
	if err := g.takeTurn(now); err != nil {
		return 0, err
	}
	return fuel + grant, nil
}

// grant sizes the next slice. A guest may have overdrawn by more than one.
func (g *guest) grant(fuel int64) (int64, error) {
	r := &g.run
	left := g.left()
	n := min(max(sliceFuel, -fuel), left)
	if fuel+n < 0 {
		return 0, g.outOfFuel(fuel)
	}
	if r.parent != nil {
		if n = min(n, r.parent.left()); n <= 0 || fuel+n < 0 {
			return 0, g.callerSpent()
		}
	}
	return n, nil
}

// overspent reports whether the call has burnt more than its budget. The meter
// does not look before each return, which is what makes short functions cheap.
func (g *guest) overspent() bool {
	return g.left()+int64(g.fuel.Get()) < 0
}

// outOfFuel is the error of a call that has burnt more than its budget. fuel is
// what it has left of its slices, below 0 if it has overdrawn them.
func (g *guest) outOfFuel(fuel int64) error {
	most := g.m.limits.FuelPerCall
	return &LimitError{Module: g.m.id, Limit: "FuelPerCall", Value: uint64(most - g.left() - fuel), Max: uint64(most)}
}

// left is what the call may still be granted, or lend. A slice that is granted
// counts as spent.
func (g *guest) left() int64 {
	return g.m.limits.FuelPerCall - g.run.granted - g.run.lent.Load()
}

// lend pays for n of a call on behalf of this one: a guest must not get more
// than its budget by having others work for it. Nobody lends without end.
func (g *guest) lend(n int64) bool {
	if g == nil {
		return true
	}
	for {
		lent := g.run.lent.Load()
		if g.m.limits.FuelPerCall-g.run.granted-lent < n {
			return false
		}
		if g.run.lent.CompareAndSwap(lent, lent+n) {
			return true
		}
	}
}

// callerSpent is the error of a call on behalf of one that has nothing left.
func (g *guest) callerSpent() error {
	return &LimitError{Module: g.m.id, Limit: LimitCaller, Max: uint64(g.run.parent.m.limits.FuelPerCall)}
}

// spend takes fuel from what the binding may burn in the long run.
func (g *guest) spend(fuel, now int64) error {
	if wait := g.m.rate.spend(fuel, now); wait > 0 {
		return &LimitError{Module: g.m.id, Limit: "FuelPerSecond", Max: uint64(g.m.limits.FuelPerSecond), wait: wait}
	}
	return nil
}

// look starts the clock of a call, or compares it.
func (g *guest) look(now int64) error {
	r := &g.run
	if r.until == 0 {
		r.began, r.until, r.bound = now, now+int64(g.m.limits.MaxCallTime), "MaxCallTime"
		if d, ok := r.ctx.Deadline(); ok {
			r.upTo(int64(d.Sub(g.m.host.epoch)), LimitDeadline)
		}
		if p := r.parent; p != nil && p.run.until != 0 {
			r.upTo(p.run.until, LimitDeadline) // as if by its context
		}
	}
	if now >= r.until {
		return g.halt(g.tooLate(now))
	}
	return nil
}

func (r *run) upTo(until int64, bound string) {
	if until < r.until {
		r.until, r.bound = max(until, 1), bound
	}
}

// tooLate is the error of a call whose time is over.
func (g *guest) tooLate(now int64) error {
	r := &g.run
	e := &LimitError{Module: g.m.id, Limit: r.bound, Max: uint64(r.until - r.began)}
	if r.bound == LimitDeadline {
		e.Err = context.DeadlineExceeded
	}
	// Not the guest's fault if it stood in the queue for most of the time.
	e.excused = r.bound == LimitDeadline || r.waited > (now-r.began)/2
	return e
}

// hostCall is asked before each call of a host function.
func (g *guest) hostCall() error {
	r := &g.run
	if r.hostCalls++; r.hostCalls > g.m.limits.MaxHostCalls {
		return g.halt(&LimitError{Module: g.m.id, Limit: "MaxHostCalls", Value: uint64(r.hostCalls), Max: uint64(g.m.limits.MaxHostCalls)})
	}
	now := g.m.host.clock()
	if err := g.look(now); err != nil {
		return err
	}
	if now-r.began <= busyTime {
		return nil
	}
	if !g.account() {
		return g.halt(g.crowded())
	}
	return g.takeTurn(now)
}

// takeTurn gets the call a run token unless it, or the call on whose behalf it
// is made, has one; and hands that on if it is somebody else's turn.
func (g *guest) takeTurn(now int64) error {
	r, turns := &g.run, g.m.host.turns
	held := r.turn.held.Load()
	if held && (now-r.turn.since.Load() < turnTime || turns.waiting.Load() == 0) {
		return nil
	}
	p := patience{ctx: r.ctx, left: time.Duration(r.until - now), abort: g.m.abort}
	var err error
	if held {
		r.turn.held.Store(false)
		err = turns.pass(p)
	} else {
		r.took = true
		err = turns.take(p)
	}
	later := g.m.host.clock()
	r.waited += later - now
	if err != nil {
		return g.halt(g.noTurn(err, later))
	}
	r.turn.since.Store(later)
	r.turn.held.Store(true)
	return nil
}

func (g *guest) noTurn(err error, now int64) error {
	switch {
	case errors.Is(err, errQueueFull):
		return &LimitError{Module: g.m.id, Limit: LimitRunQueue, Max: uint64(g.m.host.cfg.RunQueue), excused: true}
	case errors.Is(err, errTooLate):
		return g.tooLate(now)
	case errors.Is(err, context.DeadlineExceeded):
		g.run.bound = LimitDeadline
		return g.tooLate(now)
	}
	return err
}

// release gives the token back, and reports whether there was one.
func (t *turn) release(turns *turns) bool {
	if !t.held.CompareAndSwap(true, false) {
		return false
	}
	turns.give()
	return true
}

// halt is why the host ends a call that is running, on its way through the
// engine.
type halt struct{ err error }

func (h *halt) Error() string { return h.err.Error() }
func (h *halt) Unwrap() error { return h.err }

func (g *guest) halt(err error) error { return &halt{err} }

// clock is the time since the host was made, in nanoseconds and at least 1.
// It only goes forward.
func (h *Host) clock() int64 { return int64(time.Since(h.epoch)) + 1 }

// at is the time at which clock says so much.
func (h *Host) at(clock int64) time.Time { return h.epoch.Add(time.Duration(clock)) }
