package host

import (
	"context"
	"math"
	"strconv"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host/engine"
	"github.com/iprt/iprt/host/hostcall"
	"github.com/iprt/iprt/host/meter"
	"github.com/iprt/iprt/host/validate"
)

// domainKey is the context key of a domain.
type domainKey struct{}

// InDomain says on whose behalf modules are called: an instance that served
// one domain is reset before it serves another, so that nothing a guest keeps
// gets from one to the other. A domain is whatever should not learn from
// another: a peer, a user, a request. What is acquired without one shares the
// domain "", which is the host's own.
//
// A reset puts back the memory, its size and all globals of the instance, to
// what they were after its start, and costs about as much as copying that
// memory. Modules that change tables, drop segments or keep references in
// globals are instantiated anew instead, as are instances whose memory grew or
// is larger than Limits.MaxRetainedBytes.
func InDomain(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, domainKey{}, name)
}

func domainOf(ctx context.Context) string {
	if ctx == context.Background() {
		return ""
	}
	name, _ := ctx.Value(domainKey{}).(string)
	return name
}

// image is the state of an instance of a module after its start. Any instance
// can be put into it, because it holds all that instances can differ in, and
// addresses mean the same in all of them. It never changes.
type image struct {
	memory  []byte // without the zeros at its end
	size    uint64 // of the memory
	globals []uint64
	host    hostcall.Snapshot
	errAt   uint32
}

// resettable reports whether an image can hold all that the instances of a
// module differ in.
func resettable(info *validate.Info) bool {
	if info.ChangesTables || info.DropsSegments {
		return false
	}
	for _, g := range info.MutableGlobals {
		switch g.Type {
		case abi.I32, abi.I64, abi.F32, abi.F64:
		default:
			return false
		}
	}
	return true
}

// mutable finds the handles of what reset puts back. It is false if one is
// not to be had, which the meter makes sure does not happen.
func (g *guest) mutable() bool {
	if g.globals != nil {
		return true
	}
	globals := make([]engine.Global, 0, len(g.m.info.MutableGlobals))
	for _, mg := range g.m.info.MutableGlobals {
		v, ok := g.inst.Global(meter.ExportGlobal + strconv.FormatUint(uint64(mg.Index), 10))
		if !ok {
			return false
		}
		globals = append(globals, v)
	}
	g.globals = globals
	return true
}

// capture makes the image of the module, out of an instance that has just
// started. Modules that serve one domain only never need one.
func (g *guest) capture() {
	m := g.m
	if m.image.Load() != nil || !m.resettable || !g.mutable() {
		return
	}
	size := g.mem.Size()
	if size > uint64(m.limits.MaxRetainedBytes) || size > math.MaxUint32 {
		return // to copy that much is worse than to start anew
	}
	memory, ok := g.mem.View(0, uint32(size))
	if !ok {
		return
	}
	end := len(memory)
	for end > 0 && memory[end-1] == 0 {
		end--
	}
	im := &image{memory: append([]byte(nil), memory[:end]...), size: size, errAt: g.errAt, host: g.state.Snapshot()}
	for _, v := range g.globals {
		im.globals = append(im.globals, v.Get())
	}
	m.image.CompareAndSwap(nil, im)
}

// fresh reports whether nobody was served yet: then there is nothing to reset.
func (g *guest) fresh() bool { return g.calls.Load() == 0 }

// reset puts the guest back to its first state, for another domain. It is
// false if it cannot, and another instance has to be started.
func (g *guest) reset() bool {
	im := g.m.image.Load()
	if im == nil || g.mem.Size() != im.size || !g.mutable() {
		return false
	}
	memory, ok := g.mem.View(0, uint32(im.size))
	if !ok {
		return false
	}
	clear(memory[copy(memory, im.memory):])
	for i, v := range g.globals {
		v.Set(im.globals[i])
	}
	g.state.Restore(im.host)
	g.errAt = im.errAt
	g.m.stat.resets.Add(1)
	return true
}
