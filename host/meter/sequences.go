package meter

import (
	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host/internal/wasmbin"
	"github.com/iprt/iprt/host/internal/wasmop"
)

// Instructions of the code that is added.
const (
	opUnreachable = byte(wasmop.Unreachable)
	opElse        = byte(wasmop.Else)
	opBlock       = byte(wasmop.Block)
	opIf          = byte(wasmop.If)
	opEnd         = byte(wasmop.End)
	opReturn      = byte(wasmop.Return)
	opCall        = byte(wasmop.Call)
	opSelect      = byte(wasmop.Select)
	opLocalGet    = byte(wasmop.LocalGet)
	opLocalTee    = byte(wasmop.LocalTee)
	opGlobalGet   = byte(wasmop.GlobalGet)
	opGlobalSet   = byte(wasmop.GlobalSet)
	opMemorySize  = byte(wasmop.MemorySize)
	opMemoryGrow  = byte(wasmop.MemoryGrow)
	opI32Const    = byte(wasmop.I32Const)
	opI64Const    = byte(wasmop.I64Const)
	opF32Const    = byte(wasmop.F32Const)
	opF64Const    = byte(wasmop.F64Const)

	opI32Eq      byte = 0x46
	opI32LtS     byte = 0x48
	opI64GeS     byte = 0x59
	opI64GtU     byte = 0x56
	opF32Eq      byte = 0x5b
	opF64Eq      byte = 0x61
	opI32Add     byte = 0x6a
	opI32Or      byte = 0x72
	opI64Add     byte = 0x7c
	opI64Sub     byte = 0x7d
	opI64Mul     byte = 0x7e
	opI64ExtendU byte = 0xad

	noResult byte = 0x40
)

var (
	i64s = []byte{byte(abi.I64)}
	i32s = []byte{byte(abi.I32)}
)

// sequences has the pieces of code that are added, as far as they are the same all over a module.
type sequences struct {
	getFuel, setFuel   []byte
	getDepth, setDepth []byte
	memoryLimit        []byte
	tableLimit         []byte

	// check: fuel below 0 gives the next slice, or a trap. The usual way comes first, and is empty: compilers that lay out code as
	// it stands, and give registers in that order, make it half as expensive as a test for the rare case.
	check      []byte
	checkDepth []byte // depth below 0: a trap
	gaveOut    []byte // the end, because the engine has no memory
}

func newSequences(globals, slice uint32, flavour Flavour) sequences {
	get := func(i uint32) []byte { return appendIndexed(nil, opGlobalGet, globals+i) }
	set := func(i uint32) []byte { return appendIndexed(nil, opGlobalSet, globals+i) }
	s := sequences{
		getFuel: get(fuelGlobal), setFuel: set(fuelGlobal),
		getDepth: get(depthGlobal), setDepth: set(depthGlobal),
		memoryLimit: get(memoryGlobal), tableLimit: get(tableGlobal),
	}
	refill := []byte{opUnreachable}
	s.gaveOut = appendS64([]byte{opI64Const}, MemoryGaveOut)
	if flavour == Slices {
		next := appendIndexed(nil, opCall, slice)
		refill = concat(s.getFuel, next, s.setFuel)
		s.gaveOut = concat(s.gaveOut, next, []byte{byte(wasmop.Drop), opUnreachable})
	} else {
		s.gaveOut = concat(s.gaveOut, s.setFuel, []byte{opUnreachable})
	}
	s.check = concat(s.getFuel, []byte{opI64Const, 0, opI64GeS, opIf, noResult, opElse}, refill, []byte{opEnd})
	s.checkDepth = concat(s.getDepth, []byte{opI32Const, 0, opI32LtS, opIf, noResult, opUnreachable, opEnd})
	return s
}

// charge takes n from the fuel.
func (s *sequences) charge(dst []byte, n int64) []byte {
	dst = append(dst, s.getFuel...)
	dst = appendS64(append(dst, opI64Const), n)
	return append(append(dst, opI64Sub), s.setFuel...)
}

// chargeLength takes from the fuel the product of n and what is on top of the stack, an i32; and checks. It leaves the stack
// as it is.
func (s *sequences) chargeLength(dst []byte, local uint32, n int64) []byte {
	dst = appendIndexed(dst, opLocalTee, local)
	dst = append(dst, s.getFuel...)
	dst = append(appendIndexed(dst, opLocalGet, local), opI64ExtendU)
	if n != 1 {
		dst = append(appendS64(append(dst, opI64Const), n), opI64Mul)
	}
	dst = append(append(dst, opI64Sub), s.setFuel...)
	return append(dst, s.check...)
}

// moveDepth gives back n slots, or takes −n.
func (s *sequences) moveDepth(dst []byte, n int32) []byte {
	dst = append(dst, s.getDepth...)
	dst = appendS64(append(dst, opI32Const), int64(n))
	return append(append(dst, opI32Add), s.setDepth...)
}

func appendIndexed(dst []byte, op byte, i uint32) []byte {
	return wasmbin.AppendU32(append(dst, op), i)
}

// appendS64 appends a signed integer in the shortest form.
func appendS64(dst []byte, v int64) []byte {
	for {
		c := byte(v & 0x7f)
		v >>= 7
		if v == 0 && c&0x40 == 0 || v == -1 && c&0x40 != 0 {
			return append(dst, c)
		}
		dst = append(dst, c|0x80)
	}
}

func concat(parts ...[]byte) []byte {
	var out []byte
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}
