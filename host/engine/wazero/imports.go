package wazero

import (
	"context"
	"errors"

	"github.com/tetratelabs/wazero/api"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host/engine"
	"github.com/iprt/iprt/host/engine/internal/link"
)

// resolve picks, out of what the host offers, what the module imports, by module name.
func resolve(wanted []api.FunctionDefinition, offered []engine.Import) (map[string][]engine.Import, error) {
	wants := make([]link.Want, len(wanted))
	for i, def := range wanted {
		wants[i].Module, wants[i].Name, _ = def.Import()
		wants[i].Type = funcType(def)
	}
	imports, err := link.Resolve(wants, offered)
	if err != nil {
		return nil, err
	}
	used := make(map[string][]engine.Import)
	for _, imp := range imports {
		used[imp.Module] = append(used[imp.Module], imp)
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
	params, results := link.NewWords(f.Type.Params), link.NewWords(f.Type.Results)
	return func(ctx context.Context, mod api.Module, stack []uint64) {
		v, ok := c.instances.Load(mod)
		if !ok {
			panic(&hostFailure{errNoCaller})
		}
		inst := v.(*instance)
		if err := inst.gate.Stopped(ctx); err != nil {
			panic(&hostFailure{&link.Cancelled{Cause: err}})
		}
		params.Clear(stack)
		if err := link.CallHost(ctx, f.Fn, inst.hostMemory(), stack); err != nil {
			panic(&hostFailure{err})
		}
		results.Clear(stack)
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
