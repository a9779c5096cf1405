package host

import (
	"context"
	"fmt"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host/engine"
)

// allocAlign is what iprt_alloc promises.
const allocAlign = 16

// input is a first input in parts, and their length together.
type input struct {
	parts [][]byte
	size  int
}

func sizeOf(parts [][]byte) (n int) {
	for _, p := range parts {
		n += len(p)
	}
	return n
}

// call is the hot path: it allocates nothing unless it fails.
func (g *guest) call(ctx context.Context, e Export, a input, b []byte) (out []byte, fuel uint64, err error) {
	if g.dead || g.m.pool.isClosed() {
		return nil, 0, ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return nil, 0, err // some engines close an instance that is called with a dead context
	}
	if e < 0 || e >= exportCount || g.exports[e] == nil {
		return nil, 0, g.callError(e.String(), uint32(abi.StatusUnsupported))
	}
	if err := g.m.quarantined(g.domain); err != nil {
		return nil, 0, err
	}
	if err := g.begin(ctx); err != nil {
		return nil, 0, err
	}
	out, err = g.roleCall(ctx, e, a, b)
	fuel = g.finish()
	g.bytes.Store(g.mem.Size())
	g.calls.Add(1)
	if err != nil {
		g.failed.Add(1)
	}
	return out, fuel, err
}

func (g *guest) roleCall(ctx context.Context, e Export, a input, b []byte) ([]byte, error) {
	pa, pb, err := g.push(ctx, a, b)
	if err != nil {
		return nil, err
	}
	g.stack = [roleParams]uint64{uint64(pa), uint64(a.size), uint64(pb), uint64(len(b))}
	if err := g.enter(ctx, g.exports[e]); err != nil {
		return nil, g.trapped(ctx, e.String(), err)
	}
	ptr, n := abi.Unpack(g.stack[0])
	if ptr == 0 {
		if abi.Status(n) == abi.StatusOK {
			return nil, g.broke(e.String(), "it returned neither a result nor a status")
		}
		return nil, g.callError(e.String(), n)
	}
	if limit := g.m.limits.MaxOutputBytes; int64(n) > limit {
		return nil, g.overLimit("MaxOutputBytes", uint64(n), limit)
	}
	out, ok := g.mem.View(ptr, n)
	if !ok {
		return nil, g.broke(e.String(), fmt.Sprintf(
			"its result of %d bytes at 0x%x is not inside the memory of %d bytes", n, ptr, g.mem.Size()))
	}
	return out, nil
}

// enter runs a function of the guest on g.stack. What a function returned that
// had no fuel left for its last steps does not count.
func (g *guest) enter(ctx context.Context, f engine.Func) error {
	g.ctx.Context = ctx
	err := f.Call(&g.ctx, g.stack[:])
	g.ctx.Context = context.Background() // never nil, should anybody have kept it
	g.state.EndCall()
	if err == nil && g.overspent() {
		err = g.halt(g.outOfFuel(int64(g.fuel.Get())))
	}
	return err
}

// push copies the two inputs into memory that the guest allocates, and
// returns their addresses, 0 for an empty one. What the guest says about the
// addresses is checked only after the second allocation, because that may
// move the memory.
func (g *guest) push(ctx context.Context, a input, b []byte) (pa, pb uint32, err error) {
	if pa, err = g.allocate(ctx, a.size); err != nil {
		return 0, 0, err
	}
	if pb, err = g.allocate(ctx, len(b)); err != nil {
		return 0, 0, err
	}
	endA, endB := uint64(pa)+uint64(a.size), uint64(pb)+uint64(len(b))
	if pa != 0 && pb != 0 && uint64(pa) < endB && uint64(pb) < endA {
		return 0, 0, g.broke(abi.ExportAlloc, fmt.Sprintf("it gave overlapping memory: [0x%x, 0x%x) and [0x%x, 0x%x)", pa, endA, pb, endB))
	}
	dst, err := g.inputAt(pa, a.size)
	if err != nil {
		return 0, 0, err
	}
	for _, part := range a.parts {
		dst = dst[copy(dst, part):]
	}
	if dst, err = g.inputAt(pb, len(b)); err != nil {
		return 0, 0, err
	}
	copy(dst, b)
	return pa, pb, nil
}

// allocate asks the guest for n bytes.
func (g *guest) allocate(ctx context.Context, n int) (uint32, error) {
	if n == 0 {
		return 0, nil
	}
	if limit := g.m.limits.MaxInputBytes; int64(n) > limit {
		return 0, &LimitError{Module: g.m.id, Limit: "MaxInputBytes", Value: uint64(n), Max: uint64(limit)}
	}
	g.stack[0] = uint64(n)
	if err := g.enter(ctx, g.alloc); err != nil {
		return 0, g.trapped(ctx, abi.ExportAlloc, err)
	}
	p := uint32(g.stack[0])
	if p == 0 {
		return 0, g.outOfMemory()
	}
	if p%allocAlign != 0 {
		return 0, g.broke(abi.ExportAlloc, fmt.Sprintf("it gave 0x%x, which is not a multiple of %d", p, allocAlign))
	}
	return p, nil
}

// inputAt is the memory that the guest gave for n bytes of input.
func (g *guest) inputAt(p uint32, n int) ([]byte, error) {
	if n == 0 {
		return nil, nil
	}
	dst, ok := g.mem.View(p, uint32(n))
	if !ok {
		return nil, g.broke(abi.ExportAlloc, fmt.Sprintf(
			"it gave 0x%x for %d bytes, which is not inside the memory of %d bytes", p, n, g.mem.Size()))
	}
	return dst, nil
}
