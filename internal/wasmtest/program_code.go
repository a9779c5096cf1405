package wasmtest

import "bytes"

// writer writes the body of one function. It follows the types on the stack, and pushes what an instruction needs unless it is
// there already.
type writer struct {
	*program
	source
	self   int
	code   Code
	locals []byte   // types of parameters and locals; the counters of loops stand behind them
	stack  []byte   // types of the operands
	base   int      // operands below belong to the constructs around
	labels [][]byte // what a branch to each open label takes, the innermost last
	loops  int      // counted loops that are open
	dead   bool     // nothing gets here, in this construct
}

const (
	counters = 4  // so many counted loops may be in one another
	maxNest  = 12 // constructs in one another
)

func (w *writer) n(n int) int { return w.source.n(n) }

// add is Code.add without the copy, as nothing else grows from this code.
func (w *writer) add(b ...byte) { w.code = append(w.code, b...) }

func (w *writer) op(code Code, pops, pushes []byte) {
	w.need(pops...)
	w.stack = w.stack[:len(w.stack)-len(pops)]
	w.add(code...)
	w.stack = append(w.stack, pushes...)
}

// need has operands of these types on top of the stack.
func (w *writer) need(types ...byte) {
	if bytes.HasSuffix(w.stack[w.base:], types) {
		return
	}
	for _, t := range types {
		w.push(t)
	}
}

func (w *writer) push(t byte) {
	switch w.n(4) {
	case 0, 1:
		w.add(Code{}.LocalGet(w.local(t))...)
	case 2:
		w.add(w.constant(t, &w.source)...)
	default:
		w.add(Code{}.GlobalGet(w.global(t))...)
	}
	w.stack = append(w.stack, t)
}

func (w *writer) local(t byte) uint32 {
	for i, from := 0, w.n(len(w.locals)); ; i++ {
		if at := (from + i) % len(w.locals); w.locals[at] == t {
			return uint32(at)
		}
	}
}

func (w *writer) global(t byte) uint32 {
	return uint32(bytes.IndexByte(numbers, t) + 4*w.n(w.program.globals/4))
}

// top is the type of the top operand, or any if there is none.
func (w *writer) top() byte {
	if len(w.stack) > w.base {
		return w.stack[len(w.stack)-1]
	}
	return numbers[w.n(4)]
}

// finish leaves exactly operands of these types, and what else was there in variables.
func (w *writer) finish(types []byte) {
	if bytes.Equal(w.stack[w.base:], types) {
		return
	}
	if w.dead && len(w.stack) == w.base && w.n(2) == 0 {
		w.stack = append(w.stack, types...) // code that is not reached has operands of any type
		return
	}
	for len(w.stack) > w.base {
		switch t := w.top(); w.n(3) {
		case 0:
			w.op(Code{}.LocalSet(w.local(t)), []byte{t}, nil)
		case 1:
			w.op(Code{}.GlobalSet(w.global(t)), []byte{t}, nil)
		default:
			w.op(Code{OpDrop}, []byte{t}, nil)
		}
	}
	for _, t := range types {
		w.push(t)
	}
}

// statement writes something, and a construct whole.
func (w *writer) statement() {
	switch w.n(24) {
	case 0, 1, 2, 3, 4, 5, 6:
		w.number()
	case 7, 8:
		w.memory()
	case 9:
		t := w.top()
		w.op(Code{}.LocalSet(w.local(t)), []byte{t}, nil)
	case 10:
		t := w.top()
		w.op(Code{}.LocalTee(w.local(t)), []byte{t}, []byte{t})
	case 11:
		t := w.top()
		w.op(Code{}.GlobalSet(w.global(t)), []byte{t}, nil)
	case 12:
		t := w.top()
		w.op(Code{OpSelect}, []byte{t, t, I32}, []byte{t})
	case 13, 14:
		w.block(0x02)
	case 15, 16:
		w.block(0x04)
	case 17:
		w.loop()
	case 18:
		l := w.n(len(w.labels))
		types := w.labels[len(w.labels)-1-l]
		w.op(Code{}.BrIf(uint32(l)), append(bytes.Clone(types), I32), types)
	case 19:
		w.jump()
	case 20:
		w.call()
	case 21:
		w.indirect()
	case 22:
		w.bulk()
	default:
		w.push(numbers[w.n(4)])
	}
}

