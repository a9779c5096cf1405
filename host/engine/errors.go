package engine

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/iprt/iprt/abi"
)

var (
	// ErrClosed is returned by everything whose engine, code or instance was closed.
	ErrClosed = errors.New("engine: closed")

	// ErrBusy is returned by a call into an instance that is running one already.
	ErrBusy = errors.New("engine: instance is already running a call")

	// ErrStack is returned by a call whose stack is shorter than the signature needs.
	ErrStack = errors.New("engine: stack is shorter than the parameters and results")
)

// CompileError says why an engine did not accept a module.
type CompileError struct {
	Cause error // in the words of the engine, made safe to show
}

func (e *CompileError) Error() string { return fmt.Sprintf("module does not compile: %v", e.Cause) }

// Unwrap returns the cause.
func (e *CompileError) Unwrap() error { return e.Cause }

// Code returns the stable name of the error.
func (e *CompileError) Code() string { return "compile-failed" }

// ImportError says which import of a module cannot be satisfied. The names are the
// guest's own, of any length and content; the error text quotes and shortens them.
type ImportError struct {
	Module, Name string
	Reason       string    // what is wrong, for example "is not offered by this host"
	Want, Have   *FuncType // both set if the types differ, else nil
}

func (e *ImportError) Error() string {
	text := fmt.Sprintf("import %q %q %s", shorten(e.Module), shorten(e.Name), e.Reason)
	if e.Want != nil && e.Have != nil {
		text += fmt.Sprintf(": module wants %v, host has %v", *e.Want, *e.Have)
	}
	return text
}

// shorten cuts a name down to what fits a message.
func shorten(name string) string {
	const most = 100
	if len(name) > most {
		return name[:most] + "…"
	}
	return name
}

// Code returns the stable name of the error.
func (e *ImportError) Code() string { return "import-unsatisfied" }

// ArtifactError says why compiled code was not used. It is no fault of the module.
type ArtifactError struct {
	Reason string // what is wrong, for example "is damaged"
	Cause  error  // what the engine said, made safe to show, or nil
}

func (e *ArtifactError) Error() string {
	if e.Cause != nil {
		return fmt.Sprintf("compiled code %s: %v", e.Reason, e.Cause)
	}
	return "compiled code " + e.Reason
}

// Unwrap returns the cause.
func (e *ArtifactError) Unwrap() error { return e.Cause }

// Code returns the stable name of the error.
func (e *ArtifactError) Code() string { return "artifact-unusable" }

// MemoryLimitError says that a module's initial memory is larger than the instance
// may have. Both are in bytes.
type MemoryLimitError struct {
	Need, Limit uint64
}

func (e *MemoryLimitError) Error() string {
	return fmt.Sprintf("module starts with %d bytes of memory, the limit is %d", e.Need, e.Limit)
}

// Code returns the stable name of the error.
func (e *MemoryLimitError) Code() string { return "memory-limit" }

// InstantiateError says why a compiled module did not become an instance.
type InstantiateError struct {
	Cause error // in the words of the engine, made safe to show
}

func (e *InstantiateError) Error() string {
	return fmt.Sprintf("module does not instantiate: %v", e.Cause)
}

// Unwrap returns the cause.
func (e *InstantiateError) Unwrap() error { return e.Cause }

// Code returns the stable name of the error.
func (e *InstantiateError) Code() string { return "instantiate-failed" }

// PanicError is a panic that was caught before it reached the host program. It is a
// bug of the host or of the engine, never the guest's right.
type PanicError struct {
	Value any    // what was passed to panic
	Stack []byte // of the goroutine that panicked
}

func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// Unwrap returns the value if it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// String returns the signature as "(i32, i64) -> (f32)".
func (t FuncType) String() string {
	return "(" + valTypes(t.Params) + ") -> (" + valTypes(t.Results) + ")"
}

// Equal reports whether two signatures are the same.
func (t FuncType) Equal(o FuncType) bool {
	return slices.Equal(t.Params, o.Params) && slices.Equal(t.Results, o.Results)
}

// Slots returns how long the stack of a call has to be.
func (t FuncType) Slots() int { return max(len(t.Params), len(t.Results)) }

func valTypes(ts []abi.ValType) string {
	names := make([]string, len(ts))
	for i, t := range ts {
		names[i] = t.String()
	}
	return strings.Join(names, ", ")
}
