package meter

import (
	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host/internal/wasmop"
)

// scan reads one body after the other and notes what is to change in it.
type scan struct {
	rw    *rewriter
	sigs  wasmop.Signatures
	r     wasmop.Reader
	stack wasmop.Stack

	// What is known of a body after it was read.
	codeAt  int    // where its instructions start
	frame   uint32 // stack slots
	calls   bool   // has a call or call_indirect
	locals  uint32 // with parameters
	results []byte // types
	// bounded: no loop, no call and no cost that depends on an operand, so what a call may burn is at most the sum of the blocks.
	bounded bool
	temps   [3]temp
	edits   []edit // in the order of the code; the first is the block at the entry

	// While it is being read.
	values     uint32 // that instructions gave, as far as engines may spill them
	constructs uint32
	open       []construct // innermost last
	current    int         // the block that instructions belong to, an index into edits, or none
	at         int         // offset of the body in the module
	nan        abi.ValType // type of a result whose bits are yet to be settled; 0 if there is none
	nanAt      int         // where to do so
}

// temp is a local that is added if it is used.
type temp struct {
	typ  abi.ValType
	used bool
}

// edit is one change: skip bytes at an offset of the body give way to what kind and n say.
type edit struct {
	kind editKind
	at   int
	skip int
	n    int64
}

type editKind uint8

const (
	blockStart editKind = iota // n: fuel of the block
	loopStart                  // the same, with a check
	call                       // n: function
	refFunc                    // n: the global that holds it
	leave                      // n: label
	memoryInit                 // n: data segment
	bulk                       // n: fuel for each unit of the length
	nan32
	nan64
)

// construct is a block, loop or if that is open.
type construct struct {
	op     wasmop.Op
	start  int  // of a loop: the edit at its head, or none
	before int  // the block that was current when it was opened, or none
	target bool // of a branch, wherever that stands
	// leaves is the outermost construct that a branch inside goes to, an index into open; if that is not further out than the
	// construct itself, it is only left by its end or by a trap.
	leaves int
}

const none = -1 // no block: the instruction is never executed

func newScan(rw *rewriter) *scan {
	sc := &scan{rw: rw, temps: [3]temp{{typ: abi.I32}, {typ: abi.F32}, {typ: abi.F64}}}
	sc.sigs.Funcs = rw.funcs
	for _, t := range rw.types {
		sc.sigs.Types = append(sc.sigs.Types, wasmop.Arity{Params: len(t.params), Results: len(t.results)})
	}
	return sc
}

// body reads a body, which stands at an offset of the module.
func (sc *scan) body(body []byte, at int, typ uint32) error {
	r := &sc.r
	r.Reset(body, at)
	sc.at, sc.calls, sc.bounded, sc.nan, sc.edits, sc.open = at, false, true, 0, sc.edits[:0], sc.open[:0]
	sc.values, sc.constructs = 0, 0
	for i := range sc.temps {
		sc.temps[i].used = false
	}
	sc.locals = uint32(len(sc.rw.types[typ].params)) + uint32(r.Locals())
	sc.results = sc.rw.types[typ].results
	sc.codeAt = r.End() - at
	sc.stack.Reset(&sc.sigs, typ)
	sc.open = append(sc.open, construct{start: none, before: none})
	sc.start(blockStart)
	for r.Next() {
		if err := sc.stack.Step(r); err != nil {
			return err
		}
		sc.step()
	}
	sc.bounded = sc.bounded && !sc.calls
	sc.frame = frameOf(sc.locals+uint32(sc.stack.Max), sc.values, sc.constructs)
	return r.Err()
}

// start begins a block after the current instruction.
func (sc *scan) start(kind editKind) {
	sc.current = len(sc.edits)
	sc.edits = append(sc.edits, edit{kind: kind, at: sc.r.End() - sc.at})
}

// step notes what the current instruction asks for.
func (sc *scan) step() {
	r := &sc.r
	if sc.current != none {
		sc.edits[sc.current].n += int64(r.Info.Weight)
	}
	if sc.nan != 0 {
		sc.canonical()
	}
	sc.count()
	if f := r.Info.Flags; !f.Has(wasmop.ByType|wasmop.Stops|wasmop.Bulk|wasmop.Grow|wasmop.NaN) && r.Op != wasmop.RefFunc {
		return // nearly all
	}
	switch r.Op {
	case wasmop.Block, wasmop.Loop, wasmop.If:
		sc.opened()
	case wasmop.Else:
		sc.alternative()
	case wasmop.End:
		sc.closed()
	case wasmop.Br, wasmop.BrIf, wasmop.BrTable, wasmop.Return, wasmop.Unreachable:
		sc.jump()
	case wasmop.Call:
		sc.calls = true
		sc.replace(call, int64(sc.rw.shift(r.A)))
	case wasmop.CallIndirect:
		sc.calls = true
	case wasmop.RefFunc:
		sc.replace(refFunc, int64(sc.rw.reference(r.A)))
	case wasmop.MemoryGrow:
		sc.bounded = false
		sc.replace(call, int64(sc.rw.memoryGrower()))
	case wasmop.TableGrow:
		sc.bounded = false
		sc.replace(call, int64(sc.rw.tableGrower(r.A)))
	case wasmop.MemoryInit:
		sc.dynamic()
		if sc.rw.gone(r.A) {
			sc.replace(memoryInit, int64(sc.rw.empty()))
		}
	default:
		sc.dynamic()
	}
}

