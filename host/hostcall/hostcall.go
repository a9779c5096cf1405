// Package hostcall answers the calls that guests make to their host.
//
// [Functions] gives every function of the iprt interfaces, to be bound when a module is
// compiled; package wasi beside it gives those of WASI. Both are the same for all
// instances. What differs, the log, the configuration, the budgets, is a [State], one
// for each instance, which travels in the context of a call:
//
//	state := hostcall.New(hostcall.Options{Log: log, Config: config})
//	err := f.Call(hostcall.With(ctx, state), stack)
//	state.EndCall()
//
// Whether a module may call an interface at all is decided where it is loaded, not here.
//
// # Trust
//
// Pointers, lengths, levels, texts and the rate of calls are the guest's: every range is
// checked against its memory, texts are made printable and cut, and what an instance may
// log is bounded. A wrong argument is answered with a status, never with a panic.
package hostcall

import (
	"context"
	"errors"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host/engine"
	"github.com/iprt/iprt/host/hostcall/wasi"
)

var errNoState = errors.New("hostcall: no State in the context")

// Functions returns every function of every interface in [abi.Interfaces], in the order
// of [abi.Calls]. The slice is the caller's.
func Functions() []engine.Import {
	imports := make([]engine.Import, len(functions))
	for i, f := range functions {
		imports[i] = engine.Import{Module: f.iface, Name: f.name, Type: f.funcType(), Fn: f.hostFunc()}
	}
	return imports
}

// Waits reports whether a function of [Functions] may wait for something else than a
// processor: a peer, a disk, another guest. A host lets other guests run meanwhile. Such
// a function must end with its context.
func Waits(iface, name string) bool {
	for _, f := range functions {
		if f.iface == iface && f.name == name {
			return f.waits
		}
	}
	return false
}

// function is one row of the table below.
type function struct {
	iface, name string
	params      int  // all i32
	status      bool // the result is an i32: a length or a negated status
	waits       bool // see Waits
	answer      func(call) (int32, error)
}

// functions states each signature beside its implementation, which reads its parameters
// by position; a test compares them with the ABI's own table.
var functions = [...]function{
	{abi.InterfaceCore, abi.CallCoreAbort, 3, false, false, coreAbort},
	{abi.InterfaceLog, abi.CallLogWrite, 3, true, false, logWrite},
	{abi.InterfaceConfig, abi.CallConfigGet, 4, true, false, configGet},
}

func (f function) funcType() engine.FuncType {
	t := engine.FuncType{Params: make([]abi.ValType, f.params)}
	for i := range t.Params {
		t.Params[i] = abi.I32
	}
	if f.status {
		t.Results = []abi.ValType{abi.I32}
	}
	return t
}

func (f function) hostFunc() engine.HostFunc {
	return func(ctx context.Context, mem engine.Memory, stack []uint64) error {
		s, ok := ctx.Value(stateKey{}).(*State)
		if !ok {
			return errNoState
		}
		result, err := f.answer(call{ctx: ctx, state: s, mem: mem, args: stack})
		if err == nil && f.status {
			stack[0] = uint64(uint32(result))
		}
		return err
	}
}

// call is one call by a guest. Everything in args and mem is the guest's word.
type call struct {
	ctx   context.Context
	state *State
	mem   engine.Memory
	args  []uint64
}

func (c call) u32(arg int) uint32 { return uint32(c.args[arg]) }

// view returns the bytes whose address and length are two parameters in a row. A range
// of length 0 is inside at any address.
func (c call) view(arg int) ([]byte, bool) {
	ptr, n := c.u32(arg), c.u32(arg+1)
	if n == 0 {
		return nil, true
	}
	return c.mem.View(ptr, n)
}

// refuse is how a call returns a status.
func refuse(s abi.Status) (int32, error) { return -int32(s), nil }

// stateKey is the context key of the *State.
type stateKey struct{}

// With returns a context that carries s to the host functions of a call.
func With(ctx context.Context, s *State) context.Context { return &stateContext{ctx, s} }

// stateContext saves the host functions the walk through a chain of contexts, and the
// caller one of the two allocations that two context.WithValue would cost.
type stateContext struct {
	context.Context
	state *State
}

func (c *stateContext) Value(key any) any {
	if v := c.state.ContextValue(key); v != nil {
		return v
	}
	return c.Context.Value(key)
}

// ContextValue returns what a context that carries s has to answer for key, or nil if
// key is none of this package's. It is for callers with a context type of their own,
// which may thus carry a State without an allocation for each call.
func (s *State) ContextValue(key any) any {
	switch key.(type) {
	case stateKey:
		return s
	case wasi.StateKey:
		return &s.wasi
	}
	return nil
}
