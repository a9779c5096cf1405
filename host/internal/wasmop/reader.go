package wasmop

import (
	"encoding/binary"
	"fmt"

	"github.com/iprt/iprt/host/internal/wasmbin"
)

// Reader walks the instructions of one function body. After Next the fields describe the current instruction; they are for
// reading only. The zero value is ready for [Reader.Reset], and one Reader serves any number of bodies.
type Reader struct {
	Op    Op
	Info  *Info
	At    int    // offset of the instruction in the module
	A, B  uint32 // immediates, see Imm
	Value int64  // immediate, see Imm

	b       []byte
	pos     int
	base    int
	start   int // of the instruction in b
	targets int // of the labels of a br_table in b
	runs    uint32
	depth   int
	err     error
}

// Reset starts over with a body: what follows its size, from the count of its runs of locals on. Its first byte is at an
// offset of the module.
func (r *Reader) Reset(body []byte, offset int) {
	*r = Reader{b: body, base: offset, depth: 1}
	r.runs = r.u32()
	if left := uint32(len(r.b) - r.pos); r.err == nil && r.runs > left/2 {
		r.fail(wasmbin.BadCount, 0, uint64(r.runs), uint64(left/2), "claims %d runs of locals where %d bytes follow", r.runs, left)
	}
}

// Local reads the next run of local variables: how many and of what type. It returns false after the last one.
func (r *Reader) Local() (n uint32, typ byte, ok bool) {
	if r.err != nil || r.runs == 0 {
		return 0, 0, false
	}
	r.runs--
	n = r.u32()
	at := r.pos
	typ = r.byte()
	if r.err == nil && !wasmbin.IsValType(typ) {
		r.fail(wasmbin.BadFlags, at, uint64(typ), 0, "0x%02x is no value type", typ)
	}
	return n, typ, r.err == nil
}

// Locals reads all runs of local variables and returns how many variables they are.
func (r *Reader) Locals() uint64 {
	var sum uint64
	for {
		n, _, ok := r.Local()
		if !ok {
			return sum
		}
		sum += uint64(n)
	}
}

// Err is the first error, a *[wasmbin.Error], or nil.
func (r *Reader) Err() error { return r.err }

// End is the offset in the module of what follows the current instruction; before the first, of that.
func (r *Reader) End() int { return r.base + r.pos }

// Raw is the current instruction as it stands in the module, which it aliases.
func (r *Reader) Raw() []byte { return r.b[r.start:r.pos:r.pos] }

// Depth is the number of constructs that are open after the current instruction, the function itself counted; 0 at the end.
func (r *Reader) Depth() int { return r.depth }

// Next advances to the next instruction. It returns false after the end that closes the function, and after an error.
// Locals that have not been read are skipped.
func (r *Reader) Next() bool {
	if r.runs > 0 {
		r.Locals()
	}
	if r.err != nil || r.depth == 0 {
		return false
	}
	if r.pos >= len(r.b) {
		r.fail(wasmbin.BadBodyEnd, r.pos, 0, 0, "the function body does not finish with the instruction end")
		return false
	}
	r.start, r.At = r.pos, r.base+r.pos
	c := r.b[r.pos]
	r.pos++
	r.Op, r.Info = Op(c), &core[c]
	if c >= 0xfc {
		r.prefixed(c)
	}
	switch r.Info.Imm {
	case ImmNone:
		if r.Op == End {
			r.close()
		}
	case ImmLocal, ImmGlobal, ImmLabel, ImmFunc, ImmTable, ImmElem, ImmData:
		if p := r.pos; p < len(r.b) && r.b[p] < 0x80 {
			r.pos++
			r.A = uint32(r.b[p])
			return true
		}
		r.A = r.u32()
	case ImmMem:
		r.A, r.B = r.u32(), r.u32()
	case ImmI32:
		r.Value = r.signed(32)
	case ImmI64:
		r.Value = r.signed(64)
	case ImmBlock:
		r.depth++
		r.Value = r.blockType()
	case immUnknown:
		r.unknown()
	default:
		r.rare()
	}
	return r.err == nil
}

// close counts an end, and after the last one refuses to go on.
func (r *Reader) close() {
	if r.depth--; r.depth == 0 && r.pos != len(r.b) {
		r.fail(wasmbin.BadBodyEnd, r.pos, uint64(len(r.b)-r.pos), 0, "the function body goes on for %d bytes after its end", len(r.b)-r.pos)
	}
}

func (r *Reader) prefixed(prefix byte) {
	group, size := &misc, Op(Misc)
	switch prefix {
	case 0xfc:
	case 0xfd:
		group, size = &simd, SIMD
	default:
		return
	}
	sub := r.u32()
	if sub > 0xff {
		r.Info = &Info{}
		r.Value = int64(sub)
		return
	}
	r.Op, r.Info = size+Op(sub), &group[sub]
}

