// Package engine is the one small interface behind which WebAssembly runs.
//
// Start with an [Engine] from an implementation such as host/engine/wazero,
// turn bytes into [Code] with [Engine.Compile], make an [Instance] of it and
// look up a [Func]:
//
//	e, err := wazero.New(wazero.Config{})
//	code, err := e.Compile(ctx, wasm, imports)
//	inst, err := code.Instantiate(ctx, engine.InstanceOptions{MaxMemoryBytes: 64 << 20})
//	add, ok := inst.Func("add")
//	stack := []uint64{2, 3}
//	err = add.Call(ctx, stack) // stack[0] is the result
//
// # What an engine does not do
//
// An engine does not bound a guest's time, and its compiler may be overrun by
// small hostile modules. Bytes that come from somebody else go through
// host/validate and host/meter first; nothing here repeats their work.
//
// # Values
//
// Parameters and results travel in a []uint64, one slot per value: i32 in the
// low half, i64 whole, f32 and f64 by their IEEE 754 bits. The upper half of an
// i32 slot is zero in everything an engine hands out and ignored in everything
// it takes, so guests cannot smuggle bits through it.
//
// # Errors
//
// Running guest code fails with [*Trap] and nothing else, apart from [ErrClosed],
// [ErrBusy], [ErrStack] and the error of a context that had ended before the
// call. A panic, be it in a host function or in the engine itself, arrives as an
// error that wraps [*PanicError].
package engine

import (
	"context"

	"github.com/iprt/iprt/abi"
)

// Engine compiles WebAssembly 2.0 modules. It owns everything made from it.
//
// All methods may be called from several goroutines at once.
type Engine interface {
	// Name identifies the build: implementation, version, mode, operating system and
	// processor, for example "wazero v1.12.0 compiler linux/amd64". Code compiled by
	// engines of equal names is interchangeable, so the name keys compile caches.
	Name() string

	// Compile validates and translates a module and binds its imports.
	//
	// wasm is read during the call only, but compiled code may keep parts of it: do
	// not change it afterwards. imports may hold more than the module asks for; what
	// it does not import is ignored. Every function in it may run at any time in any
	// goroutine that calls into an instance.
	//
	// Errors: [*CompileError] for bytes the engine does not accept, among them modules
	// with a start section, because instantiation never runs guest code; [*ImportError]
	// for an import that imports does not hold, holds with another type or holds twice;
	// ctx.Err() if ctx had ended before; [ErrClosed].
	//
	// Compilation is not interrupted by ctx.
	Compile(ctx context.Context, wasm []byte, imports []Import) (Code, error)

	// Close closes every Code and with it every Instance. It does not wait for running
	// calls: they end with an error at their next host call or when they return.
	// Closing twice is fine.
	Close(ctx context.Context) error
}

// Precompiler is an [Engine] whose compiled code can be kept and made elsewhere, for
// example in a process that may be killed. Interpreters have nothing to keep and are none.
//
// An artifact is machine code: whoever can write one runs code in this process. The caller
// vouches for its bytes, by a key or by having made them; an engine notices damage, not malice.
type Precompiler interface {
	Engine

	// Precompile validates and translates a module and returns the result as an artifact.
	// It binds no imports, keeps nothing and writes no files. wasm is read during the call only.
	//
	// Errors: as of [Engine.Compile], but none about missing imports.
	Precompile(ctx context.Context, wasm []byte) ([]byte, error)

	// CompileFrom is [Engine.Compile] with the result of Precompile for the same wasm, by an
	// engine of the same Name on a like processor. It never compiles instead. artifact may
	// be reused after the call.
	//
	// Errors: [*ArtifactError] if the artifact is damaged or was made for another module,
	// engine or processor, in which case Compile is the way out; those of Compile.
	CompileFrom(ctx context.Context, wasm, artifact []byte, imports []Import) (Code, error)
}

// Code is a compiled module with its imports bound, ready to be instantiated many times.
//
// All methods may be called from several goroutines at once.
type Code interface {
	// Instantiate makes a fresh instance: new memory, tables and globals, with the
	// active data and element segments applied. It runs no guest code, neither a start
	// section nor any export that some toolchains treat as one.
	//
	// Errors: [*MemoryLimitError] if the module's initial memory exceeds o; [*InstantiateError]
	// if a segment lies out of bounds; ctx.Err() if ctx had ended before; [ErrClosed].
	Instantiate(ctx context.Context, o InstanceOptions) (Instance, error)

	// Close closes every Instance made from the code, as [Engine.Close] does, and frees
	// the code. Closing twice is fine.
	Close(ctx context.Context) error
}

