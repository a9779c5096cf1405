package host

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ipfs/go-cid"

	"github.com/iprt/iprt/abi"
)

// ErrClosed is returned (wrapped or not, use [errors.Is]) by every method of a
// closed [Host], an unloaded [Module] or a released [Instance].
var ErrClosed = errors.New("closed")

// ErrBusy is returned by [Instance.Call] when the same instance is already in
// a call: an instance belongs to one goroutine, and host functions never lead
// back into the guest that called them.
var ErrBusy = errors.New("instance is in a call")

// Refusal says why a module was not loaded. The values are stable: they are
// the codes of [RefusedError.Code] and of the command line's JSON output.
type Refusal string

// The kinds of refusal. None of them has run any code of the module.
const (
	RefusedInvalid    Refusal = "invalid-module"      // the validator or the engine's type check says no
	RefusedPolicy     Refusal = "refused-by-policy"   // the operator's policy says no
	RefusedInterface  Refusal = "missing-interface"   // requires an interface this host does not have
	RefusedGrant      Refusal = "missing-grant"       // requires an interface the binding does not grant
	RefusedRole       Refusal = "unsupported-role"    // nothing in it that this host can call
	RefusedBinding    Refusal = "invalid-binding"     // the binding itself contradicts the host
	RefusedLimit      Refusal = "module-over-limit"   // needs more than [Limits] allows
	RefusedDenied     Refusal = "denied"              // its identity is in [Config.Deny]
	RefusedQuarantine Refusal = "quarantined"         // it kept failing; see [Breaker]
	RefusedCompile    Refusal = "compile-over-budget" // compiling it could cost too much
	RefusedNoFetcher  Refusal = "no-fetcher"          // [Config.Fetch] is nil
	RefusedUnverified Refusal = "unverified-contents" // an empty fetch.Verified was passed
)

// RefusedError reports a module that was not loaded, before any of its code
// ran. Err, when set, is the cause: for example a *validate.Error, or the
// error a [Policy] returned.
type RefusedError struct {
	Module cid.Cid // identity, or the locator when the bytes were not reached
	Kind   Refusal
	Reason string // what was wrong and what was expected
	Advice string // what to do about it; see Hint
	Err    error
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("module %s refused: %s", e.Module, e.Reason)
}

func (e *RefusedError) Unwrap() error { return e.Err }

// Hint says what the operator can do about it; empty if nothing.
func (e *RefusedError) Hint() string { return e.Advice }

// Code is the stable name of the kind of refusal.
func (e *RefusedError) Code() string { return string(e.Kind) }

// CallError is a failure that the guest itself reported: the call ended in
// order, with a status. The instance stays usable, unless the guest ended the
// call with core.abort.
type CallError struct {
	Module cid.Cid
	Export string     // the role export, or "iprt_init"
	Status abi.Status // never StatusOK; INTERNAL for a number outside the table
	Raw    uint32     // the number as the guest gave it
	Text   string     // the guest's own words, sanitised; may be empty
}

func (e *CallError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", e.Export, e.Status)
	if e.Raw != uint32(e.Status) {
		fmt.Fprintf(&b, " (the module gave %d, which is no status)", e.Raw)
	}
	if e.Text != "" {
		fmt.Fprintf(&b, ": %s", e.Text)
	}
	return b.String()
}

// Unwrap returns the status, so that errors.Is(err, abi.StatusInvalid) works.
func (e *CallError) Unwrap() error { return e.Status }

// Code is the stable name of the failure.
func (e *CallError) Code() string { return "module-status" }

// Kinds of [TrapError] that do not come from the engine.
const (
	TrapExit     = "exit"     // the guest left through WASI proc_exit
	TrapContract = "contract" // the guest broke the ABI: a bad pointer, length or buffer
)

// TrapError is a call that did not end in order: the guest trapped, exited or
// broke the ABI. The instance is discarded; the module stays usable.
type TrapError struct {
	Module    cid.Cid
	Export    string
	Kind      string // the engine's trap kind, [TrapExit] or [TrapContract]
	Text      string // what the guest last wrote to its error buffer, sanitised, or what was wrong
	Backtrace string // function names from the name section, innermost first; may be empty
	Err       error  // cause
}

func (e *TrapError) Error() string {
	s := fmt.Sprintf("%s: module trapped (%s)", e.Export, e.Kind)
	if e.Kind == TrapContract {
		s = fmt.Sprintf("%s: module broke the ABI", e.Export)
	}
	if e.Text != "" {
		s += ": " + e.Text
	}
	return s
}

func (e *TrapError) Unwrap() error { return e.Err }

// Code is the stable name of the failure.
func (e *TrapError) Code() string {
	if e.Kind == TrapContract {
		return "module-broke-abi"
	}
	return "module-trap"
}

