package meter

import (
	"encoding/binary"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host/internal/wasmop"
)

// The specification leaves open which NaN an arithmetic instruction gives, and processors differ. What a guest can see of it
// is made the same: the positive NaN with the highest bit of its fraction set and no other.
const (
	nanBits32 = 0x7fc00000
	nanBits64 = 0x7ff8000000000000
)

// canonical settles the result of the instruction before the current one, unless the current one takes it and makes
// nothing of its bits: comparisons, conversions to integers, and whatever gives a settled result itself.
func (sc *scan) canonical() {
	kind, temp := nan32, 1
	if sc.nan == abi.F64 {
		kind, temp = nan64, 2
	}
	at := sc.nanAt
	sc.nan = 0
	if i := sc.r.Info; i.Flags.Has(wasmop.NaN|wasmop.Trunc) || sc.r.Op >= firstCompare && sc.r.Op <= lastCompare {
		return
	}
	sc.temps[temp].used = true
	sc.edits = append(sc.edits, edit{kind: kind, at: at})
}

// f32.eq … f64.ge
const (
	firstCompare wasmop.Op = 0x5b
	lastCompare  wasmop.Op = 0x66
)

// appendCanonical32 appends: x = x == x ? x : NaN, by way of a local.
func appendCanonical32(dst []byte, local uint32) []byte {
	dst = appendIndexed(dst, opLocalTee, local)
	dst = binary.LittleEndian.AppendUint32(append(dst, opF32Const), nanBits32)
	dst = appendIndexed(appendIndexed(dst, opLocalGet, local), opLocalGet, local)
	return append(dst, opF32Eq, opSelect)
}

func appendCanonical64(dst []byte, local uint32) []byte {
	dst = appendIndexed(dst, opLocalTee, local)
	dst = binary.LittleEndian.AppendUint64(append(dst, opF64Const), nanBits64)
	dst = appendIndexed(appendIndexed(dst, opLocalGet, local), opLocalGet, local)
	return append(dst, opF64Eq, opSelect)
}

// temp is the number of an added local.
func (sc *scan) temp(typ abi.ValType) uint32 {
	n := sc.locals
	for _, t := range sc.temps {
		if t.typ == typ {
			break
		}
		if t.used {
			n++
		}
	}
	return n
}
