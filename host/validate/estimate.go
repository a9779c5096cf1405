package validate

import (
	"fmt"
	"math"
	"time"

	"github.com/iprt/iprt/host/internal/wasmbin"
	"github.com/iprt/iprt/host/internal/wasmop"
)

// Estimate is how long an optimising compiler may take over a module on one core, and how much memory. What toolchains emit took
// wazero's compiler 0.2 to 1.1 of the time, and modules made to be slow at most 1.4 where the estimate was near the default
// budgets, 2.3 if they are tables of branches over many locals. Far above them, where it matters no more, up to 2.8.
type Estimate struct {
	Total         time.Duration
	Worst         time.Duration // of the slowest function
	WorstFunction int           // its index, imported functions counted; −1 if the module has no functions
	Memory        uint64        // bytes for what the function that needs most keeps alive from block to block; its code comes on top
}

// EstimateCompile estimates the cost of compiling a module, in time linear in its bytes. The bytes must be those that the
// compiler will get, after host/meter: the meter adds branches, and some compilers take the square of their number.
//
// The error is an *[Error] for bytes that are no module. Beyond what the estimate needs nothing is checked, so a module that
// [Module] refuses may well get an estimate.
func EstimateCompile(metered []byte) (Estimate, error) {
	if err := checkHeader(metered); err != nil {
		return Estimate{}, err
	}
	e := estimator{out: Estimate{WorstFunction: -1}}
	sections := wasmbin.NewSections(metered)
	for sections.Next() {
		if err := e.section(sections.Section()); err != nil {
			return Estimate{}, fromReader(err)
		}
	}
	if err := sections.Err(); err != nil {
		return Estimate{}, fromReader(err)
	}
	e.out.Total, e.out.Worst = nanoseconds(e.total), nanoseconds(e.worst)
	e.out.Memory = uint64(nanoseconds(e.memory))
	return e.out, nil
}

// Over says which budget of l an estimate exceeds, or nil: an *[Error] with nanoseconds, or bytes, as its Value and Limit.
// Such a module is not wrong. It may be interpreted, or compiled where that can be ended.
func (e Estimate) Over(l Limits) error {
	l = l.withDefaults()
	switch {
	case e.Worst > l.CompileFunction:
		return &Error{Rule: "limit.compile-function", Offset: nowhere, Value: uint64(e.Worst), Limit: uint64(l.CompileFunction),
			Msg: fmt.Sprintf("compiling function %d may take %v, at most %v are allowed", e.WorstFunction, round(e.Worst), l.CompileFunction)}
	case e.Total > l.CompileModule:
		return &Error{Rule: "limit.compile-module", Offset: nowhere, Value: uint64(e.Total), Limit: uint64(l.CompileModule),
			Msg: fmt.Sprintf("compiling the module may take %v, at most %v are allowed", round(e.Total), l.CompileModule)}
	case e.Memory > l.CompileMemory:
		return &Error{Rule: "limit.compile-memory", Offset: nowhere, Value: e.Memory, Limit: l.CompileMemory,
			Msg: fmt.Sprintf("compiling the module may take %d bytes of memory, at most %d are allowed", e.Memory, l.CompileMemory)}
	}
	return nil
}

func round(d time.Duration) time.Duration { return d.Round(time.Millisecond) }

// nanoseconds is the nearest duration there is.
func nanoseconds(ns float64) time.Duration {
	if ns >= math.MaxInt64 {
		return math.MaxInt64
	}
	return time.Duration(ns)
}

// estimator is the state of one estimate. Costs are floating point because their squares leave 64 bits.
type estimator struct {
	out          Estimate
	total, worst float64
	memory       float64 // the most of any function: the compiler gives it back after each
	sigs         wasmop.Signatures
	imported     int // functions
	reader       wasmop.Reader
	stack        wasmop.Stack
}

func (e *estimator) section(c wasmbin.Section) error {
	r := c.Reader()
	switch c.ID {
	case wasmbin.Type:
		n := r.Count(3, "types")
		e.sigs.Types = make([]wasmop.Arity, 0, n)
		for range n {
			r.Byte()
			params := r.U32()
			r.Bytes(params)
			results := r.U32()
			r.Bytes(results)
			if r.Err() != nil {
				break
			}
			e.sigs.Types = append(e.sigs.Types, wasmop.Arity{Params: int(params), Results: int(results)})
		}
	case wasmbin.Import:
		if err := e.imports(r); err != nil {
			return err
		}
	case wasmbin.Function:
		for range r.Count(1, "functions") {
			if err := e.function(r); err != nil {
				return err
			}
		}
	case wasmbin.Code:
		return e.code(c)
	}
	return r.Err()
}

