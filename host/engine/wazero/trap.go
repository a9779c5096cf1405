package wazero

import (
	"errors"
	"runtime/debug"
	"strings"

	"github.com/tetratelabs/wazero/sys"

	"github.com/iprt/iprt/host/engine"
	"github.com/iprt/iprt/host/engine/guesttext"
)

// maxBacktrace bounds [engine.Trap.Backtrace]: wazero gives up to 30 frames, and names
// are as long as the guest likes.
const maxBacktrace = 4 << 10

// kinds maps the texts of wazero's runtime errors, whose type is internal to it.
var kinds = map[string]engine.TrapKind{
	"unreachable":                   engine.TrapUnreachable,
	"out of bounds memory access":   engine.TrapMemory,
	"invalid table access":          engine.TrapTable,
	"indirect call type mismatch":   engine.TrapIndirectCall,
	"integer divide by zero":        engine.TrapDivide,
	"integer overflow":              engine.TrapOverflow,
	"invalid conversion to integer": engine.TrapConversion,
	"stack overflow":                engine.TrapStack,
}

// newTrap translates an error of a call.
func newTrap(err error) error {
	trace := backtrace(err.Error())
	var host *hostFailure
	if errors.As(err, &host) {
		return engine.NewHostTrap(host.cause, trace)
	}
	var exit *sys.ExitError
	if errors.As(err, &exit) {
		return engine.ErrClosed // the Runtime was closed during the call
	}
	// The guest's function names are part of err's text, so only the wrapped error counts.
	cause := errors.Unwrap(err)
	if cause == nil {
		text, _, _ := strings.Cut(err.Error(), traceMark)
		cause = errors.New(text)
	}
	if kind, ok := kinds[cause.Error()]; ok {
		return &engine.Trap{Kind: kind, Backtrace: trace}
	}
	return &engine.Trap{Kind: engine.TrapEngine, Backtrace: trace, Cause: plain(cause)}
}

// panicTrap is the trap for a panic that wazero did not catch itself.
func panicTrap(r any) error {
	return &engine.Trap{Kind: engine.TrapEngine, Cause: &engine.PanicError{Value: r, Stack: debug.Stack()}}
}

// traceMark separates wazero's message from the guest's frames.
const traceMark = "\nwasm stack trace:\n\t"

// backtrace cuts the guest's frames out of the text of a wazero error.
func backtrace(text string) string {
	_, frames, ok := strings.Cut(text, traceMark)
	if !ok {
		return ""
	}
	frames, _, _ = strings.Cut(frames, "\n\nGo runtime stack trace:")
	lines := strings.Split(frames, "\n\t")
	for i, line := range lines {
		lines[i] = strings.TrimPrefix(line, ".") // of a module without a name
	}
	return guesttext.Block(strings.Join(lines, "\n"), maxBacktrace)
}
