//go:build wasmtime && cgo

package wasmtime

import (
	"context"
	"runtime"
	"runtime/debug"

	wt "github.com/bytecodealliance/wasmtime-go/v39"

	"github.com/iprt/iprt/host/engine"
	"github.com/iprt/iprt/host/engine/internal/link"
)

// instance is one module instance in a store of its own. The store is freed by its
// finalizer: nothing that wasmtime-go keeps globally may refer to the instance but weakly.
type instance struct {
	code  *code
	store *wt.Store
	inst  *wt.Instance
	mem   *memory // nil if there is none
	gate  link.Gate
	funcs map[string]*function

	ctx     context.Context // of the running call
	failure error           // of the host function that ended it
}

func (i *instance) Func(name string) (engine.Func, bool) {
	typ, ok := i.code.funcs[name]
	if !ok {
		return nil, false
	}
	f := i.funcs[name]
	if f == nil {
		fn := i.inst.GetFunc(i.store, name)
		if fn == nil {
			return nil, false
		}
		f = &function{inst: i, fn: fn, typ: typ, args: make([]any, len(typ.Params))}
		i.funcs[name] = f
	}
	return f, true
}

func (i *instance) Memory() engine.Memory {
	if i.mem == nil {
		return nil
	}
	return i.mem
}

// Close only sees to it that nothing runs any more: views of the memory may be in use.
func (i *instance) Close(context.Context) error {
	if i.gate.Close() {
		i.bury()
	}
	return nil
}

// bury runs once, when no call can be running or start.
func (i *instance) bury() {
	i.code.forget(i)
	i.code.eng.dead.add(i)
}

// function is an exported function.
type function struct {
	inst *instance
	fn   *wt.Func
	typ  engine.FuncType
	args []any
}

func (f *function) Type() engine.FuncType { return f.typ }

func (f *function) Call(ctx context.Context, stack []uint64) error {
	if len(stack) < f.typ.Slots() {
		return engine.ErrStack
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	i := f.inst
	if err := i.gate.Enter(); err != nil {
		return err
	}
	i.ctx = ctx
	err := f.run(stack)
	i.ctx, i.failure = nil, nil
	if i.mem != nil {
		i.mem.moved()
	}
	if i.gate.Leave() {
		i.bury()
		if err == nil {
			err = engine.ErrClosed
		}
	}
	runtime.KeepAlive(i)
	return err
}

// run is the one place where guest code runs.
func (f *function) run(stack []uint64) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &engine.Trap{Kind: engine.TrapEngine, Cause: &engine.PanicError{Value: r, Stack: debug.Stack()}}
		}
	}()
	for n, t := range f.typ.Params {
		f.args[n] = value(t, stack[n])
	}
	result, err := f.fn.Call(f.inst.store, f.args...)
	if err != nil {
		return f.inst.newTrap(err)
	}
	switch r := result.(type) {
	case nil:
	case []wt.Val:
		for n, v := range r {
			stack[n] = slot(v)
		}
	default:
		stack[0] = slotOf(r)
	}
	return nil
}
