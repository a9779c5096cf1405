// Package wasmop knows the instructions of core WebAssembly 2.0: one table for validator, compile-cost estimate and meter,
// and a reader that walks a function body without allocating.
//
// Start with [Reader]: Reset it to a body, Next to each instruction. [Reader.Info] says what the table has about the
// instruction; [Stack] follows the height of the operand stack beside it. Bodies come from [NewBodies].
//
//	var r wasmop.Reader
//	for r.Reset(body, offset); r.Next(); {
//		if r.Info.Flags.Has(wasmop.Branch) { … }
//	}
//	if err := r.Err(); err != nil { … }
//
// # Trust
//
// The reader trusts nothing: integers have the length that the specification allows, a count is held against the bytes that
// follow, bytes that must be zero are, and the last instruction is the end that closes the function. It does not know
// whether what an instruction refers to exists; [Stack] checks types, functions and labels, and host/validate the rest.
package wasmop

import "github.com/iprt/iprt/abi"

// Op is an opcode: the byte, or [Misc] or [SIMD] plus the number after the prefix.
type Op uint16

// What is added to the numbers of the two groups with a prefix.
const (
	Misc Op = 0x100 // after 0xFC
	SIMD Op = 0x200 // after 0xFD
)

// The opcodes that control flow, and others that code refers to by name.
const (
	Unreachable  Op = 0x00
	Nop          Op = 0x01
	Block        Op = 0x02
	Loop         Op = 0x03
	If           Op = 0x04
	Else         Op = 0x05
	End          Op = 0x0b
	Br           Op = 0x0c
	BrIf         Op = 0x0d
	BrTable      Op = 0x0e
	Return       Op = 0x0f
	Call         Op = 0x10
	CallIndirect Op = 0x11
	Drop         Op = 0x1a
	Select       Op = 0x1b
	SelectT      Op = 0x1c
	LocalGet     Op = 0x20
	LocalSet     Op = 0x21
	LocalTee     Op = 0x22
	GlobalGet    Op = 0x23
	GlobalSet    Op = 0x24
	TableGet     Op = 0x25
	TableSet     Op = 0x26
	MemorySize   Op = 0x3f
	MemoryGrow   Op = 0x40
	I32Const     Op = 0x41
	I64Const     Op = 0x42
	F32Const     Op = 0x43
	F64Const     Op = 0x44
	RefNull      Op = 0xd0
	RefIsNull    Op = 0xd1
	RefFunc      Op = 0xd2
	MemoryInit   Op = Misc + 8
	DataDrop     Op = Misc + 9
	MemoryCopy   Op = Misc + 10
	MemoryFill   Op = Misc + 11
	TableInit    Op = Misc + 12
	ElemDrop     Op = Misc + 13
	TableCopy    Op = Misc + 14
	TableGrow    Op = Misc + 15
	TableSizeOf  Op = Misc + 16
	TableFill    Op = Misc + 17
)

// Info is what the table has about an instruction.
type Info struct {
	Name   string // in the text format
	Imm    Imm
	Pops   uint8       // operands, except with ByType
	Pushes uint8       // results, except with ByType
	Type   abi.ValType // of the result; 0 if there is none or it depends
	Align  uint8       // logarithm of the natural alignment of a memory access; of a lane, of its size
	Weight uint8       // fuel, version 1; bulk operations and grow burn more by length
	Flags  Flags
}

// Flags are properties of an instruction.
type Flags uint16

// The flags.
const (
	ByType       Flags = 1 << iota // pops and pushes depend on a type: control and calls
	Opens                          // starts a nested construct: block, loop, if
	Branch                         // may go to a label: br, br_if, br_table
	Stops                          // what follows in the construct is not reached: br, br_table, return, unreachable
	Calls                          // call, call_indirect
	Load                           // of memory
	Store                          // to memory
	Div                            // division or remainder, of floating point too
	Trunc                          // floating point to integer
	TableOp                        // uses a table or element segment
	ChangesTable                   // writes to a table, or drops an element segment
	Bulk                           // works on a length
	Grow                           // memory.grow, table.grow
	DropsSegment                   // data.drop
	NaN                            // the result may be a NaN whose bits the specification leaves open; Type says of what
	Vector                         // SIMD
)

// Has reports whether f has any flag of g.
func (f Flags) Has(g Flags) bool { return f&g != 0 }

// Imm is the kind of what follows an opcode. The comments say where [Reader] puts it.
type Imm uint8

// The kinds of immediates.
const (
	immUnknown Imm = iota // there is no such instruction
	ImmNone
	ImmBlock        // Value: NoResult, −1 … −5, −16, −17 for one result of the type byte 0x7f … (Value & 0x7f), else type index
	ImmLabel        // A: label
	ImmLabelTable   // A: number of targets without the default; Targets has them all
	ImmFunc         // A: function
	ImmTypeTable    // A: type, B: table
	ImmLocal        // A: local
	ImmGlobal       // A: global
	ImmTable        // A: table
	ImmTableTable   // A: destination, B: source
	ImmElemTable    // A: element segment, B: table
	ImmElem         // A: element segment
	ImmData         // A: data segment
	ImmMemory       // nothing; the byte is 0
	ImmMemoryMemory // nothing; both bytes are 0
	ImmDataMemory   // A: data segment
	ImmMem          // A: logarithm of the alignment, B: offset
	ImmMemLane      // like ImmMem, and Value: lane
	ImmLane         // Value: lane
	ImmI32          // Value
	ImmI64          // Value
	ImmF32          // Value: bits
	ImmF64          // Value: bits
	ImmV128         // nothing; the last 16 bytes of Raw
	ImmShuffle      // nothing; the last 16 bytes of Raw
	ImmSelectTypes  // A: number of types, B: the first of them
	ImmRefType      // A: the type
)

const (
	i32  = abi.I32
	i64  = abi.I64
	f32  = abi.F32
	f64  = abi.F64
	v128 = abi.ValType(0x7b)
)

// NoResult is the Value of a block without parameters and results.
const NoResult int64 = -64

// Lookup finds an opcode in the table.
func Lookup(op Op) (*Info, bool) {
	var i *Info
	switch op >> 8 {
	case 0:
		i = &core[op]
	case 1:
		i = &misc[op&0xff]
	case 2:
		i = &simd[op&0xff]
	default:
		return nil, false
	}
	return i, i.Name != ""
}
