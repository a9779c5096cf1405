package engine

import (
	"errors"
	"fmt"
)

// Trap is how a guest's call ends other than by returning.
//
// Kind is the same on every engine. Backtrace and the text of Cause differ.
type Trap struct {
	Kind TrapKind
	// Backtrace lists the guest's functions, innermost first, one a line, by the names
	// of its name section. It is made printable and at most a few KiB long; it is empty
	// where the engine cannot tell, as after an overflow of the call stack.
	Backtrace string
	// Cause is the error of the host function, for kinds that a host function raises,
	// a [*PanicError] for a panic, or nil.
	Cause error
}

func (t *Trap) Error() string {
	if t.Cause != nil {
		return fmt.Sprintf("guest trapped (%v): %v", t.Kind, t.Cause)
	}
	return fmt.Sprintf("guest trapped (%v)", t.Kind)
}

// Unwrap returns the cause.
func (t *Trap) Unwrap() error { return t.Cause }

// Code returns the stable name of the error, "trap-" and the kind.
func (t *Trap) Code() string { return "trap-" + t.Kind.String() }

// TrapKind classifies traps. The zero value is not a kind.
type TrapKind uint8

// The kinds of traps.
const (
	// TrapUnreachable: the guest executed unreachable, which is how most languages abort.
	TrapUnreachable TrapKind = iota + 1
	// TrapMemory: an access outside the linear memory or a data segment.
	TrapMemory
	// TrapTable: an access outside a table or an element segment, or a call through an
	// empty element.
	TrapTable
	// TrapIndirectCall: a call through a table element of another signature.
	TrapIndirectCall
	// TrapDivide: an integer division by zero.
	TrapDivide
	// TrapOverflow: an integer result that does not fit, of a division or a conversion.
	TrapOverflow
	// TrapConversion: a conversion of NaN to an integer.
	TrapConversion
	// TrapStack: the call stack is exhausted.
	TrapStack
	// TrapHost: a host function returned an error or panicked.
	TrapHost
	// TrapAbort: the guest ended its call by iprt:core/v1 abort.
	TrapAbort
	// TrapExit: the guest asked for the end of its program, as WASI's proc_exit does.
	TrapExit
	// TrapCancelled: the context ended or the instance was closed during the call.
	TrapCancelled
	// TrapEngine: the engine itself failed; a bug worth reporting.
	TrapEngine
)

var trapNames = [...]string{
	TrapUnreachable:  "unreachable",
	TrapMemory:       "memory-bounds",
	TrapTable:        "table-bounds",
	TrapIndirectCall: "indirect-call",
	TrapDivide:       "divide-by-zero",
	TrapOverflow:     "integer-overflow",
	TrapConversion:   "invalid-conversion",
	TrapStack:        "stack-overflow",
	TrapHost:         "host-function",
	TrapAbort:        "abort",
	TrapExit:         "exit",
	TrapCancelled:    "cancelled",
	TrapEngine:       "engine",
}

// String returns the stable, kebab-case name of the kind.
func (k TrapKind) String() string {
	if int(k) < len(trapNames) && trapNames[k] != "" {
		return trapNames[k]
	}
	return fmt.Sprintf("kind-%d", uint8(k))
}

// Kinder is an error of a host function that names the kind of trap it becomes.
type Kinder interface {
	error
	TrapKind() TrapKind
}

// NewHostTrap makes the trap for an error of a host function. It is for engines.
func NewHostTrap(cause error, backtrace string) *Trap {
	kind := TrapHost
	var k Kinder
	if errors.As(cause, &k) {
		kind = k.TrapKind()
	}
	return &Trap{Kind: kind, Backtrace: backtrace, Cause: cause}
}
