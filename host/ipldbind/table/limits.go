package table

import "github.com/iprt/iprt/abi"

// Limits are absolute caps on top of the ones that the format derives from the length of the block (see the methods).
// The zero value means the defaults.
type Limits struct {
	Records int // most records of one table, default 4 Mi; a view takes 16.5 bytes for each
	Heap    int // most bytes of heap, default 64 MiB
}

const (
	defaultRecords = 4 << 20
	defaultHeap    = 64 << 20
)

// records is the most records that a table for a block of n bytes may have.
func (l Limits) records(n int) int64 {
	limit := int64(defaultRecords)
	if l.Records > 0 {
		limit = int64(l.Records)
	}
	return min(limit, abi.MaxRecordsBase+abi.MaxRecordsPerByte*int64(n))
}

// heap is the most bytes of heap that a table for a block of n bytes may have.
func (l Limits) heap(n int) int64 {
	limit := int64(defaultHeap)
	if l.Heap > 0 {
		limit = int64(l.Heap)
	}
	return min(limit, abi.MaxHeapBase+abi.MaxHeapPerByte*int64(n))
}

// payload is the most bytes that all strings, byte strings and links of a table may have together. Records may
// share bytes, so without this cap a table of a million records could stand for a million copies of the block, which
// whoever checks, hashes or re-encodes it would have to walk.
func payload(block, heap int) int64 {
	return abi.MaxHeapBase + abi.MaxHeapPerByte*int64(block) + int64(heap)
}
