package wazero

import (
	"context"
	"errors"
	"runtime/debug"

	"github.com/tetratelabs/wazero/api"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host/engine"
)

// resolve picks, out of what the host offers, what the module imports, by module name.
func resolve(wanted []api.FunctionDefinition, offered []engine.Import) (map[string][]engine.Import, error) {
	type key struct{ module, name string }
	byName := make(map[key]engine.Import, len(offered))
	twice := make(map[key]bool)
	for _, imp := range offered {
		k := key{imp.Module, imp.Name}
		_, twice[k] = byName[k]
		byName[k] = imp
	}
	used := make(map[string][]engine.Import)
	taken := make(map[key]bool, len(wanted))
	for _, def := range wanted {
		module, name, _ := def.Import()
		k := key{module, name}
		imp, ok := byName[k]
		want := funcType(def)
		switch {
		case !ok || module == "" || imp.Fn == nil:
			return nil, &engine.ImportError{Module: module, Name: name, Reason: "is not offered by this host"}
		case twice[k]:
			return nil, &engine.ImportError{Module: module, Name: name, Reason: "is offered twice by this host"}
		case !want.Equal(imp.Type):
			return nil, &engine.ImportError{Module: module, Name: name, Reason: "has another signature",
				Want: &want, Have: &imp.Type}
		}
		if !taken[k] { // a module may import one function several times
			taken[k] = true
			used[module] = append(used[module], imp)
		}
	}
	return used, nil
}

// hostFailure carries what ends a call out of a host function, through wazero, to the
// [engine.Func] that started it. wazero gives host functions no way but a panic.
type hostFailure struct{ cause error }

func (f *hostFailure) Error() string { return "host function failed" }

// errNoCaller cannot happen as long as functions are called through [instance.Func].
var errNoCaller = errors.New("wazero: host function called by an unknown instance")

// hostFunc adapts one import. It is the boundary at which i32 slots lose the garbage that
// compiled code leaves in their upper half.
func (c *code) hostFunc(f engine.Import) api.GoModuleFunc {
	params, results := newWords(f.Type.Params), newWords(f.Type.Results)
	return func(ctx context.Context, mod api.Module, stack []uint64) {
		v, ok := c.instances.Load(mod)
		if !ok {
			panic(&hostFailure{errNoCaller})
		}
		inst := v.(*instance)
		if err := inst.stopped(ctx); err != nil {
			panic(&hostFailure{&cancelled{err}})
		}
		params.clear(stack)
		if err := callHost(ctx, f.Fn, inst.hostMemory(), stack); err != nil {
			panic(&hostFailure{err})
		}
		results.clear(stack)
	}
}

func callHost(ctx context.Context, fn engine.HostFunc, mem engine.Memory, stack []uint64) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &engine.PanicError{Value: r, Stack: debug.Stack()}
		}
	}()
	return fn(ctx, mem, stack)
}

// cancelled is the end of a call at a host function because nobody waits for it any more.
type cancelled struct{ cause error }

func (c *cancelled) Error() string             { return c.cause.Error() }
func (c *cancelled) Unwrap() error             { return c.cause }
func (c *cancelled) TrapKind() engine.TrapKind { return engine.TrapCancelled }

// words lists the slots that hold an i32 or f32, of which only the low half counts.
type words []int

func newWords(types []abi.ValType) words {
	var w words
	for i, t := range types {
		if t == abi.I32 || t == abi.F32 {
			w = append(w, i)
		}
	}
	return w
}

func (w words) clear(stack []uint64) {
	for _, i := range w {
		stack[i] &= 1<<32 - 1
	}
}

// funcType and valueTypes translate signatures: both sides use the bytes of the binary format.
func funcType(def api.FunctionDefinition) engine.FuncType {
	convert := func(types []api.ValueType) []abi.ValType {
		out := make([]abi.ValType, len(types))
		for i, t := range types {
			out[i] = abi.ValType(t)
		}
		return out
	}
	return engine.FuncType{Params: convert(def.ParamTypes()), Results: convert(def.ResultTypes())}
}

func valueTypes(types []abi.ValType) []api.ValueType {
	out := make([]api.ValueType, len(types))
	for i, t := range types {
		out[i] = api.ValueType(t)
	}
	return out
}
