package meter

import (
	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host/internal/wasmbin"
	"github.com/iprt/iprt/host/internal/wasmop"
)

// What instructions burn by a length, besides their weight. The weight of memory.grow and table.grow is 0, and growFuel is
// what they burn if they succeed.
const (
	growFuel    = 100
	byteFuel    = 1                // of a byte that is copied or set
	pageFuel    = wasmbin.PageSize // of a page that is added, as much as for setting it
	elementFuel = 8                // of an element of the table that is copied, set or added
)

// lengthFuel is what a bulk operation burns for each unit of its length.
func lengthFuel(f wasmop.Flags) int64 {
	if f.Has(wasmop.TableOp) {
		return elementFuel
	}
	return byteFuel
}

// memoryGrower is the function that stands for memory.grow. It is rare, and its code long: one copy is enough.
func (rw *rewriter) memoryGrower() uint32 {
	if rw.growMemory == 0 {
		rw.growMemory = rw.addFunc(i32s, i32s, rw.grower(growing{
			params: 1, size: []byte{opMemorySize, 0}, grow: []byte{opLocalGet, 0, opMemoryGrow, 0},
			limit: rw.ops.memoryLimit, most: rw.memoryMax, fuel: pageFuel,
		}))
	}
	return rw.growMemory
}

// tableGrower is the function that stands for table.grow of table i.
func (rw *rewriter) tableGrower(i uint32) uint32 {
	f, ok := rw.growTable[i]
	if !ok {
		t := rw.tables[i]
		f = rw.addFunc([]byte{t.typ, byte(abi.I32)}, i32s, rw.grower(growing{
			params: 2,
			size:   wasmbin.AppendU32([]byte{0xfc, 16}, i),
			grow:   wasmbin.AppendU32([]byte{opLocalGet, 0, opLocalGet, 1, 0xfc, 15}, i),
			limit:  rw.ops.tableLimit, most: t.max, fuel: elementFuel,
		}))
		rw.growTable[i] = f
	}
	return f
}

// growing is what memory and table differ in.
type growing struct {
	params     uint32 // the last is by how much
	size, grow []byte // instructions
	limit      []byte // instruction
	most       uint32 // the maximum
	fuel       int64  // of each page or element
}

// grower is the body of a function that grows:
//
//	if size + n > limit or size + n > maximum: return −1
//	before = grow(n)
//	if before == −1: the engine gave out
//	fuel −= growFuel + n · g.fuel; check
//	return before
func (rw *rewriter) grower(g growing) []byte {
	n, sum, before := g.params-1, g.params, g.params+1
	b := []byte{2, 1, byte(abi.I64), 1, byte(abi.I32)}
	extended := append(appendIndexed(nil, opLocalGet, n), opI64ExtendU)

	b = concat(b, extended, g.size, []byte{opI64ExtendU, opI64Add})
	b = concat(appendIndexed(b, opLocalTee, sum), g.limit, []byte{opI64ExtendU, opI64GtU})
	b = append(appendIndexed(b, opLocalGet, sum), opI64Const)
	b = append(appendS64(b, int64(g.most)), opI64GtU, opI32Or)
	b = append(b, opIf, noResult, opI32Const, 0x7f, opReturn, opEnd)

	b = appendIndexed(concat(b, g.grow), opLocalTee, before)
	b = append(b, opI32Const, 0x7f, opI32Eq, opIf, noResult)
	b = append(concat(b, rw.ops.gaveOut), opEnd)

	b = concat(b, rw.ops.getFuel, extended, []byte{opI64Const})
	b = append(appendS64(b, g.fuel), opI64Mul, opI64Const)
	b = append(appendS64(b, growFuel), opI64Add, opI64Sub)
	b = concat(b, rw.ops.setFuel, rw.ops.check)
	return append(appendIndexed(b, opLocalGet, before), opEnd)
}
