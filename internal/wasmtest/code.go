package wasmtest

// Value types, and the types of blocks.
const (
	I32       byte = 0x7f
	I64       byte = 0x7e
	F32       byte = 0x7d
	F64       byte = 0x7c
	V128      byte = 0x7b
	FuncRef   byte = 0x70
	ExternRef byte = 0x6f
	Void      byte = 0x40
)

// Opcodes that test modules use; any other is a byte for [Code.Op].
const (
	OpUnreachable byte = 0x00
	OpNop         byte = 0x01
	OpElse        byte = 0x05
	OpEnd         byte = 0x0b
	OpReturn      byte = 0x0f
	OpDrop        byte = 0x1a
	OpSelect      byte = 0x1b

	OpI32Load   byte = 0x28
	OpI64Load   byte = 0x29
	OpI32Load8U byte = 0x2d
	OpI32Store  byte = 0x36
	OpI64Store  byte = 0x37
	OpI32Store8 byte = 0x3a

	OpI32Eqz byte = 0x45
	OpI32Eq  byte = 0x46
	OpI32Ne  byte = 0x47
	OpI32LtU byte = 0x49
	OpI32GtU byte = 0x4b

	OpI32Add  byte = 0x6a
	OpI32Sub  byte = 0x6b
	OpI32Mul  byte = 0x6c
	OpI32DivU byte = 0x6e
	OpI32And  byte = 0x71
	OpI32Or   byte = 0x72
	OpI32Shl  byte = 0x74
	OpI32ShrU byte = 0x76

	OpI64Add byte = 0x7c
	OpI64Or  byte = 0x84
	OpI64Shl byte = 0x86

	OpI32WrapI64    byte = 0xa7
	OpI64ExtendI32U byte = 0xad
)

// Code is a sequence of instructions. Its methods append one and return the longer sequence:
// Code{}.LocalGet(0).I32Const(1).Op(OpI32Add). Each copies, so that two sequences may grow from one; for very long bodies
// use [Code.Raw] with bytes made in one piece.
type Code []byte

func (c Code) add(parts ...[]byte) Code { return Code(Cat(append([][]byte{c}, parts...)...)) }

// Op appends instructions without immediates.
func (c Code) Op(ops ...byte) Code { return c.add(ops) }

// Raw appends bytes as they are.
func (c Code) Raw(b ...byte) Code { return c.add(b) }

// I32Const appends i32.const v; write addresses above 2^31 as their negative counterpart.
func (c Code) I32Const(v int32) Code { return c.add([]byte{0x41}, S32(v)) }

// I64Const appends i64.const v.
func (c Code) I64Const(v int64) Code { return c.add([]byte{0x42}, S64(v)) }

// LocalGet appends local.get i.
func (c Code) LocalGet(i uint32) Code { return c.add([]byte{0x20}, U32(i)) }

// LocalSet appends local.set i.
func (c Code) LocalSet(i uint32) Code { return c.add([]byte{0x21}, U32(i)) }

// LocalTee appends local.tee i.
func (c Code) LocalTee(i uint32) Code { return c.add([]byte{0x22}, U32(i)) }

// GlobalGet appends global.get i.
func (c Code) GlobalGet(i uint32) Code { return c.add([]byte{0x23}, U32(i)) }

// GlobalSet appends global.set i.
func (c Code) GlobalSet(i uint32) Code { return c.add([]byte{0x24}, U32(i)) }

// Mem appends a load or store with alignment 2^align and a constant offset.
func (c Code) Mem(op byte, align, offset uint32) Code {
	return c.add([]byte{op}, U32(align), U32(offset))
}

// Call appends call f.
func (c Code) Call(f uint32) Code { return c.add([]byte{0x10}, U32(f)) }

// CallIndirect appends call_indirect with a type and table 0.
func (c Code) CallIndirect(typ uint32) Code {
	return c.add([]byte{0x11}, U32(typ), []byte{0})
}

// Block, Loop and If open a construct of the given block type; [Code.End] closes it.
func (c Code) Block(t byte) Code { return c.add([]byte{0x02, t}) }

// Loop appends loop.
func (c Code) Loop(t byte) Code { return c.add([]byte{0x03, t}) }

// If appends if.
func (c Code) If(t byte) Code { return c.add([]byte{0x04, t}) }

// End appends end.
func (c Code) End() Code { return c.add([]byte{OpEnd}) }

// Br appends br to label l.
func (c Code) Br(l uint32) Code { return c.add([]byte{0x0c}, U32(l)) }

// BrIf appends br_if to label l.
func (c Code) BrIf(l uint32) Code { return c.add([]byte{0x0d}, U32(l)) }

// MemorySize appends memory.size.
func (c Code) MemorySize() Code { return c.add([]byte{0x3f, 0}) }

// MemoryGrow appends memory.grow.
func (c Code) MemoryGrow() Code { return c.add([]byte{0x40, 0}) }

// TableGrow appends table.grow 0.
func (c Code) TableGrow() Code { return c.add([]byte{0xfc, 0x0f, 0}) }

// RefNull appends ref.null of a reference type.
func (c Code) RefNull(t byte) Code { return c.add([]byte{0xd0, t}) }

// Result appends what turns an address and a length, given as code that leaves one i32 each, into the i64 of a role call.
func (c Code) Result(ptr, length Code) Code {
	c = c.add(ptr).Op(OpI64ExtendI32U).I64Const(32).Op(OpI64Shl)
	return c.add(length).Op(OpI64ExtendI32U, OpI64Or)
}
