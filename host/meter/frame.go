package meter

import "math"

const (
	// minFrame is the least that a function takes of the depth, in slots: engines keep more in a frame than operands.
	minFrame = 32

	// spillsPerSlot is how many values make a slot that may all be alive during a call, for compilers move what has no effect to
	// where it is used, or out of loops. A slot is 64 bytes of the smallest stack that an engine has, 8 values; but the
	// engine looks at its stack at the entry of a function before the meter can, so one frame more than the slots allow must fit.
	spillsPerSlot = 6

	// mergesPerSlot is the same for the values that come together at constructs. Engines that have little stack give those of
	// one local one place.
	mergesPerSlot = 128

	// maxUnchecked is the fuel that a function may burn from one check to the next start of a block without another one.
	// It bounds what many functions that return to each other burn unseen.
	maxUnchecked = 1000

	// maxSmall is the most that a function may burn in all to go without a check. Together with maxUnchecked it bounds what
	// is burnt unseen by calling such functions: each call counts 10 in the caller.
	maxSmall = 100
)

// frameOf is the slots of a function with so many locals and operands, values that instructions give, and constructs.
func frameOf(variables, values, constructs uint32) uint32 {
	merges := uint64(constructs) * uint64(variables) / mergesPerSlot
	return uint32(min(max(minFrame, uint64(variables)+uint64(values/spillsPerSlot)+merges), math.MaxInt32))
}

// small reports whether a body goes without a check of fuel.
func (sc *scan) small() bool {
	if !sc.bounded {
		return false
	}
	sum := int64(0)
	for _, e := range sc.edits {
		if e.kind == blockStart {
			sum += e.n
		}
	}
	return sum <= maxSmall
}

// enter charges the first block and the frame. A function that calls nothing has its frame on the stack for its own time
// only, so it gives nothing back: it only looks whether the frame fits, and not even that if it is of the smallest size.
func (rw *rewriter) enter(dst []byte, sc *scan) []byte {
	if n := sc.edits[0].n; n != 0 {
		dst = rw.ops.charge(dst, n)
	}
	switch {
	case sc.calls:
		dst = rw.ops.moveDepth(dst, -int32(sc.frame))
		dst = append(append(dst, rw.ops.checkDepth...), rw.ops.check...)
		return rw.appendBlock(dst, sc.results)
	case sc.frame > minFrame:
		dst = append(dst, rw.ops.getDepth...)
		dst = append(appendS64(append(dst, opI32Const), int64(sc.frame)), opI32LtS, opIf, noResult, opI32Const, 0x7f)
		dst = append(append(dst, rw.ops.setDepth...), opUnreachable, opEnd)
	}
	if !sc.small() {
		dst = append(dst, rw.ops.check...)
	}
	return dst
}

// appendBlock opens a block with the results of a function.
func (rw *rewriter) appendBlock(dst, results []byte) []byte {
	dst = append(dst, opBlock)
	switch len(results) {
	case 0:
		return append(dst, noResult)
	case 1:
		return append(dst, results[0])
	}
	return appendS64(dst, int64(rw.typeIndex(nil, results)))
}
