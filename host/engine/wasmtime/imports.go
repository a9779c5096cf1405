//go:build wasmtime && cgo

package wasmtime

import (
	"errors"
	"weak"

	wt "github.com/bytecodealliance/wasmtime-go/v39"

	"github.com/iprt/iprt/host/engine"
	"github.com/iprt/iprt/host/engine/internal/link"
)

// errNoCaller cannot happen: whoever calls a guest holds its instance.
var errNoCaller = errors.New("wasmtime: host function called by an unknown instance")

// hostFunc adapts one import. What ends a call is kept in the instance, since a trap of
// wasmtime carries a text only.
func hostFunc(f engine.Import) func(*wt.Caller, []wt.Val) ([]wt.Val, *wt.Trap) {
	return func(caller *wt.Caller, args []wt.Val) ([]wt.Val, *wt.Trap) {
		data, _ := caller.Data().(weak.Pointer[instance])
		inst := data.Value()
		if inst == nil {
			panic(errNoCaller)
		}
		stack := make([]uint64, f.Type.Slots())
		for n, arg := range args {
			stack[n] = slot(arg)
		}
		if err := inst.callHost(f.Fn, stack); err != nil {
			inst.failure = err
			return nil, wt.NewTrap("host function failed")
		}
		results := make([]wt.Val, len(f.Type.Results))
		for n, t := range f.Type.Results {
			results[n] = value(t, stack[n])
		}
		return results, nil
	}
}

func (i *instance) callHost(fn engine.HostFunc, stack []uint64) error {
	if err := i.gate.Stopped(i.ctx); err != nil {
		return &link.Cancelled{Cause: err}
	}
	var mem engine.Memory = noMemory
	if i.mem != nil {
		i.mem.moved()
		mem = i.mem
	}
	return link.CallHost(i.ctx, fn, mem, stack)
}