// unknown reports the current opcode, unless the bytes have run out.
func (r *Reader) unknown() {
	if r.Op < Misc && r.Op != 0xfc && r.Op != 0xfd {
		r.fail(wasmbin.BadInstruction, r.start, uint64(r.Op), 0, "0x%02x is no instruction of core WebAssembly 2.0", uint16(r.Op))
		return
	}
	sub := uint64(r.Op & 0xff)
	if r.Op < Misc {
		sub = uint64(r.Value)
	}
	r.fail(wasmbin.BadInstruction, r.start, sub, 0, "0x%02x %d is no instruction of core WebAssembly 2.0", r.b[r.start], sub)
}

// rare reads the immediates that are seldom.
func (r *Reader) rare() {
	switch r.Info.Imm {
	case ImmLabelTable:
		r.labelTable()
	case ImmTypeTable, ImmTableTable, ImmElemTable:
		r.A, r.B = r.u32(), r.u32()
	case ImmMemory:
		r.zero()
	case ImmMemoryMemory:
		r.zero()
		r.zero()
	case ImmDataMemory:
		r.A = r.u32()
		r.zero()
	case ImmMemLane:
		r.A, r.B = r.u32(), r.u32()
		r.Value = int64(r.byte())
	case ImmLane:
		r.Value = int64(r.byte())
	case ImmF32:
		if b := r.bytes(4); b != nil {
			r.Value = int64(binary.LittleEndian.Uint32(b))
		}
	case ImmF64:
		if b := r.bytes(8); b != nil {
			r.Value = int64(binary.LittleEndian.Uint64(b))
		}
	case ImmV128, ImmShuffle:
		r.bytes(16)
	case ImmSelectTypes:
		r.selectTypes()
	case ImmRefType:
		r.A = uint32(r.byte())
		if t := byte(r.A); r.err == nil && t != wasmbin.TypeFuncRef && t != wasmbin.TypeExternRef {
			r.fail(wasmbin.BadFlags, r.pos-1, uint64(t), 0, "0x%02x is no reference type", t)
		}
	}
}

// blockType reads one byte for none or one result, or a type index that is not negative in 33 bits.
func (r *Reader) blockType() int64 {
	at := r.pos
	if at < len(r.b) && r.b[at] < 0x80 && r.b[at] >= 0x40 {
		r.pos++
		if c := r.b[at]; c != 0x40 && !wasmbin.IsValType(c) {
			r.fail(wasmbin.BadFlags, at, uint64(c), 0, "0x%02x is no type of a block", c)
		}
		return int64(int8(r.b[at]<<1) >> 1)
	}
	v := r.signed(33)
	if v < 0 {
		r.fail(wasmbin.BadInt, at, 0, 0, "a type of a block takes more bytes than it needs, which only a type index may")
	}
	return v
}

func (r *Reader) labelTable() {
	at := r.pos
	r.A = r.u32()
	if left := len(r.b) - r.pos; r.err == nil && uint64(r.A) >= uint64(left) {
		r.fail(wasmbin.BadCount, at, uint64(r.A), uint64(left), "claims %d targets where %d bytes follow", r.A, left)
		return
	}
	r.targets = r.pos
	for n := uint64(r.A) + 1; n > 0 && r.err == nil; n-- {
		r.u32()
	}
}

func (r *Reader) selectTypes() {
	at := r.pos
	r.A = r.u32()
	types := r.bytes(r.A)
	for i, t := range types {
		if !wasmbin.IsValType(t) {
			r.fail(wasmbin.BadFlags, at+1+i, uint64(t), 0, "0x%02x is no value type", t)
			return
		}
		if i == 0 {
			r.B = uint32(t)
		}
	}
}

// zero reads what is the index of a memory in a proposal, and one zero byte without it.
func (r *Reader) zero() {
	if at, c := r.pos, r.byte(); c != 0 {
		r.fail(wasmbin.BadFlags, at, uint64(c), 0, "0x%02x where core WebAssembly 2.0 has a zero byte: there is one memory", c)
	}
}

// Targets are the labels of the current br_table, the default last.
func (r *Reader) Targets() Targets {
	if r.Op != BrTable || r.err != nil {
		return Targets{}
	}
	return Targets{b: r.b[r.targets:r.pos]}
}

// Targets are labels yet to be read.
type Targets struct{ b []byte }

// Next takes the next label; false if there is none.
func (t *Targets) Next() (label uint32, ok bool) {
	if len(t.b) == 0 {
		return 0, false
	}
	v, n := binary.Uvarint(t.b)
	t.b = t.b[n:]
	return uint32(v), true
}

func (r *Reader) fail(f wasmbin.Fault, at int, value, limit uint64, format string, args ...any) {
	if r.err == nil {
		r.err = &wasmbin.Error{Fault: f, Offset: r.base + at, Value: value, Limit: limit, Msg: fmt.Sprintf(format, args...)}
	}
}