// InstanceOptions bound one instance. The zero value adds no bound to those the
// module declares.
type InstanceOptions struct {
	// MaxMemoryBytes caps the linear memory, rounded down to a whole 64 KiB page. A
	// memory.grow beyond it returns −1. 0 means what the module declares, which
	// without a declared maximum is 4 GiB.
	MaxMemoryBytes uint64
}

// Instance is one running module.
//
// An instance belongs to one goroutine at a time, except for Close, which any
// goroutine may call at any time. After a [*Trap] it stays callable, but its memory
// and globals are whatever the guest left; it should be closed.
type Instance interface {
	// Func returns the handle of an exported function. It is false if there is no such
	// export, if it is not a function, if its signature uses other types than i32, i64,
	// f32 and f64, and if it is an imported function handed on.
	//
	// A look-up costs microseconds and kilobytes: keep the handle. It dies with the
	// instance.
	Func(name string) (Func, bool)

	// Global returns the handle of an exported mutable global of type i32, i64, f32 or
	// f64, and false for anything else. Keep it: it is good until the instance is closed.
	Global(name string) (Global, bool)

	// Memory returns the module's linear memory, exported or not, or nil if it has none.
	Memory() Memory

	// Close frees the instance. A call that is running ends with an error at its next
	// host call or when it returns. Closing twice is fine.
	Close(ctx context.Context) error
}

// Func is an exported function of one instance, under the same rule of one
// goroutine at a time.
type Func interface {
	// Type returns the signature. The slices must not be changed.
	Type() FuncType

	// Call runs the function. stack holds the parameters and receives the results; its
	// length is at least the greater of their numbers. After an error its contents are
	// undefined. wazero's compiled code allocates nothing per call.
	//
	// ctx reaches the host functions that the guest calls, and is looked at before the
	// call and at each host call; nothing else interrupts a guest.
	//
	// Errors: [*Trap]; ctx.Err() if ctx had ended before, in which case nothing ran;
	// [ErrStack] if stack is too short; [ErrBusy] if the instance is running a call
	// already, be it in another goroutine or further up this one; [ErrClosed].
	Call(ctx context.Context, stack []uint64) error
}

// Global is a variable of one instance. Like [Memory] it is used between calls into the
// instance, by the goroutine the instance belongs to, or by a host function during one; it
// holds what the guest last stored, after a [*Trap] too.
//
// Get and Set take nanoseconds and allocate nothing, in wazero. Once the instance is closed, what Get returns means
// nothing and Set does nothing that shows.
type Global interface {
	// Type returns the type of the variable.
	Type() abi.ValType

	// Get returns the value in the form of a stack slot.
	Get() uint64

	// Set changes the value. Of a slot that holds an i32 or f32 the upper half is ignored.
	Set(v uint64)
}

// Memory is a linear memory. It is used between calls into its instance, or by a
// host function during one.
type Memory interface {
	// Size returns the current length in bytes, a multiple of 64 KiB up to 4 GiB.
	Size() uint64

	// View returns n bytes from ptr on, or false if they do not all lie inside the
	// memory; ptr and n may be anything a guest says. The slice is the guest's memory
	// itself, to be read and written until the guest next runs: growing moves the
	// memory, and what was handed out before is then a stale copy.
	//
	// A slice does not keep the memory behind it. Hold the instance, or something of it,
	// for as long as slices are in use; that it may have been closed does not matter.
	View(ptr, n uint32) ([]byte, bool)
}

// FuncType is the signature of a function.
type FuncType struct {
	Params, Results []abi.ValType
}

// Import is a function a host offers to guests.
type Import struct {
	// Module and Name are the two parts of a WebAssembly import. Neither is empty.
	Module, Name string
	// Type is the signature. A guest that imports the function with another one is refused.
	Type FuncType
	// Fn answers the call.
	Fn HostFunc
}

// HostFunc answers a guest's call. stack holds the parameters and receives the
// results; its length is the greater of their numbers, and it must not be kept.
//
// mem is the memory of the calling instance, never nil: a module without memory
// shows an empty one. ctx is what [Func.Call] was given.
//
// An error ends the guest's call with a [*Trap] that wraps it; the guest cannot
// catch it. If the error, or one that it wraps, is a [Kinder], it names the kind of
// that trap; otherwise the kind is [TrapHost]. A panic ends it likewise.
type HostFunc func(ctx context.Context, mem Memory, stack []uint64) error