// imports counts the functions among the imports.
func (e *estimator) imports(r *wasmbin.Reader) error {
	for range r.Count(4, "imports") {
		r.Bytes(r.U32())
		r.Bytes(r.U32())
		switch wasmbin.Kind(r.Byte()) {
		case wasmbin.KindFunc:
			if err := e.function(r); err != nil {
				return err
			}
			e.imported++
		case wasmbin.KindTable:
			r.Byte()
			r.Limits()
		case wasmbin.KindMemory:
			r.Limits()
		case wasmbin.KindGlobal:
			r.Bytes(2)
		}
	}
	return nil
}

// function notes the type of one more function.
func (e *estimator) function(r *wasmbin.Reader) error {
	at := r.Offset()
	t := r.U32()
	if r.Err() == nil && uint64(t) >= uint64(len(e.sigs.Types)) {
		return badIndex(at, uint64(t), uint64(len(e.sigs.Types)), "type")
	}
	e.sigs.Funcs = append(e.sigs.Funcs, t)
	return r.Err()
}

func (e *estimator) code(c wasmbin.Section) error {
	bodies := wasmop.NewBodies(c)
	for i := 0; bodies.Next(); i++ {
		body, at := bodies.Body()
		if i >= len(e.sigs.Funcs)-e.imported {
			return badIndex(at, uint64(e.imported+i), uint64(len(e.sigs.Funcs)), "function")
		}
		e.reader.Reset(body, at)
		shape, err := e.body(e.sigs.Funcs[e.imported+i])
		if err != nil {
			return err
		}
		cost := shape.time(float64(len(body)))
		e.total += cost
		if cost > e.worst {
			e.worst, e.out.WorstFunction = cost, e.imported+i
		}
		e.memory = max(e.memory, shape.memory())
	}
	return bodies.Err()
}

// shape is what the cost of compiling a function depends on. Operands on the stack count by where they are: toolchains, which use
// locals, leave next to none there when a block starts.
type shape struct {
	locals   float64 // parameters among them
	blocks   float64
	operands float64 // sum over the blocks of the operands below them, and of their own parameters or results
	depths   float64 // sum over the loops of how many are open
	carried  float64 // sum over the loops of how many are open, times the operands
	targets  float64 // of all br_tables; each is a small block of its own
	chosen   float64 // sum over the targets of the operands below them
	sites    float64 // of calls, accesses, targets and what else may trap
}

// body walks the function that e.reader is at the start of, of type typ.
func (e *estimator) body(typ uint32) (s shape, err error) {
	s.locals = float64(e.sigs.Types[typ].Params) + float64(e.reader.Locals())
	s.blocks = 1
	loops := 0.0
	e.stack.Reset(&e.sigs, typ)
	for r := &e.reader; r.Next(); {
		if r.Op == wasmop.End && len(e.stack.Frames) > 0 && e.stack.Top().Op == wasmop.Loop {
			loops--
		}
		height := float64(e.stack.Height)
		if err := e.stack.Step(r); err != nil {
			return s, err
		}
		switch flags := r.Info.Flags; {
		case flags.Has(wasmop.Opens):
			f := e.stack.Top()
			s.blocks++
			s.operands += float64(f.Base + max(f.Params, f.Results))
			if r.Op == wasmop.Loop {
				loops++
				s.depths += loops
				s.carried += loops * float64(e.stack.Height)
			}
		case r.Op == wasmop.Else, r.Op == wasmop.BrIf:
			s.blocks++
			s.operands += float64(e.stack.Height)
		case r.Op == wasmop.BrTable:
			n := float64(r.A) + 1
			s.targets += n
			s.chosen += n * max(0, height-1)
			s.sites += n
		case flags.Has(wasmop.Bulk):
			s.sites += 5
		case flags.Has(wasmop.Load | wasmop.Store | wasmop.Div | wasmop.Trunc | wasmop.Calls | wasmop.TableOp | wasmop.Grow):
			s.sites++
		}
	}
	return s, e.reader.Err()
}

// time is in nanoseconds. The terms are those of a compiler that computes liveness for each variable and block, and again for each
// level of loops, builds dominators, and allocates registers over what calls and accesses leave alive; the factors were fitted to
// what such compilers took over modules made to be slow.
func (s shape) time(bytes float64) float64 {
	return 20_000 + 400*bytes + 1_000*s.blocks*s.locals + 450*s.operands + 200*s.targets*s.locals + 150*s.chosen +
		115*(s.depths*s.locals+s.carried) + 15*s.blocks*s.blocks + 3*s.sites*s.sites
}

// memory is in bytes.
func (s shape) memory() float64 {
	return 48 * (s.operands + s.chosen + (s.blocks+s.targets)*s.locals)
}
