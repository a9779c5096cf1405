package host

import (
	"context"
	"sync/atomic"
	"time"
)

// Instance is the right to use one running instance of a module, from
// [Module.Acquire] until [Instance.Release]. It belongs to one goroutine. It
// is a small value: copies are the same right, and after Release all of them
// are void, even if the instance behind is in use by somebody else by then.
//
// The zero Instance is released.
type Instance struct {
	g     *guest
	lease uint64
}

// Module returns the module this is an instance of; nil for a zero Instance.
func (i Instance) Module() *Module {
	if i.g == nil {
		return nil
	}
	return i.g.m
}

// Call runs an export of a role. a and b are its two inputs (for a codec:
// block and parameters); either may be empty. The result is guest memory: it
// may be read until the next Call or Release, and must not be changed.
//
// A call ends when it has used up a budget of [Limits], and at its next slice
// of fuel, well within a millisecond, when ctx ends or the instance is
// released. It belongs to the domain that the instance was acquired in,
// whatever ctx says; see [InDomain].
//
// Errors: [*CallError] is the module's own answer. [*TrapError] and
// [*LimitError], other than of MaxInputBytes and before the call, end the
// instance: further calls fail with [ErrClosed], and Release discards it.
// [*RefusedError] while the module is in quarantine. [ErrClosed] after Release
// or when the module was unloaded; [ErrBusy] if the instance is in a call;
// ctx.Err() if ctx was cancelled; a [*LimitError] that wraps
// context.DeadlineExceeded if its deadline came during the call.
func (i Instance) Call(ctx context.Context, e Export, a, b []byte) ([]byte, error) {
	return i.CallParts(ctx, e, [][]byte{a}, b)
}

// CallParts is Call with a first input that lies in several places. The guest
// gets it in one piece; nobody else has to put it together first.
func (i Instance) CallParts(ctx context.Context, e Export, a [][]byte, b []byte) ([]byte, error) {
	if i.g == nil {
		return nil, ErrClosed
	}
	if err := i.g.lease.enter(i.lease); err != nil {
		return nil, err
	}
	out, err := i.g.callObserved(ctx, e, input{parts: a, size: sizeOf(a)}, b)
	if i.g.lease.leave() {
		i.g.recycle()
		return nil, ErrClosed // released during the call: the result is not the caller's any more
	}
	return out, err
}

// Release gives the instance back. Results of its calls must not be used any
// more. Releasing twice, or late, is harmless; releasing during a call ends
// that at its next slice of fuel.
func (i Instance) Release() {
	if i.g != nil && i.g.lease.end(i.lease) {
		i.g.recycle()
	}
}

// Discard is Release for an instance whose output turned out to be wrong: it
// is not used again. reason becomes the module's last error.
func (i Instance) Discard(reason error) {
	if i.g != nil && i.g.lease.end(i.lease) {
		i.g.fail(reason)
		i.g.recycle()
	}
}

// lease is the state of a guest's current lease: a number that changes with
// each lease, and two flags.
type lease struct{ state atomic.Uint64 }

const (
	leaseCalling  = 1 << iota // a call is running
	leaseReleased             // released during that call
	leaseNext                 // the unit in which the number counts
)

const leaseFlags = leaseCalling | leaseReleased

// number identifies the lease that starts now. Only whoever owns the guest
// outright may ask.
func (l *lease) number() uint64 { return l.state.Load() }

// released reports whether the lease ended during the call that is running.
func (l *lease) released() bool { return l.state.Load()&leaseReleased != 0 }

// enter starts a call under a lease.
func (l *lease) enter(n uint64) error {
	if l.state.CompareAndSwap(n, n|leaseCalling) {
		return nil
	}
	if l.state.Load()&^leaseFlags == n {
		return ErrBusy
	}
	return ErrClosed
}

// leave ends a call. It reports true if the lease ended with it.
func (l *lease) leave() bool {
	for {
		s := l.state.Load()
		if s&leaseReleased == 0 {
			if l.state.CompareAndSwap(s, s&^leaseCalling) {
				return false
			}
			continue
		}
		l.state.Store(s&^leaseFlags + leaseNext) // nobody else changes it now
		return true
	}
}

// end ends a lease. It reports true if the caller now owns the guest; false
// if the lease was over, or ends with the call that is running.
func (l *lease) end(n uint64) bool {
	for {
		s := l.state.Load()
		switch {
		case s == n:
			if l.state.CompareAndSwap(s, s+leaseNext) {
				return true
			}
		case s == n|leaseCalling:
			if l.state.CompareAndSwap(s, s|leaseReleased) {
				return false
			}
		default:
			return false
		}
	}
}

// callObserved is call, timed if somebody watches.
func (g *guest) callObserved(ctx context.Context, e Export, a input, b []byte) ([]byte, error) {
	obs := g.m.host.cfg.Observer
	if obs == nil {
		out, _, err := g.call(ctx, e, a, b)
		return out, err
	}
	begin := time.Now()
	out, fuel, err := g.call(ctx, e, a, b)
	obs.Called(CallEvent{
		Module: g.m.id, Binding: g.m.binding.Name, Export: e,
		Took: time.Since(begin), In: a.size + len(b), Out: len(out), Fuel: fuel, Err: err,
	})
	return out, err
}
