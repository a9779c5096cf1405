package validate

import (
	"fmt"
	"math"
	"time"

	"github.com/iprt/iprt/host/internal/wasmbin"
	"github.com/iprt/iprt/host/internal/wasmop"
)

// Estimate is how long an optimising compiler may take over a module on one core. What toolchains emit took wazero's compiler
// 0.2 to 1.1 of it, and modules made to be slow at most 1.4 where the estimate was near the default budgets. Far above them, where
// it matters no more, up to 2.8.
type Estimate struct {
	Total         time.Duration
	Worst         time.Duration // of the slowest function
	WorstFunction int           // its index, imported functions counted; −1 if the module has no functions
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
	return e.out, nil
}

// Over says by which budget of l an estimate is too long, or nil: an *[Error] with nanoseconds as its Value and Limit.
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
	params       []uint32 // of each type
	types        []uint32 // of each defined function
	imported     int      // functions
	reader       wasmop.Reader
	loop         []bool // for each open construct: is it a loop
}

func (e *estimator) section(c wasmbin.Section) error {
	r := c.Reader()
	switch c.ID {
	case wasmbin.Type:
		n := r.Count(3, "types")
		e.params = make([]uint32, 0, n)
		for range n {
			r.Byte()
			params := r.U32()
			r.Bytes(params)
			r.Bytes(r.U32())
			if r.Err() != nil {
				break
			}
			e.params = append(e.params, params)
		}
	case wasmbin.Import:
		e.imports(r)
	case wasmbin.Function:
		n := r.Count(1, "functions")
		e.types = make([]uint32, n)
		for i := range e.types {
			e.types[i] = r.U32()
		}
	case wasmbin.Code:
		return e.code(c)
	}
	return r.Err()
}

// imports counts the functions among the imports.
func (e *estimator) imports(r *wasmbin.Reader) {
	for range r.Count(4, "imports") {
		r.Bytes(r.U32())
		r.Bytes(r.U32())
		switch wasmbin.Kind(r.Byte()) {
		case wasmbin.KindFunc:
			r.U32()
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
}

func (e *estimator) code(c wasmbin.Section) error {
	bodies := wasmop.NewBodies(c)
	for i := 0; bodies.Next(); i++ {
		body, at := bodies.Body()
		e.reader.Reset(body, at)
		cost := e.body(float64(len(body)), e.paramsOf(i))
		if err := e.reader.Err(); err != nil {
			return err
		}
		e.total += cost
		if cost > e.worst {
			e.worst, e.out.WorstFunction = cost, e.imported+i
		}
	}
	return bodies.Err()
}

// paramsOf is how many parameters a defined function has.
func (e *estimator) paramsOf(i int) float64 {
	if i < len(e.types) && uint64(e.types[i]) < uint64(len(e.params)) {
		return float64(e.params[e.types[i]])
	}
	return 0
}

// body is the cost of one function in nanoseconds. The terms are those of a compiler that computes liveness for each variable
// and block, and again for each level of loops, builds dominators, and allocates registers over what calls and accesses leave
// alive; the factors were fitted to what such compilers took over modules made to be slow.
func (e *estimator) body(bytes, params float64) float64 {
	locals := params + float64(e.reader.Locals())
	blocks, sites, depths := 1.0, 0.0, 0.0
	loops := 0
	e.loop = e.loop[:0]
	for r := &e.reader; r.Next(); {
		switch flags := r.Info.Flags; {
		case flags.Has(wasmop.Opens):
			blocks++
			if r.Op == wasmop.Loop {
				loops++
				depths += float64(loops)
			}
			e.loop = append(e.loop, r.Op == wasmop.Loop)
		case r.Op == wasmop.Else, r.Op == wasmop.BrIf:
			blocks++
		case r.Op == wasmop.End:
			if n := len(e.loop); n > 0 {
				if e.loop[n-1] {
					loops--
				}
				e.loop = e.loop[:n-1]
			}
		case r.Op == wasmop.BrTable:
			sites += float64(r.A) + 1
		case flags.Has(wasmop.Bulk):
			sites += 5
		case flags.Has(wasmop.Load | wasmop.Store | wasmop.Div | wasmop.Trunc | wasmop.Calls | wasmop.TableOp | wasmop.Grow):
			sites++
		}
	}
	return 20_000 + 400*bytes + 1_000*blocks*locals + 115*depths*locals + 15*blocks*blocks + 3*sites*sites
}
