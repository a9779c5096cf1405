package meter

import (
	"fmt"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host/internal/wasmbin"
	"github.com/iprt/iprt/host/internal/wasmop"
)

// code rewrites the code section. Each body is read once, by [scan], which notes what is to change and where; then the body
// is copied with the changes.
func (rw *rewriter) code() ([]byte, error) {
	s := rw.sections[wasmbin.Code]
	if s.Body == nil {
		return nil, nil
	}
	bodies := wasmop.NewBodies(s)
	if n := len(rw.funcs) - int(rw.imported); bodies.Len() != n {
		return nil, fmt.Errorf("meter: %d function bodies for %d functions", bodies.Len(), n)
	}
	sc := newScan(rw)
	var body []byte
	out := make([]byte, 0, len(s.Body)*2)
	for _, typ := range rw.funcs[rw.imported:] {
		if !bodies.Next() {
			return nil, fmt.Errorf("meter: %w", bodies.Err())
		}
		old, at := bodies.Body()
		if err := sc.body(old, at, typ); err != nil {
			return nil, fmt.Errorf("meter: %w", err)
		}
		body = rw.body(body[:0], old, sc)
		out = append(wasmbin.AppendU32(out, uint32(len(body))), body...)
	}
	n := len(rw.funcs) - int(rw.imported) + len(rw.added.funcs)
	return concat(wasmbin.AppendU32(nil, uint32(n)), out, rw.added.bodies), nil
}

// body appends the new form of a body to dst.
//
//	locals, and those that are added
//	charge of the first block, of the frame, and their checks
//	block                      the two lines and the last one only in functions that call
//	  the old body, with return as a branch to here
//	end
//	giving back the frame
//	end
func (rw *rewriter) body(dst, old []byte, sc *scan) []byte {
	dst = rw.appendLocals(dst, old, sc)
	dst = rw.enter(dst, sc)
	last := len(old) - 1 // the end of the function
	dst = rw.edit(dst, old[:last], sc)
	if sc.calls {
		dst = append(dst, opEnd)
		dst = rw.ops.moveDepth(dst, int32(sc.frame))
	}
	return append(dst, opEnd)
}

// appendLocals copies the runs of locals, and adds those that the body needs for what is done to its results.
func (rw *rewriter) appendLocals(dst, old []byte, sc *scan) []byte {
	r := wasmbin.NewReader(old, 0)
	runs := r.U32()
	added := uint32(0)
	for _, t := range sc.temps {
		if t.used {
			added++
		}
	}
	dst = wasmbin.AppendU32(dst, runs+added)
	dst = append(dst, old[r.Offset():sc.codeAt]...)
	for _, t := range sc.temps {
		if t.used {
			dst = append(dst, 1, byte(t.typ))
		}
	}
	return dst
}

// edit copies the instructions with the changes that the scan asked for.
func (rw *rewriter) edit(dst, old []byte, sc *scan) []byte {
	pos := sc.codeAt
	unchecked := int64(0) // fuel charged since the last check, in the order of the code
	for _, e := range sc.edits[1:] {
		dst = append(dst, old[pos:e.at]...)
		pos = e.at + e.skip
		switch e.kind {
		case blockStart, loopStart:
			if e.n != 0 {
				dst = rw.ops.charge(dst, e.n)
			}
			if unchecked += e.n; e.kind == loopStart || unchecked > maxUnchecked {
				dst = append(dst, rw.ops.check...)
				unchecked = 0
			}
		case call:
			dst = appendIndexed(dst, opCall, uint32(e.n))
		case refFunc:
			dst = appendIndexed(dst, opGlobalGet, uint32(e.n))
		case memoryInit:
			dst = append(wasmbin.AppendU32(append(dst, 0xfc, 8), uint32(e.n)), 0)
		case leave:
			if sc.calls {
				dst = appendIndexed(dst, byte(wasmop.Br), uint32(e.n))
			} else {
				dst = append(dst, opReturn)
			}
		case bulk:
			dst = rw.ops.chargeLength(dst, sc.temp(abi.I32), e.n)
			unchecked = 0
		case nan32:
			dst = appendCanonical32(dst, sc.temp(abi.F32))
		case nan64:
			dst = appendCanonical64(dst, sc.temp(abi.F64))
		}
	}
	return append(dst, old[pos:]...)
}
