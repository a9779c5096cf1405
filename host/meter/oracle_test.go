package meter_test

import (
	"slices"

	"github.com/iprt/iprt/host/internal/wasmop"
	"github.com/iprt/iprt/host/meter"
)

// The oracle runs small programs one instruction at a time and counts what spec/metering.md says that they burn. It shares
// the table of weights with the meter and nothing else: it knows no blocks until something fails in the middle of one.

// program is a module whose values are all i32.
type program struct {
	funcs []function // [0] is what gets called
	pages uint32     // of memory at first; it may grow to maxPages
}

const maxPages = 3

type function struct {
	params, results, locals int // locals besides parameters
	code                    []instr
}

// instr is an instruction. Constructs know where they end.
type instr struct {
	op              wasmop.Op
	imm             uint32
	labels          []uint32 // of br_table, the default last
	params, results int      // of a construct
	end, els        int      // of a construct: where its end is, and its else, or 0
	target          bool     // of a construct: a branch goes there
}

func (i instr) weight() int64 {
	info, _ := wasmop.Lookup(i.op)
	return int64(info.Weight)
}

// outcome is how a run ends.
type outcome string

const (
	returned  outcome = "returned"
	trapped   outcome = "trapped"
	exhausted outcome = "too deep"
	endless   outcome = "too long to wait for"
)

type oracle struct {
	p       *program
	memory  []byte
	results []uint32
	burnt   int64
	depth   int64
	steps   int
}

const maxSteps = 20_000

func runOracle(p *program, args []uint32, depth int64) (*oracle, outcome) {
	o := &oracle{p: p, memory: make([]byte, p.pages<<16), depth: depth}
	var end outcome
	o.results, end = o.call(0, args)
	return o, end
}

// activation is a function that is running.
type activation struct {
	f      *function
	locals []uint32
	stack  []uint32
	open   []label
	pc     int
}

type label struct{ at, height int } // the construct's instruction; the stack below its parameters

func (o *oracle) call(f int, args []uint32) ([]uint32, outcome) {
	a := &activation{f: &o.p.funcs[f], locals: args}
	a.locals = append(a.locals, make([]uint32, a.f.locals)...)
	w := int64(a.f.frame())
	if a.f.calls() {
		o.depth -= w
		defer func() { o.depth += w }()
	}
	if o.depth < 0 || !a.f.calls() && w > 32 && o.depth < w {
		o.burnt += a.rest(0)
		return nil, exhausted
	}
	for a.pc < len(a.f.code) {
		if o.steps++; o.steps > maxSteps {
			return nil, endless
		}
		o.burnt += a.f.code[a.pc].weight()
		if end := o.step(a); end != returned {
			if end != endless {
				o.burnt += a.rest(a.pc + 1)
			}
			return nil, end
		}
		a.pc++
	}
	return a.stack[len(a.stack)-a.f.results:], returned
}

// rest is what has been paid for and not run, from an instruction on: the rest of its block, and of the blocks that go on
// after the constructs around it.
func (a *activation) rest(pc int) int64 {
	var open []int
	for _, l := range a.open {
		open = append(open, l.at)
	}
	sum := int64(0)
	ended := pc > 0 && a.ends(pc-1)
	for ; pc < len(a.f.code) || ended; pc++ {
		if ended { // the block does; on to what goes on after a construct
			last := len(open) - 1
			if last < 0 {
				return sum
			}
			pc, ended = a.f.code[open[last]].end, a.leaves(open[last])
			open = open[:last]
			continue
		}
		i := a.f.code[pc]
		sum += i.weight()
		switch i.op {
		case wasmop.Block, wasmop.Loop, wasmop.If:
			open = append(open, pc)
		case wasmop.End:
			at := open[len(open)-1]
			c := a.f.code[at]
			open = open[:len(open)-1]
			ended = a.leaves(at) && (c.op == wasmop.If || c.op == wasmop.Block && c.target)
			continue
		}
		ended = a.ends(pc)
	}
	return sum
}

// ends reports whether no instruction after this one belongs to its block, but for those after constructs.
func (a *activation) ends(pc int) bool {
	switch i := a.f.code[pc]; i.op {
	case wasmop.Br, wasmop.BrIf, wasmop.BrTable, wasmop.Return, wasmop.Unreachable, wasmop.If, wasmop.Else:
		return true
	case wasmop.Loop:
		return i.target
	}
	return false
}

