//go:build wasmtime && cgo

package wasmtime

import (
	"errors"
	"fmt"
	"strings"

	wt "github.com/bytecodealliance/wasmtime-go/v39"

	"github.com/iprt/iprt/host/engine"
	"github.com/iprt/iprt/host/engine/guesttext"
)

// maxFrames and maxBacktrace bound [engine.Trap.Backtrace].
const (
	maxFrames    = 30
	maxBacktrace = 4 << 10
)

var kinds = map[wt.TrapCode]engine.TrapKind{
	wt.UnreachableCodeReached: engine.TrapUnreachable,
	wt.MemoryOutOfBounds:      engine.TrapMemory,
	wt.TableOutOfBounds:       engine.TrapTable,
	wt.IndirectCallToNull:     engine.TrapTable,
	wt.BadSignature:           engine.TrapIndirectCall,
	wt.IntegerDivisionByZero:  engine.TrapDivide,
	wt.IntegerOverflow:        engine.TrapOverflow,
	wt.BadConversionToInteger: engine.TrapConversion,
	wt.StackOverflow:          engine.TrapStack,
}

// newTrap translates an error of a call.
func (i *instance) newTrap(err error) error {
	if i.failure != nil {
		return engine.NewHostTrap(i.failure, "") // wasmtime-go does not show the frames of these
	}
	var trap *wt.Trap
	if !errors.As(err, &trap) {
		return &engine.Trap{Kind: engine.TrapEngine, Cause: plain(err)}
	}
	defer trap.Close()
	if code := trap.Code(); code != nil {
		switch kind, ok := kinds[*code]; {
		case ok && kind == engine.TrapStack:
			return &engine.Trap{Kind: kind} // of thousands of frames, none says anything
		case ok:
			return &engine.Trap{Kind: kind, Backtrace: backtrace(trap)}
		}
	}
	return &engine.Trap{Kind: engine.TrapEngine, Backtrace: backtrace(trap), Cause: plain(trap)}
}

// backtrace lists the guest's frames, innermost first.
func backtrace(trap *wt.Trap) string {
	frames := trap.Frames()
	var lines []string
	for _, f := range frames[:min(len(frames), maxFrames)] {
		name := fmt.Sprintf("$%d", f.FuncIndex())
		if n := f.FuncName(); n != nil {
			name = guesttext.Line(*n, maxBacktrace/4)
		}
		lines = append(lines, name+"()")
	}
	if more := len(frames) - len(lines); more > 0 {
		lines = append(lines, fmt.Sprintf("... and %d more", more))
	}
	return guesttext.Block(strings.Join(lines, "\n"), maxBacktrace)
}
