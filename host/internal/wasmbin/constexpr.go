package wasmbin

// ConstOp is the instruction of a constant expression.
type ConstOp byte

// The instructions that may make up a constant expression.
const (
	ConstI32       ConstOp = 0x41
	ConstI64       ConstOp = 0x42
	ConstF32       ConstOp = 0x43
	ConstF64       ConstOp = 0x44
	ConstGlobalGet ConstOp = 0x23
	ConstRefNull   ConstOp = 0xd0
	ConstRefFunc   ConstOp = 0xd2
	ConstV128      ConstOp = 0xfd
)

// ConstExpr is a constant expression of core WebAssembly 2.0, which is one instruction.
type ConstExpr struct {
	Op     ConstOp
	Index  uint32 // of the global or function
	Value  int64  // of an integer constant
	Offset int    // of the instruction
}

// ConstExpr reads one instruction and its end.
func (r *Reader) ConstExpr() ConstExpr {
	e := ConstExpr{Offset: r.Offset()}
	start := r.pos
	e.Op = ConstOp(r.Byte())
	switch e.Op {
	case ConstI32:
		e.Value = r.Signed(32)
	case ConstI64:
		e.Value = r.Signed(64)
	case ConstF32:
		r.Bytes(4)
	case ConstF64:
		r.Bytes(8)
	case ConstGlobalGet, ConstRefFunc:
		e.Index = r.U32()
	case ConstRefNull:
		r.RefType()
	case ConstV128:
		if sub := r.U32(); sub != 12 {
			r.fail(BadOpcode, start, uint64(sub), 0, "vector instruction %d is not constant", sub)
		}
		r.Bytes(16)
	default:
		r.fail(BadOpcode, start, uint64(e.Op), 0, "instruction 0x%02x is not constant", byte(e.Op))
	}
	if end := r.Byte(); r.err == nil && end != 0x0b {
		r.fail(BadOpcode, r.pos-1, uint64(end), 0, "constant expression goes on with 0x%02x after its one instruction", end)
	}
	return e
}

// Reference and vector types; the numeric ones are those of the ABI.
const (
	TypeV128      byte = 0x7b
	TypeFuncRef   byte = 0x70
	TypeExternRef byte = 0x6f
)

// IsValType reports whether t is a value type of core WebAssembly 2.0.
func IsValType(t byte) bool {
	return t >= TypeV128 && t <= 0x7f || t == TypeFuncRef || t == TypeExternRef
}

// ValType reads a value type.
func (r *Reader) ValType() byte {
	start := r.pos
	t := r.Byte()
	if r.err == nil && !IsValType(t) {
		r.fail(BadFlags, start, uint64(t), 0, "0x%02x is no value type", t)
	}
	return t
}

// RefType reads funcref or externref.
func (r *Reader) RefType() byte {
	start := r.pos
	t := r.Byte()
	if r.err == nil && t != TypeFuncRef && t != TypeExternRef {
		r.fail(BadFlags, start, uint64(t), 0, "0x%02x is no reference type", t)
	}
	return t
}
