package wasmop

import (
	"fmt"

	"github.com/iprt/iprt/host/internal/wasmbin"
)

// Arity is how many operands a function type takes and gives.
type Arity struct{ Params, Results int }

// Signatures is what a module says of its types and functions.
type Signatures struct {
	Types []Arity
	Funcs []uint32 // type of each function, imported ones first; each is below len(Types)
}

// Func is the arity of a function.
func (s *Signatures) Func(i uint32) Arity { return s.Types[s.Funcs[i]] }

// Frame is a construct that is open: block, loop, if, else (what follows it in an if), or the function.
type Frame struct {
	Op   Op   // Block, Loop, If, Else, or End for the function
	Dead bool // what comes next in it is not reached
	Arity
	Base int // height below its parameters
}

// Label is how many operands a branch to the frame takes along.
func (f *Frame) Label() int {
	if f.Op == Loop {
		return f.Params
	}
	return f.Results
}

// Stack follows the height of the operand stack through one function body, without types. In code that is not reached, the
// stack has as many operands as are asked for: what is taken beyond the base of the innermost frame does not count.
//
// It finds what changes the height in a way that no types can be right for: too few or too many operands, a type, function or
// label that does not exist, an else without its if. What it leaves to a type check does not change a height.
// One Stack serves any number of bodies, and keeps its memory: 56 bytes for each level of nesting.
type Stack struct {
	Frames []Frame // innermost last; empty after the end of the function
	Height int     // operands now
	Max    int     // most operands so far

	sigs  *Signatures
	fault *wasmbin.Error
	at    int
}

// Reset starts the body of a function of type typ, which must be below len(sigs.Types).
func (s *Stack) Reset(sigs *Signatures, typ uint32) {
	*s = Stack{Frames: s.Frames[:0], sigs: sigs}
	s.Frames = append(s.Frames, Frame{Op: End, Arity: Arity{Results: sigs.Types[typ].Results}})
}

// Top is the innermost frame; there must be one.
func (s *Stack) Top() *Frame { return &s.Frames[len(s.Frames)-1] }

// Step accounts for the current instruction of r. The error is a *[wasmbin.Error]; after one the Stack is of no more use
// until Reset.
func (s *Stack) Step(r *Reader) error {
	if !r.Info.Flags.Has(ByType) {
		pops := int(r.Info.Pops)
		if h := s.Height - pops; len(s.Frames) > 0 && h >= s.Frames[len(s.Frames)-1].Base { // nearly always
			if s.Height = h + int(r.Info.Pushes); s.Height > s.Max {
				s.Max = s.Height
			}
			if r.Info.Flags.Has(Stops) { // unreachable
				s.stop()
			}
			return nil
		}
	}
	if len(s.Frames) == 0 {
		return &wasmbin.Error{Fault: wasmbin.BadNesting, Offset: r.At, Msg: "an instruction after the end of the function"}
	}
	s.fault, s.at = nil, r.At
	s.slow(r)
	if s.fault != nil {
		return s.fault
	}
	return nil
}

func (s *Stack) slow(r *Reader) {
	switch r.Op {
	case Block, Loop, If:
		s.open(r)
	case Else:
		s.alternative()
	case End:
		s.end()
	case Br, BrIf:
		s.branch(r)
	case BrTable:
		s.branchTable(r)
	case Return:
		s.pop(s.Frames[0].Results)
		s.stop()
	case Call:
		if s.exists(r.A, len(s.sigs.Funcs), "function") {
			s.apply(s.sigs.Func(r.A))
		}
	case CallIndirect:
		s.pop(1)
		if s.exists(r.A, len(s.sigs.Types), "type") {
			s.apply(s.sigs.Types[r.A])
		}
	default:
		s.apply(Arity{int(r.Info.Pops), int(r.Info.Pushes)})
		if r.Info.Flags.Has(Stops) {
			s.stop()
		}
	}
}