// count notes the values that the current instruction gives. Engines compute constants anew where they want them, and copies of
// locals are no values of their own.
func (sc *scan) count() {
	r := &sc.r
	switch r.Op {
	case wasmop.LocalGet, wasmop.LocalTee, wasmop.I32Const, wasmop.I64Const, wasmop.F32Const, wasmop.F64Const:
	case wasmop.Block, wasmop.Loop, wasmop.If:
		sc.constructs++
	case wasmop.Call:
		sc.values += uint32(sc.sigs.Func(r.A).Results)
	case wasmop.CallIndirect:
		sc.values += uint32(sc.sigs.Types[r.A].Results)
	default:
		sc.values += uint32(r.Info.Pushes)
	}
}

// replace has the current instruction give way to another one.
func (sc *scan) replace(kind editKind, n int64) {
	sc.edits = append(sc.edits, edit{kind: kind, at: sc.r.At - sc.at, skip: sc.r.End() - sc.r.At, n: n})
}

// dynamic notes instructions whose cost depends on an operand, and those whose result does on the engine.
func (sc *scan) dynamic() {
	r, f := &sc.r, sc.r.Info.Flags
	sc.bounded = sc.bounded && !f.Has(wasmop.Bulk)
	switch {
	case sc.current == none || f.Has(wasmop.Vector):
	case f.Has(wasmop.Bulk):
		sc.temps[0].used = true
		sc.edits = append(sc.edits, edit{kind: bulk, at: r.At - sc.at, n: lengthFuel(f)})
	case f.Has(wasmop.NaN) && !sc.rw.cfg.KeepNaN:
		sc.nan = r.Info.Type
		sc.nanAt = r.End() - sc.at
	}
}

func (sc *scan) opened() {
	c := construct{op: sc.r.Op, start: none, before: sc.current, leaves: len(sc.open)}
	if sc.current != none {
		switch c.op {
		case wasmop.Loop:
			sc.start(loopStart)
			c.start = sc.current
		case wasmop.If:
			sc.start(blockStart)
		}
	}
	sc.open = append(sc.open, c)
}

// alternative is an else.
func (sc *scan) alternative() {
	if sc.open[len(sc.open)-1].before != none {
		sc.start(blockStart)
	}
}

// closed is an end. What follows a construct that is left by its end only is reached as often as what was before it, and
// belongs to the same block. Else code after an if may be reached in two ways, after a block if something branches there;
// after a loop in one way: from the loop's last instruction.
func (sc *scan) closed() {
	c := sc.open[len(sc.open)-1]
	sc.open = sc.open[:len(sc.open)-1]
	if len(sc.open) == 0 {
		return
	}
	if parent := &sc.open[len(sc.open)-1]; c.leaves < parent.leaves {
		parent.leaves = c.leaves
	}
	sc.bounded = sc.bounded && !(c.op == wasmop.Loop && c.target)
	if c.before == none {
		return
	}
	if c.op == wasmop.Loop && !c.target {
		sc.noLoop(c)
	}
	switch {
	case c.leaves >= len(sc.open):
		sc.current = c.before
	case c.op == wasmop.If, c.op == wasmop.Block && c.target:
		sc.start(blockStart)
	}
}

// noLoop takes back the block at the head of a loop that nothing repeats.
func (sc *scan) noLoop(c construct) {
	head, before := &sc.edits[c.start], &sc.edits[c.before]
	before.n += head.n
	head.n, head.kind = 0, blockStart
	if sc.current == c.start {
		sc.current = c.before
	}
}

// jump is a branch, or the end of all that is reached in a construct.
func (sc *scan) jump() {
	r := &sc.r
	switch r.Op {
	case wasmop.Br, wasmop.BrIf:
		sc.target(r.A)
	case wasmop.BrTable:
		for targets := r.Targets(); ; {
			l, ok := targets.Next()
			if !ok {
				break
			}
			sc.target(l)
		}
	case wasmop.Return:
		sc.target(uint32(len(sc.open) - 1))
		sc.replace(leave, int64(len(sc.open)-1))
	}
	switch {
	case r.Info.Flags.Has(wasmop.Stops):
		sc.current = none
	case sc.current != none:
		sc.start(blockStart)
	}
}

// target notes a branch.
func (sc *scan) target(label uint32) {
	to := len(sc.open) - 1 - int(label)
	sc.open[to].target = true
	if c := &sc.open[len(sc.open)-1]; to < c.leaves {
		c.leaves = to
	}
}
