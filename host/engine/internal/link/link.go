// Package link is what engines share where guest and host meet: [Resolve] matches imports with offers, [CallHost] answers
// a host call, [Words] keep slots canonical and a [Gate] keeps calls of one instance apart.
package link

import (
	"context"
	"runtime/debug"

	"github.com/iprt/iprt/host/engine"
)

// Want is a function import of a module.
type Want struct {
	Module, Name string
	Type         engine.FuncType
}

// Resolve picks, out of what the host offers, what a module imports, each function once and in the order of the imports.
// Its error is an [*engine.ImportError].
func Resolve(wanted []Want, offered []engine.Import) ([]engine.Import, error) {
	type key struct{ module, name string }
	byName := make(map[key]engine.Import, len(offered))
	twice := make(map[key]bool)
	for _, imp := range offered {
		k := key{imp.Module, imp.Name}
		_, twice[k] = byName[k]
		byName[k] = imp
	}
	var used []engine.Import
	taken := make(map[key]bool, len(wanted))
	for _, want := range wanted {
		k := key{want.Module, want.Name}
		imp, ok := byName[k]
		switch {
		case !ok || want.Module == "" || imp.Fn == nil:
			return nil, &engine.ImportError{Module: want.Module, Name: want.Name, Reason: "is not offered by this host"}
		case twice[k]:
			return nil, &engine.ImportError{Module: want.Module, Name: want.Name, Reason: "is offered twice by this host"}
		case !want.Type.Equal(imp.Type):
			return nil, &engine.ImportError{Module: want.Module, Name: want.Name, Reason: "has another signature",
				Want: &want.Type, Have: &imp.Type}
		}
		if !taken[k] { // a module may import one function several times
			taken[k] = true
			used = append(used, imp)
		}
	}
	return used, nil
}

// CallHost runs a host function and turns a panic into an [*engine.PanicError].
func CallHost(ctx context.Context, fn engine.HostFunc, mem engine.Memory, stack []uint64) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &engine.PanicError{Value: r, Stack: debug.Stack()}
		}
	}()
	return fn(ctx, mem, stack)
}

// Cancelled is the end of a call at a host function because nobody waits for it any more.
type Cancelled struct{ Cause error }

func (c *Cancelled) Error() string { return c.Cause.Error() }

// Unwrap returns the cause.
func (c *Cancelled) Unwrap() error { return c.Cause }

// TrapKind implements [engine.Kinder].
func (c *Cancelled) TrapKind() engine.TrapKind { return engine.TrapCancelled }