// leaves reports whether a branch in a construct goes further out.
func (a *activation) leaves(at int) bool {
	depth := uint32(0)
	for _, i := range a.f.code[at+1 : a.f.code[at].end] {
		switch i.op {
		case wasmop.Block, wasmop.Loop, wasmop.If:
			depth++
		case wasmop.End:
			depth--
		case wasmop.Return:
			return true
		case wasmop.Br, wasmop.BrIf, wasmop.BrTable:
			if i.imm > depth || slices.ContainsFunc(i.labels, func(l uint32) bool { return l > depth }) {
				return true
			}
		}
	}
	return false
}

func (a *activation) push(v uint32) { a.stack = append(a.stack, v) }

func (a *activation) pop() uint32 {
	v := a.stack[len(a.stack)-1]
	a.stack = a.stack[:len(a.stack)-1]
	return v
}

// branch goes to a label: it keeps what the label takes, and continues after the construct's end, or a loop's start.
func (a *activation) branch(l uint32) {
	if int(l) == len(a.open) { // the function
		a.leave(0, a.f.results)
		a.open, a.pc = nil, len(a.f.code)
		return
	}
	to := a.open[len(a.open)-1-int(l)]
	c := a.f.code[to.at]
	if c.op == wasmop.Loop {
		a.leave(to.height, c.params)
		a.open, a.pc = a.open[:len(a.open)-int(l)], to.at
		return
	}
	a.leave(to.height, c.results)
	a.open, a.pc = a.open[:len(a.open)-1-int(l)], c.end
}

func (a *activation) leave(height, n int) {
	a.stack = append(a.stack[:height], a.stack[len(a.stack)-n:]...)
}

func (o *oracle) step(a *activation) outcome {
	i := &a.f.code[a.pc]
	switch i.op {
	case wasmop.Unreachable:
		return trapped
	case wasmop.Block, wasmop.Loop, wasmop.If:
		o.enter(a, i)
	case wasmop.Else: // the first arm is done
		to := a.open[len(a.open)-1]
		a.pc = a.f.code[to.at].end
		a.open = a.open[:len(a.open)-1]
	case wasmop.End:
		a.open = a.open[:len(a.open)-1]
	case wasmop.Br:
		a.branch(i.imm)
	case wasmop.BrIf:
		if a.pop() != 0 {
			a.branch(i.imm)
		}
	case wasmop.BrTable:
		a.branch(i.labels[min(int64(a.pop()), int64(len(i.labels)-1))])
	case wasmop.Return:
		a.branch(uint32(len(a.open)))
	case wasmop.Call:
		f := &o.p.funcs[i.imm]
		args := append([]uint32{}, a.stack[len(a.stack)-f.params:]...)
		a.stack = a.stack[:len(a.stack)-f.params]
		results, end := o.call(int(i.imm), args)
		if end != returned {
			return end
		}
		a.stack = append(a.stack, results...)
	default:
		return o.plain(a, i)
	}
	return returned
}

func (o *oracle) enter(a *activation, i *instr) {
	taken := i.op != wasmop.If || a.pop() != 0
	a.open = append(a.open, label{a.pc, len(a.stack) - i.params})
	switch {
	case taken:
	case i.els != 0:
		a.pc = i.els
	default:
		a.pc, a.open = i.end, a.open[:len(a.open)-1]
	}
}

// plain is what moves no program counter.
func (o *oracle) plain(a *activation, i *instr) outcome {
	switch i.op {
	case wasmop.Nop:
	case wasmop.Drop:
		a.pop()
	case wasmop.I32Const:
		a.push(i.imm)
	case wasmop.LocalGet:
		a.push(a.locals[i.imm])
	case wasmop.LocalSet:
		a.locals[i.imm] = a.pop()
	case wasmop.LocalTee:
		a.locals[i.imm] = a.stack[len(a.stack)-1]
	case wasmop.Select:
		if c, y := a.pop(), a.pop(); c == 0 {
			a.stack[len(a.stack)-1] = y
		}
	case i32Load8U:
		p := a.pop()
		if int(p) >= len(o.memory) {
			return trapped
		}
		a.push(uint32(o.memory[p]))
	case i32Store8:
		v, p := a.pop(), a.pop()
		if int(p) >= len(o.memory) {
			return trapped
		}
		o.memory[p] = byte(v)
	case wasmop.MemorySize:
		a.push(uint32(len(o.memory) >> 16))
	case wasmop.MemoryGrow:
		o.grow(a)
	case wasmop.MemoryFill:
		return o.fill(a)
	default:
		y, x := a.pop(), a.pop()
		if i.op == i32DivU && y == 0 {
			return trapped
		}
		a.push(binary(i.op, x, y))
	}
	return returned
}

