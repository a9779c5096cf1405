package host

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host/engine"
	"github.com/iprt/iprt/host/engine/guesttext"
	"github.com/iprt/iprt/host/hostcall"
	"github.com/iprt/iprt/host/meter"
)

// maxText bounds a guest's words in an error, in bytes. Escapes make a text
// longer than the record it came from.
const maxText = 2 * abi.ErrorTextMax

// How calls fail. Each of these makes the caller's error; those that say the
// guest misbehaved also mark it dead.

// startError is why the engine made no instance. Nothing of the module ran.
func (m *Module) startError(err error) error {
	var memory *engine.MemoryLimitError
	var instantiate *engine.InstantiateError
	switch {
	case errors.As(err, &memory):
		return &LimitError{Module: m.id, Limit: "MaxMemoryBytes", Value: memory.Need, Max: memory.Limit}
	case errors.As(err, &instantiate):
		return refused(m.id, RefusedInvalid, err)
	}
	return notRun(err)
}

// callError is a status that the guest returned in order, with the text of
// the error record if that belongs to it.
func (g *guest) callError(export string, raw uint32) error {
	said, text := g.record()
	if said != raw {
		text = ""
	}
	return g.newCallError(export, raw, text)
}

func (g *guest) newCallError(export string, raw uint32, text string) error {
	status := abi.Status(raw)
	if !status.Known() {
		status = abi.StatusInternal
	}
	return &CallError{Module: g.m.id, Export: export, Status: status, Raw: raw, Text: text}
}

// trapped is a call that the engine says did not end in order.
func (g *guest) trapped(ctx context.Context, export string, err error) error {
	var halt *halt
	if errors.As(err, &halt) {
		return g.halted(ctx, export, halt.err)
	}
	var t *engine.Trap
	if !errors.As(err, &t) {
		if errors.Is(err, context.DeadlineExceeded) { // between the functions of one call
			return g.ended(ctx, export, err)
		}
		return notRun(err)
	}
	if t.Kind == engine.TrapStack || t.Kind == engine.TrapUnreachable && int32(g.depth.Get()) < 0 {
		return g.overLimit(LimitDepth, 0, meter.MaxDepth)
	}
	if t.Kind == engine.TrapCancelled || t.Kind == engine.TrapHost && g.gaveUp(ctx, t.Cause) {
		return g.ended(ctx, export, t.Cause)
	}
	var abort *hostcall.Abort
	if t.Kind == engine.TrapAbort && errors.As(err, &abort) {
		e := g.newCallError(export, abort.Raw, guesttext.Line(abort.Text, maxText))
		g.fail(e)
		return e
	}
	e := &TrapError{Module: g.m.id, Export: export, Kind: t.Kind.String(), Backtrace: t.Backtrace, Err: err}
	if said, text := g.record(); said != uint32(abi.StatusOK) && text != "" {
		e.Text = text
	} else if t.Cause != nil {
		e.Text = guesttext.Line(t.Cause.Error(), maxText)
	}
	g.fail(e)
	return e
}

// halted is a call that the host ended while it ran.
func (g *guest) halted(ctx context.Context, export string, err error) error {
	var limit *LimitError
	if errors.As(err, &limit) {
		g.fail(err)
		return err
	}
	return g.ended(ctx, export, err)
}

// gaveUp reports whether a host function failed because the time of the call
// was over.
func (g *guest) gaveUp(ctx context.Context, cause error) bool {
	if ctx.Err() != nil {
		return errors.Is(cause, ctx.Err())
	}
	return errors.Is(cause, context.DeadlineExceeded) && g.run.until != 0 && g.m.host.clock() >= g.run.until
}

// ended is a call that nobody waits for any more: its context ended, or the
// module is closing.
func (g *guest) ended(ctx context.Context, export string, cause error) error {
	if errors.Is(cause, context.DeadlineExceeded) || errors.Is(ctx.Err(), context.DeadlineExceeded) {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			g.run.bound = LimitDeadline // whether or not the guest lived to its first look at the clock
		}
		e := g.tooLate(g.m.host.clock())
		g.fail(e)
		return e
	}
	g.dead = true
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", export, ctx.Err())
	}
	return ErrClosed
}

// blame counts a fault against the module, if it is one.
func (m *Module) blame(domain string, started bool, err error) {
	var limit *LimitError
	if errors.As(err, &limit) && !limit.fault() {
		return
	}
	var status *CallError
	if errors.As(err, &status) || started && m.binding.Pinned {
		return
	}
	if !started {
		domain = ""
	}
	q, tripped := m.host.breakers.fault(m.breaker, domain, guesttext.Line(err.Error(), maxReason))
	if !tripped {
		return
	}
	m.log.Warn("module is in quarantine, because it keeps failing", "domain", domain, "until", q.Until, "error", q.Reason)
	if o, ok := m.host.cfg.Observer.(QuarantineObserver); ok {
		o.Quarantined(q)
	}
}

// notRun is why the engine did not enter the guest, which is as good as before.
func notRun(err error) error {
	if errors.Is(err, engine.ErrClosed) {
		return ErrClosed // somebody closed the engine before the host
	}
	return err
}

// broke is a guest that does not keep to the ABI.
func (g *guest) broke(export, what string) error {
	e := &TrapError{Module: g.m.id, Export: export, Kind: TrapContract, Text: what}
	g.fail(e)
	return e
}

// overLimit is a guest that ran into a limit and may be in any state.
func (g *guest) overLimit(limit string, value uint64, most int64) error {
	e := &LimitError{Module: g.m.id, Limit: limit, Value: value, Max: uint64(most)}
	g.fail(e)
	return e
}

// outOfMemory is a guest whose allocator gave up. A new instance has room.
func (g *guest) outOfMemory() error {
	limit := int64(g.m.limits.memory())
	if own := int64(g.m.info.Memory.Max) * pageSize; own < limit {
		return g.overLimit(LimitModuleMemory, 0, own)
	}
	return g.overLimit("MaxMemoryBytes", 0, limit)
}

// record reads the error record: the status it says it is for, and the text,
// sanitised. The guest may have written anything there.
func (g *guest) record() (status uint32, text string) {
	if g.errAt == 0 {
		return 0, ""
	}
	rec, ok := g.mem.View(g.errAt, abi.ErrorRecordSize)
	if !ok {
		return 0, ""
	}
	status = binary.LittleEndian.Uint32(rec[abi.ErrorRecordStatusAt:])
	n := binary.LittleEndian.Uint32(rec[abi.ErrorRecordLenAt:])
	if n > abi.ErrorTextMax {
		return status, ""
	}
	return status, guesttext.Line(rec[abi.ErrorRecordTextAt:][:n], maxText)
}
