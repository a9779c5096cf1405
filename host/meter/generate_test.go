package meter_test

import (
	"math/rand/v2"

	"github.com/iprt/iprt/host/internal/wasmop"
	w "github.com/iprt/iprt/internal/wasmtest"
)

// generator makes programs that pass validation: the height of the stack is followed, and whatever an instruction needs is
// pushed before.
type generator struct {
	*rand.Rand
	p      *program
	f      *function
	self   int
	height int
	base   int   // of the innermost construct
	open   []int // constructs, indices into f.code
	left   int   // instructions to go, roughly
	loops  int   // locals that count iterations: the last ones
}

const scratch = 4 // locals that code uses as it likes

func generate(seed uint64) *program {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 1))}
	n := 1 + g.IntN(4)
	g.p = &program{pages: 1, funcs: make([]function, n)}
	for i := range n {
		g.p.funcs[i] = function{params: g.IntN(4), results: g.IntN(4), locals: scratch}
		if g.IntN(4) == 0 {
			g.p.funcs[i].locals += g.IntN(60)
		}
	}
	for i := range n {
		g.function(i)
	}
	return g.p
}

func (g *generator) function(i int) {
	g.f, g.self = &g.p.funcs[i], i
	g.height, g.base, g.open, g.loops = 0, 0, nil, 0
	g.left = 5 + g.IntN(80)
	g.sequence(g.f.results)
	// What a loop counts with stands behind the other locals.
	first := uint32(g.f.params + g.f.locals)
	for i := range g.f.code {
		if c := &g.f.code[i]; c.op >= wasmop.LocalGet && c.op <= wasmop.LocalTee && c.imm >= loopLocal {
			c.imm += first - loopLocal
		}
	}
	g.f.locals += g.loops
}

const loopLocal = 1 << 20

func (g *generator) emit(i instr) { g.f.code = append(g.f.code, i) }

func (g *generator) op(op wasmop.Op, imm uint32, pops, pushes int) {
	g.need(pops)
	g.emit(instr{op: op, imm: imm})
	g.height += pushes - pops
}

// need has n operands on the stack above the construct's base.
func (g *generator) need(n int) {
	for g.height-g.base < n {
		g.push()
	}
}

func (g *generator) push() {
	if g.IntN(2) == 0 {
		g.emit(instr{op: wasmop.LocalGet, imm: g.local()})
	} else {
		g.emit(instr{op: wasmop.I32Const, imm: uint32(g.IntN(300))})
	}
	g.height++
}

func (g *generator) local() uint32 { return uint32(g.IntN(g.f.params + scratch)) }

// sequence fills a construct that gives some results.
func (g *generator) sequence(results int) {
	for n := g.IntN(12); n > 0 && g.left > 0; n-- {
		g.left--
		if g.statement() {
			// Dead code, which needs no results at its end.
			for g.IntN(3) > 0 {
				g.statement()
			}
			for g.height > g.base {
				g.op(wasmop.Drop, 0, 1, 0)
			}
			if g.IntN(2) == 0 {
				g.height = g.base + results
				return
			}
			break
		}
	}
	g.need(results)
	for g.height-g.base > results {
		g.op(wasmop.Drop, 0, 1, 0)
	}
}

// statement emits something, and reports whether what follows is dead.
func (g *generator) statement() bool {
	switch g.IntN(20) {
	case 0, 1, 2:
		g.push()
	case 3, 4:
		g.op([]wasmop.Op{i32Add, i32Mul, i32Xor, i32LtU}[g.IntN(4)], 0, 2, 1)
	case 5:
		g.op(wasmop.LocalSet, g.local(), 1, 0)
	case 6:
		g.op(wasmop.LocalTee, g.local(), 1, 1)
	case 7:
		g.memory()
	case 8:
		g.op(wasmop.Select, 0, 3, 1)
	case 9, 10, 11:
		g.construct(wasmop.Block)
	case 12, 13:
		g.construct(wasmop.If)
	case 14:
		g.loop()
	case 15, 16:
		g.branch(wasmop.BrIf)
	case 17:
		g.call()
	case 18:
		return g.jump()
	default:
		g.rare()
	}
	return false
}

func (g *generator) memory() {
	if g.IntN(2) == 0 {
		g.op(i32Load8U, 0, 1, 1)
	} else {
		g.op(i32Store8, 0, 2, 0)
	}
}

func (g *generator) rare() {
	switch g.IntN(6) {
	case 0:
		g.op(i32DivU, 0, 2, 1)
	case 1:
		g.op(wasmop.MemoryGrow, 0, 1, 1)
	case 2:
		g.op(wasmop.MemoryFill, 0, 3, 0)
	case 3:
		g.op(wasmop.MemorySize, 0, 0, 1)
	default:
		g.op(wasmop.Nop, 0, 0, 0)
	}
}

// construct emits one with parameters and results of its own.
func (g *generator) construct(op wasmop.Op) {
	if op == wasmop.If {
		g.need(1)
		g.height--
	}
	params, results := min(g.IntN(3), g.height-g.base), g.IntN(3)
	at, base := len(g.f.code), g.base
	arms := 1
	if op == wasmop.If && (params != results || g.IntN(2) == 0) {
		arms = 2
	}
	g.emit(instr{op: op, params: params, results: results})
	g.open = append(g.open, at)
	g.base = g.height - params
	for arm := range arms {
		if arm == 1 {
			g.f.code[at].els = len(g.f.code)
			g.emit(instr{op: wasmop.Else})
			g.height = g.base + params
		}
		g.sequence(results)
	}
	g.close(at, base)
}

