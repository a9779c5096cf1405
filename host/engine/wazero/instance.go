package wazero

import (
	"context"

	"github.com/tetratelabs/wazero/api"

	"github.com/iprt/iprt/host/engine"
	"github.com/iprt/iprt/host/engine/internal/link"
)

// instance is one wazero module instance. Its gate keeps calls apart: wazero corrupts
// memory if two run at once, and it runs guest code after a close.
type instance struct {
	code  *code
	mod   api.Module
	mem   *memory
	gate  link.Gate
	funcs map[string]*function

	running *function // set by the call, for host functions on its way
}

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
	if !link.Numeric(typ.Params...) || !link.Numeric(typ.Results...) {
		return nil
	}
	f := &function{inst: i, typ: typ, slots: typ.Slots(),
		params: link.NewWords(typ.Params), results: link.NewWords(typ.Results)}
	if f.name = name; !f.find() {
		return nil
	}
	return f
}

// StackBytes is the size of the stack of the call that is running, in bytes, and 0 if none
// is. Only host functions on behalf of that call, and whoever owns the instance, may ask.
func (i *instance) StackBytes() uint64 {
	if i.running == nil {
		return 0
	}
	return i.running.stack.size()
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
	if i.gate.Close() {
		return i.free()
	}
	return nil
}

// free runs once, when no call can be running or start.
func (i *instance) free() error {
	i.code.instances.Delete(i.mod)
	return i.mod.Close(context.Background())
}

// function is an exported function. wazero's handle has a stack of its own, which stays as
// large as a call made it: after such a call it is given up, and the next looks it up again.
type function struct {
	inst            *instance
	name            string
	fn              api.Function // nil until the next call
	stack           stack        // of fn
	typ             engine.FuncType
	slots           int
	params, results link.Words
}

// find looks the handle up.
func (f *function) find() bool {
	err := guard(func() error { f.fn = f.inst.mod.ExportedFunction(f.name); return nil })
	if err != nil || f.fn == nil {
		f.fn = nil
		return false
	}
	f.stack = stackOf(f.fn)
	return true
}

// drop gives the handle up, and its stack with it.
func (f *function) drop() { f.fn, f.stack = nil, stack{} }

func (f *function) Type() engine.FuncType { return f.typ }

func (f *function) Call(ctx context.Context, stack []uint64) error {
	if len(stack) < f.slots {
		return engine.ErrStack
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := f.inst.gate.Enter(); err != nil {
		return err
	}
	f.params.Clear(stack)
	if f.fn == nil && !f.find() {
		return f.leave(engine.ErrClosed) // it was there before
	}
	f.inst.running = f
	err := f.run(ctx, stack)
	f.inst.running = nil
	if f.stack.large() {
		f.drop()
	}
	if err = f.leave(err); err != nil {
		return err
	}
	f.results.Clear(stack)
	return nil
}

// leave ends a call that ended with err.
func (f *function) leave(err error) error {
	if f.inst.gate.Leave() {
		_ = f.inst.free()
		if err == nil {
			err = engine.ErrClosed
		}
	}
	return err
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