func (s *Stack) open(r *Reader) {
	f := Frame{Op: r.Op}
	switch v := r.Value; {
	case v >= 0:
		if !s.exists(uint32(v), len(s.sigs.Types), "type") {
			return
		}
		f.Arity = s.sigs.Types[v]
	case v != NoResult:
		f.Results = 1
	}
	if r.Op == If {
		s.pop(1)
	}
	s.pop(f.Params)
	f.Base = s.Height
	s.push(f.Params)
	s.Frames = append(s.Frames, f)
}

// alternative turns from the first branch of an if to the second.
func (s *Stack) alternative() {
	f := s.Top()
	if f.Op != If {
		s.fail(wasmbin.BadNesting, 0, 0, "else outside an if")
		return
	}
	s.leave(f)
	f.Op, f.Dead, s.Height = Else, false, f.Base
	s.push(f.Params)
}

func (s *Stack) end() {
	f := s.Top()
	if f.Op == If && f.Params != f.Results {
		s.fail(wasmbin.BadStack, uint64(f.Results), uint64(f.Params), "an if without else turns %d operands into %d", f.Params, f.Results)
		return
	}
	s.leave(f)
	s.Height = f.Base
	results := f.Results
	s.Frames = s.Frames[:len(s.Frames)-1]
	s.push(results)
}

// leave checks that the end of a construct has its results on the stack and nothing else.
func (s *Stack) leave(f *Frame) {
	s.pop(f.Results)
	if s.fault == nil && s.Height != f.Base {
		s.fail(wasmbin.BadStack, uint64(s.Height-f.Base+f.Results), uint64(f.Results), "a construct ends with %d operands on the stack, %d are its results", s.Height-f.Base+f.Results, f.Results)
	}
}

func (s *Stack) branch(r *Reader) {
	if r.Op == BrIf {
		s.pop(1)
	}
	f := s.label(r.A)
	if f == nil {
		return
	}
	n := f.Label()
	s.pop(n)
	if r.Op == Br {
		s.stop()
		return
	}
	s.push(n)
}

func (s *Stack) branchTable(r *Reader) {
	s.pop(1)
	operands := -1
	for targets := r.Targets(); ; {
		l, ok := targets.Next()
		if !ok {
			break
		}
		f := s.label(l)
		if f == nil {
			return
		}
		if n := f.Label(); operands >= 0 && n != operands {
			s.fail(wasmbin.BadStack, uint64(n), uint64(operands), "targets of a br_table take %d operands along and %d", operands, n)
			return
		}
		operands = f.Label()
	}
	s.pop(operands)
	s.stop()
}

func (s *Stack) label(l uint32) *Frame {
	if !s.exists(l, len(s.Frames), "label") {
		return nil
	}
	return &s.Frames[len(s.Frames)-1-int(l)]
}

func (s *Stack) exists(i uint32, n int, what string) bool {
	if uint64(i) < uint64(n) {
		return true
	}
	s.fail(wasmbin.BadIndex, uint64(i), uint64(n), "%s %d does not exist: there are %d", what, i, n)
	return false
}

func (s *Stack) apply(a Arity) {
	s.pop(a.Params)
	s.push(a.Results)
}

func (s *Stack) push(n int) {
	s.Height += n
	s.Max = max(s.Max, s.Height)
}

func (s *Stack) pop(n int) {
	f := s.Top()
	h := s.Height - n
	if h < f.Base {
		if !f.Dead {
			s.fail(wasmbin.BadStack, uint64(s.Height-f.Base), uint64(n), "an instruction takes %d operands and the construct has %d", n, s.Height-f.Base)
		}
		h = f.Base
	}
	s.Height = h
}

// stop says that what follows in the innermost construct is not reached.
func (s *Stack) stop() {
	f := s.Top()
	f.Dead, s.Height = true, f.Base
}

func (s *Stack) fail(f wasmbin.Fault, value, limit uint64, format string, args ...any) {
	if s.fault == nil {
		s.fault = &wasmbin.Error{Fault: f, Offset: s.at, Value: value, Limit: limit, Msg: fmt.Sprintf(format, args...)}
	}
}