func (g *generator) close(at, base int) {
	g.f.code[at].end = len(g.f.code)
	g.emit(instr{op: wasmop.End})
	g.open = g.open[:len(g.open)-1]
	g.height, g.base = g.base+g.f.code[at].results, base
}

// loop emits one that repeats a few times, if at all.
func (g *generator) loop() {
	if g.IntN(3) == 0 {
		g.construct(wasmop.Loop)
		return
	}
	counter := loopLocal + uint32(g.loops)
	g.loops++
	g.op(wasmop.I32Const, uint32(1+g.IntN(5)), 0, 1)
	g.op(wasmop.LocalSet, counter, 1, 0)
	at, base := len(g.f.code), g.base
	g.emit(instr{op: wasmop.Loop, target: true})
	g.open = append(g.open, at)
	g.base = g.height
	g.sequence(0)
	g.op(wasmop.LocalGet, counter, 0, 1)
	g.op(wasmop.I32Const, 1<<32-1, 0, 1)
	g.op(i32Add, 0, 2, 1)
	g.op(wasmop.LocalTee, counter, 1, 1)
	g.op(wasmop.BrIf, 0, 1, 0)
	g.close(at, base)
}

// label picks one and marks it as branched to.
func (g *generator) label() (l uint32, arity int) {
	l = uint32(g.IntN(len(g.open) + 1))
	return l, g.aim(l)
}

func (g *generator) aim(l uint32) int {
	if int(l) == len(g.open) {
		return g.f.results
	}
	c := &g.f.code[g.open[len(g.open)-1-int(l)]]
	c.target = true
	if c.op == wasmop.Loop {
		return c.params
	}
	return c.results
}

func (g *generator) branch(op wasmop.Op) {
	l, arity := g.label()
	if op == wasmop.BrIf {
		g.need(arity + 1)
		g.emit(instr{op: op, imm: l})
		g.height--
		return
	}
	g.need(arity)
	g.emit(instr{op: op, imm: l})
}

// jump emits what ends a sequence.
func (g *generator) jump() bool {
	switch g.IntN(8) {
	case 0:
		g.emit(instr{op: wasmop.Unreachable})
	case 1, 2:
		g.need(g.f.results)
		g.emit(instr{op: wasmop.Return})
	case 3, 4:
		l, arity := g.label()
		labels := []uint32{l}
		for other := range uint32(len(g.open) + 1) {
			target := g.peek(other)
			if target == arity && g.IntN(2) == 0 {
				g.aim(other)
				labels = append(labels, other)
			}
		}
		g.need(arity + 1)
		g.emit(instr{op: wasmop.BrTable, labels: labels})
	default:
		g.branch(wasmop.Br)
	}
	g.height = g.base
	return true
}

// peek is the arity of a label.
func (g *generator) peek(l uint32) int {
	if int(l) == len(g.open) {
		return g.f.results
	}
	c := g.f.code[g.open[len(g.open)-1-int(l)]]
	if c.op == wasmop.Loop {
		return c.params
	}
	return c.results
}

// call calls a later function, or with few odds any, which mostly ends in too deep a recursion.
func (g *generator) call() {
	n := len(g.p.funcs)
	to := g.self + 1 + g.IntN(n)
	if to >= n {
		if g.IntN(20) > 0 {
			return
		}
		to = g.IntN(n)
	}
	f := &g.p.funcs[to]
	g.need(f.params)
	g.emit(instr{op: wasmop.Call, imm: uint32(to), params: f.params, results: f.results})
	g.height += f.results - f.params
}

// wasm is the program as a module. Function 0 is exported as f, and every function is in the table.
func (p *program) wasm() []byte {
	b := w.New()
	b.Memory(p.pages, maxPages)
	i32s := func(n int) []byte {
		ts := make([]byte, n)
		for i := range ts {
			ts[i] = w.I32
		}
		return ts
	}
	for _, f := range p.funcs {
		var c []byte
		for _, i := range f.code {
			c = i.append(c, b, i32s)
		}
		b.Func(i32s(f.params), i32s(f.results), []w.Local{{Count: uint32(f.locals), Type: w.I32}}, c)
	}
	b.Export("f", w.KindFunc, 0)
	b.Export("m", w.KindMemory, 0)
	return b.Bytes()
}

func (i instr) append(c []byte, b *w.Builder, i32s func(int) []byte) []byte {
	if i.op >= wasmop.Misc {
		return append(append(c, 0xfc), w.Cat(w.U32(uint32(i.op-wasmop.Misc)), []byte{0})...)
	}
	c = append(c, byte(i.op))
	switch i.op {
	case wasmop.Block, wasmop.Loop, wasmop.If:
		return append(c, w.S64(int64(b.Type(i32s(i.params), i32s(i.results))))...)
	case wasmop.Br, wasmop.BrIf, wasmop.Call, wasmop.LocalGet, wasmop.LocalSet, wasmop.LocalTee:
		return append(c, w.U32(i.imm)...)
	case wasmop.BrTable:
		c = append(c, w.U32(uint32(len(i.labels)-1))...)
		for _, l := range i.labels {
			c = append(c, w.U32(l)...)
		}
	case wasmop.I32Const:
		return append(c, w.S32(int32(i.imm))...)
	case i32Load8U, i32Store8:
		return append(c, 0, 0)
	case wasmop.MemorySize, wasmop.MemoryGrow:
		return append(c, 0)
	}
	return c
}