const (
	i32Load8U wasmop.Op = 0x2d
	i32Store8 wasmop.Op = 0x3a
	i32LtU    wasmop.Op = 0x49
	i32Add    wasmop.Op = 0x6a
	i32Mul    wasmop.Op = 0x6c
	i32DivU   wasmop.Op = 0x6e
	i32Xor    wasmop.Op = 0x73
)

func binary(op wasmop.Op, x, y uint32) uint32 {
	switch op {
	case i32Add:
		return x + y
	case i32Mul:
		return x * y
	case i32DivU:
		return x / y
	case i32Xor:
		return x ^ y
	case i32LtU:
		if x < y {
			return 1
		}
		return 0
	}
	panic("the oracle does not know this instruction")
}

func (o *oracle) grow(a *activation) {
	n, before := a.pop(), uint32(len(o.memory)>>16)
	if uint64(before)+uint64(n) > maxPages {
		a.push(1<<32 - 1)
		return
	}
	o.memory = append(o.memory, make([]byte, n<<16)...)
	o.burnt += 100 + 65536*int64(n)
	a.push(before)
}

func (o *oracle) fill(a *activation) outcome {
	n, v, p := a.pop(), a.pop(), a.pop()
	o.burnt += int64(n)
	if uint64(p)+uint64(n) > uint64(len(o.memory)) {
		return trapped
	}
	for i := range n {
		o.memory[p+i] = byte(v)
	}
	return returned
}

func (f *function) calls() bool {
	for _, i := range f.code {
		if i.op == wasmop.Call {
			return true
		}
	}
	return false
}

// frame is what the function takes of the depth: parameters, locals, and the most operands after any instruction, and shares
// of its values and constructs.
func (f *function) frame() int {
	variables, values, constructs := f.params+f.locals+f.height(), 0, 0
	for _, i := range f.code {
		switch i.op {
		case wasmop.Block, wasmop.Loop, wasmop.If:
			constructs++
		case wasmop.Call:
			values += i.results
		case wasmop.LocalGet, wasmop.LocalTee, wasmop.I32Const:
		default:
			info, _ := wasmop.Lookup(i.op)
			values += int(info.Pushes)
		}
	}
	return max(32, variables+values/6+constructs*variables/128)
}

// height is the most operands after any instruction. In code after a jump, operands are there when asked for.
func (f *function) height() int {
	type frame struct {
		base int
		i    instr
	}
	open := []frame{{}}
	h, most := 0, 0
	move := func(p *program, pops, pushes int) {
		h = max(h-pops, open[len(open)-1].base) + pushes
		most = max(most, h)
	}
	for _, i := range f.code {
		switch i.op {
		case wasmop.Block, wasmop.Loop, wasmop.If:
			if i.op == wasmop.If {
				move(nil, 1, 0)
			}
			h = max(h-i.params, open[len(open)-1].base)
			open = append(open, frame{base: h, i: i})
			move(nil, 0, i.params)
		case wasmop.Else:
			top := open[len(open)-1]
			h = top.base + top.i.params
		case wasmop.End:
			top := open[len(open)-1]
			open = open[:len(open)-1]
			h = top.base + top.i.results
		case wasmop.Br, wasmop.BrTable, wasmop.Return, wasmop.Unreachable:
			h = open[len(open)-1].base
		case wasmop.BrIf:
			n := f.results
			if int(i.imm) < len(open)-1 {
				c := open[len(open)-1-int(i.imm)].i
				if n = c.results; c.op == wasmop.Loop {
					n = c.params
				}
			}
			move(nil, 1+n, n)
			continue
		case wasmop.Call:
			move(nil, int(i.params), int(i.results))
			continue
		default:
			info, _ := wasmop.Lookup(i.op)
			move(nil, int(info.Pops), int(info.Pushes))
			continue
		}
		most = max(most, h)
	}
	return most
}

// fullDepth is what an instance starts with.
const fullDepth = int64(meter.MaxDepth)
