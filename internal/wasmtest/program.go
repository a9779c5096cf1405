package wasmtest

import (
	"bytes"
	"fmt"
)

// Program makes a module of any bytes: functions over all four number types with a memory, a table, globals and segments, whose
// instructions the bytes choose. Whatever the bytes are, it is valid, imports nothing and has no start function, so that a fuzzer which
// mutates them looks for programs and not for what is refused. Equal bytes make equal modules. The functions are exported as f0, f1…
//
// Most loops count to eight at most, and most calls go to later functions; a few do neither, and need a limit to end. With nans, floats
// may become NaNs; without, they do not as long as no argument is infinite or a NaN.
func Program(seed []byte, nans bool) []byte {
	p := &program{Builder: New(), source: source(seed), nans: nans}
	p.head()
	share := len(p.source)/len(p.funcs) + 1
	for i := range p.funcs {
		n := min(share, len(p.source))
		p.function(i, p.source[:n])
		p.source = p.source[n:]
	}
	for i := range p.funcs {
		p.Export(fmt.Sprintf("f%d", i), KindFunc, uint32(i))
	}
	return p.Bytes()
}

// source gives choices. When its bytes are used up, every choice is the first.
type source []byte

func (s *source) n(n int) int {
	if len(*s) == 0 {
		return 0
	}
	b := (*s)[0]
	*s = (*s)[1:]
	return int(b) % n
}

// program is what functions refer to. Global i has type numbers[i%4].
type program struct {
	*Builder
	source
	funcs   []signature
	globals int
	nans    bool
}

type signature struct {
	params, results []byte
	locals          int // of each type, besides parameters
}

var numbers = []byte{I32, I64, F32, F64}

// The table, and the segments for table.init and memory.init.
const (
	tableSize, tableMost = 5, 8
	elemPassive          = 1
	dataPassive          = 1
)

func (p *program) head() {
	p.funcs = make([]signature, 1+p.n(3))
	for i := range p.funcs {
		f := signature{locals: 1 + p.n(2)}
		for range p.n(4) {
			f.params = append(f.params, numbers[p.n(4)])
		}
		for range p.n(3) {
			f.results = append(f.results, numbers[p.n(4)])
		}
		if p.n(16) == 15 {
			f.locals = 30
		}
		p.funcs[i] = f
	}
	p.Memory(uint32(1+p.n(2)), 3)
	p.Table(tableSize, tableMost)
	p.globals = 4 * (1 + p.n(2))
	for i := range p.globals {
		t := numbers[i%4]
		p.Global(t, true, p.constant(t, &p.source))
	}
	var all []uint32
	var refs [][]byte
	for i := range p.funcs {
		all = append(all, uint32(i))
		refs = append(refs, U32(uint32(i)))
	}
	p.Elem(1, all...)
	p.ElemRaw(Cat([]byte{1, 0}, Vec(refs...)))
	p.Data(int32(p.n(256)), []byte("an active segment"))
	p.DataRaw(Cat([]byte{1}, U32(5), []byte("later")))
	p.DataCount()
}

// edges are the numbers where instructions change what they do, as bits: i32, i64, f32, f64.
var edges = map[byte][]uint64{
	I32: {0, 1, 0xffff_ffff, 0x7fff_ffff, 0x8000_0000, 0xffff, 0x10000, 32},
	I64: {0, 1, 1<<64 - 1, 1<<63 - 1, 1 << 63, 1 << 32, 64, 0xffff_ffff},
	F32: {0, 0x3f80_0000, 0x8000_0000, 0x4f00_0000, 0x0000_0001, 0xcf00_0001, 0x5f00_0000, 0x7f80_0000, 0xff80_0000, 0x7fa0_0001, 0xffc0_0000},
	F64: {0, 0x3ff0 << 48, 1 << 63, 0x41e0 << 48, 1, 0xc1e0_0000_0020_0000, 0x43e0 << 48, 0x7ff0 << 48, 0xfff0 << 48, 0x7ff4_0000_0000_0001, 0xfff8 << 48},
}

// finite are so many of the floats among them, the first.
const finite = 7

// constant is a const instruction: of an edge, or of a small number.
func (p *program) constant(t byte, s *source) Code {
	v := uint64(s.n(256))
	e := edges[t]
	if !p.nans {
		e = e[:finite]
	}
	if s.n(2) == 1 {
		v = e[v%uint64(len(e))]
	}
	switch t {
	case I32:
		return Code{}.I32Const(int32(v))
	case I64:
		return Code{}.I64Const(int64(v))
	case F32:
		return Code{}.Raw(0x43, byte(v), byte(v>>8), byte(v>>16), byte(v>>24))
	}
	return Code{}.Raw(0x44, byte(v), byte(v>>8), byte(v>>16), byte(v>>24), byte(v>>32), byte(v>>40), byte(v>>48), byte(v>>56))
}

func (p *program) function(i int, choices source) {
	f := p.funcs[i]
	w := &writer{program: p, source: choices, self: i, locals: bytes.Clone(f.params), labels: [][]byte{f.results}}
	var runs []Local
	for _, t := range numbers {
		w.locals = append(w.locals, bytes.Repeat([]byte{t}, f.locals)...)
		runs = append(runs, Local{uint32(f.locals), t})
	}
	runs = append(runs, Local{counters, I32})
	for len(w.source) > 0 {
		w.statement()
	}
	w.finish(f.results)
	p.Func(f.params, f.results, runs, w.code)
}
