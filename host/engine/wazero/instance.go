package wazero

import (
	"context"
	"sync/atomic"

	"github.com/tetratelabs/wazero/api"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host/engine"
)

// instance is one wazero module instance. Its state keeps calls apart: wazero corrupts
// memory if two run at once, and it runs guest code after a close.
type instance struct {
	code  *code
	mod   api.Module
	mem   *memory
	state atomic.Uint32 // of the bits below
	funcs map[string]*function
}

const (
	running uint32 = 1 << iota // a call is under way
	closed                     // no call may start
)

func (i *instance) Func(name string) (engine.Func, bool) {
	f, known := i.funcs[name]
	if !known {
		f = i.lookup(name)
		if i.funcs == nil {
			i.funcs = make(map[string]*function)
		}
		i.funcs[name] = f
	}
	if f == nil {
		return nil, false
	}
	return f, true
}

func (i *instance) lookup(name string) *function {
	def := i.code.compiled.ExportedFunctions()[name]
	if def == nil {
		return nil
	}
	if _, _, imported := def.Import(); imported {
		return nil // it would run without a caller, that is, without a memory
	}
	typ := funcType(def)
	if !numeric(typ.Params) || !numeric(typ.Results) {
		return nil
	}
	f := &function{inst: i, typ: typ, slots: typ.Slots(),
		params: newWords(typ.Params), results: newWords(typ.Results)}
	if err := guard(func() error { f.fn = i.mod.ExportedFunction(name); return nil }); err != nil || f.fn == nil {
		return nil
	}
	return f
}

func numeric(types []abi.ValType) bool {
	for _, t := range types {
		switch t {
		case abi.I32, abi.I64, abi.F32, abi.F64:
		default:
			return false
		}
	}
	return true
}

func (i *instance) Memory() engine.Memory {
	if !i.mem.live {
		return nil
	}
	return i.mem
}

// hostMemory is the memory for host functions: never nil.
func (i *instance) hostMemory() engine.Memory {
	if !i.mem.live {
		return noMemory
	}
	return i.mem
}

func (i *instance) Close(context.Context) error {
	for {
		old := i.state.Load()
		if old&closed != 0 {
			return nil
		}
		if i.state.CompareAndSwap(old, old|closed) {
			if old&running != 0 {
				return nil // leave frees it
			}
			return i.free()
		}
	}
}

// enter claims the instance for a call.
func (i *instance) enter() error {
	if i.state.CompareAndSwap(0, running) {
		return nil
	}
	if i.state.Load()&closed != 0 {
		return engine.ErrClosed
	}
	return engine.ErrBusy
}

// leave ends a call, and reports whether the instance was closed meanwhile.
func (i *instance) leave() (wasClosed bool) {
	if i.state.CompareAndSwap(running, 0) {
		return false
	}
	_ = i.free()
	return true
}

// stopped says why a running call should not go on.
func (i *instance) stopped(ctx context.Context) error {
	if i.state.Load()&closed != 0 {
		return engine.ErrClosed
	}
	return ctx.Err()
}

// free runs once, when no call can be running or start.
func (i *instance) free() error {
	i.code.instances.Delete(i.mod)
	return i.mod.Close(context.Background())
}

// function is an exported function.
type function struct {
	inst            *instance
	fn              api.Function
	typ             engine.FuncType
	slots           int
	params, results words
}

func (f *function) Type() engine.FuncType { return f.typ }

func (f *function) Call(ctx context.Context, stack []uint64) error {
	if len(stack) < f.slots {
		return engine.ErrStack
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := f.inst.enter(); err != nil {
		return err
	}
	f.params.clear(stack)
	err := f.run(ctx, stack)
	if f.inst.leave() && err == nil {
		err = engine.ErrClosed
	}
	if err != nil {
		return err
	}
	f.results.clear(stack)
	return nil
}

// run is the one place where guest code runs.
func (f *function) run(ctx context.Context, stack []uint64) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = panicTrap(r)
		}
	}()
	if err := f.fn.CallWithStack(ctx, stack[:f.slots]); err != nil {
		return newTrap(err)
	}
	return nil
}