// sequence is the inside of a construct, whose parameters are above base.
func (w *writer) sequence(results []byte) {
	dead := w.dead
	w.dead = false
	for n := w.n(12); n > 0 && len(w.source) > 0; n-- {
		w.statement()
	}
	w.finish(results)
	w.dead = dead
}

// block writes a block, a loop or an if with parameters and results of its own.
func (w *writer) block(op byte) {
	if len(w.labels) > maxNest {
		return
	}
	if op == 0x04 {
		w.op(nil, []byte{I32}, nil)
	}
	params := bytes.Clone(w.stack[max(w.base, len(w.stack)-w.n(3)):])
	var results []byte
	for range w.n(3) {
		results = append(results, numbers[w.n(4)])
	}
	w.add(op)
	w.add(S64(int64(w.Type(params, results)))...)
	label := results
	if op == 0x03 {
		label = params
	}
	base := w.base
	w.labels = append(w.labels, label)
	w.base = len(w.stack) - len(params)
	w.sequence(results)
	if op == 0x04 && (w.n(2) == 0 || !bytes.Equal(params, results)) {
		w.add(OpElse)
		w.stack = append(w.stack[:w.base], params...)
		w.sequence(results)
	}
	w.add(OpEnd)
	w.labels, w.base = w.labels[:len(w.labels)-1], base
}

// loop writes one that counts at its head, so that it ends however it is continued; with few odds one that may not end.
func (w *writer) loop() {
	if w.n(24) == 23 {
		w.block(0x03)
		return
	}
	if w.loops == counters || len(w.labels) > maxNest {
		return
	}
	counter := uint32(len(w.locals) + w.loops)
	w.add(Code{}.I32Const(int32(2 + w.n(8))).LocalSet(counter).Block(Void).Loop(Void).
		LocalGet(counter).I32Const(-1).Op(OpI32Add).LocalTee(counter).Op(OpI32Eqz).BrIf(1)...)
	base := w.base
	w.labels, w.base = append(w.labels, nil, nil), len(w.stack)
	w.loops++
	w.sequence(nil)
	w.loops--
	w.add(Code{}.Br(0).End().End()...)
	w.labels, w.base = w.labels[:len(w.labels)-2], base
}

// jump writes what ends a sequence. At the end of a function's own that would mostly make the rest of it dead.
func (w *writer) jump() {
	if len(w.labels) == 1 && w.n(8) < 7 {
		w.block(0x04)
		return
	}
	l := w.n(len(w.labels))
	types := w.labels[len(w.labels)-1-l]
	switch w.n(8) {
	case 0:
		w.add(OpUnreachable)
	case 1, 2:
		w.op(Code{OpReturn}, w.labels[0], nil)
	case 3, 4, 5:
		targets := []byte{byte(l)}
		for other := range w.labels {
			if bytes.Equal(w.labels[len(w.labels)-1-other], types) && w.n(2) == 1 {
				targets = append(targets, byte(other))
			}
		}
		w.op(append(Code{0x0e, byte(len(targets) - 1)}, targets...), append(bytes.Clone(types), I32), nil)
	default:
		w.op(Code{}.Br(uint32(l)), types, nil)
	}
	w.stack, w.dead = w.stack[:w.base], true
}

// call calls a later function, or with few odds any.
func (w *writer) call() {
	to := w.self + 1 + w.n(3)
	if w.n(16) == 15 {
		to = w.n(len(w.funcs))
	}
	if to < len(w.funcs) {
		f := w.funcs[to]
		w.op(Code{}.Call(uint32(to)), f.params, f.results)
	}
}