// Hint points at the module: the caller can do nothing about a trap.
func (e *TrapError) Hint() string {
	return "this is a fault of the module, not of the data alone; report it to the author of " + e.Module.String()
}

// LimitError reports that a limit was hit.
type LimitError struct {
	Module cid.Cid
	Limit  string // a field of [Limits], for example "MaxOutputBytes", or one of the constants below
	Value  uint64 // what was asked for; 0 when not known
	Max    uint64 // in nanoseconds for a limit of time; 0 when there is no number
	Err    error  // cause: context.DeadlineExceeded for [LimitDeadline]

	wait    time.Duration // after which it can be tried again
	excused bool          // whatever limit it is, the module is not to blame
}

// Values of [LimitError.Limit] that are not fields of [Limits].
const (
	// LimitModuleMemory is the memory maximum that the module itself declares.
	LimitModuleMemory = "the module's own memory maximum"
	// LimitHostMemory is what the machine has: memory did not grow although the
	// limits would have let it.
	LimitHostMemory = "the memory of this machine"
	// LimitTotalMemory is [Config.MaxTotalMemoryBytes].
	LimitTotalMemory = "MaxTotalMemoryBytes"
	// LimitDeadline is the deadline of the context of the call.
	LimitDeadline = "the deadline of the call"
	// LimitRunQueue is [Config.RunQueue]: too many calls that take long. Such an
	// error is abi.StatusBusy, its Code "busy", and nothing is wrong with the call.
	LimitRunQueue = "RunQueue"
	// LimitNesting is how deep calls on behalf of other calls may be nested.
	LimitNesting = "nested calls"
	// LimitCaller is the FuelPerCall of the call on whose behalf this one was
	// made: it pays for both.
	LimitCaller = "the FuelPerCall of its caller"
	// LimitDepth is for functions nested too deeply: the frames of a guest may
	// take 32,768 slots together, as spec/metering.md counts them. It is the
	// same everywhere and cannot be changed.
	LimitDepth = "call depth"
)

func (e *LimitError) Error() string {
	most := fmt.Sprint(e.Max)
	switch e.Limit {
	case LimitDeadline:
		return fmt.Sprintf("module %s was not done by %s", e.Module, e.Limit)
	case LimitHostMemory:
		return fmt.Sprintf("module %s used up %s, having %d bytes", e.Module, e.Limit, e.Max)
	case "MaxCallTime":
		most = time.Duration(e.Max).String()
	}
	if e.Value == 0 {
		return fmt.Sprintf("module %s hit %s of %s", e.Module, e.Limit, most)
	}
	return fmt.Sprintf("module %s hit %s: %d, at most %s", e.Module, e.Limit, e.Value, most)
}

// Unwrap returns abi.StatusLimit, or for [LimitRunQueue] abi.StatusBusy, as
// which other hosts report it, and the cause.
func (e *LimitError) Unwrap() []error {
	status := abi.StatusLimit
	if e.Limit == LimitRunQueue {
		status = abi.StatusBusy
	}
	if e.Err != nil {
		return []error{status, e.Err}
	}
	return []error{status}
}

// Code is the stable name of the failure: "limit" or "busy".
func (e *LimitError) Code() string {
	if e.Limit == LimitRunQueue {
		return "busy"
	}
	return "limit"
}

// Hint says what the caller can do, and which limit the embedder can raise: the
// caller may be neither.
func (e *LimitError) Hint() string {
	switch e.Limit {
	case LimitModuleMemory:
		return "the input needs more memory than the module allows itself; its author can raise that"
	case LimitHostMemory:
		return "free memory; whoever runs the host can lower Limits.MaxMemoryBytes and MaxInstances"
	case LimitTotalMemory:
		return "try again later or unload modules; whoever runs the host can raise Config.MaxTotalMemoryBytes"
	case LimitDeadline:
		return "give the call more time"
	case LimitRunQueue:
		return "try again later; too many calls that take long are waiting for their turn"
	case LimitNesting:
		return "a module that serves another one cannot use a third"
	case LimitCaller:
		return "ask less of the module that made the call, or use smaller data; whoever runs the host can raise its Limits.FuelPerCall"
	case LimitDepth:
		return "the module recurses too deeply, for this input or for any"
	case "FuelPerSecond":
		return fmt.Sprintf("try again in %v; whoever runs the host can raise Limits.FuelPerSecond", e.wait.Round(time.Millisecond))
	}
	return "use smaller data; whoever runs the host can raise Limits." + e.Limit
}

// fault reports whether it is one of the module, as [Breaker] counts them.
func (e *LimitError) fault() bool {
	switch e.Limit {
	case "FuelPerCall", "MaxHostCalls", "MaxCallTime":
		return !e.excused
	}
	return false
}
