package table

import (
	"encoding/binary"

	"github.com/iprt/iprt/abi"
)

// header is the checked header: areas of the table, aliasing it.
type header struct {
	count         uint32
	records, heap []byte
}

func parseHeader(b []byte, block int, limits Limits) (header, error) {
	if len(b) < abi.TableHeaderSize {
		return header{}, headerError("%d bytes, fewer than the %d of a header", len(b), abi.TableHeaderSize)
	}
	word := func(off int) uint32 { return binary.LittleEndian.Uint32(b[off:]) }
	count, recordsOff, heapOff, heapLen := word(abi.TableRecordsAt), word(abi.TableRecordsOffAt), word(abi.TableHeapOffAt), word(abi.TableHeapLenAt)
	recordsEnd := uint64(recordsOff) + abi.RecordSize*uint64(count)
	heapEnd := uint64(heapOff) + uint64(heapLen)
	size := uint64(len(b))
	switch {
	case word(abi.TableMagicAt) != abi.TableMagic:
		return header{}, headerError("magic is %#x, not %#x", word(abi.TableMagicAt), abi.TableMagic)
	case word(abi.TableFlagsAt) != 0:
		return header{}, headerError("unknown flags %#x", word(abi.TableFlagsAt))
	case word(abi.TableReserved0At) != 0 || word(abi.TableReserved1At) != 0:
		return header{}, headerError("reserved words are not 0")
	case count == 0:
		return header{}, headerError("no records")
	case recordsOff%8 != 0 || recordsOff < abi.TableHeaderSize || recordsEnd > size:
		return header{}, headerError("records at %d to %d are not inside the %d bytes after the header, at a multiple of 8", recordsOff, recordsEnd, size)
	}
	if heapLen > 0 && (heapOff < abi.TableHeaderSize || heapEnd > size) {
		return header{}, headerError("heap at %d to %d is not inside the %d bytes after the header", heapOff, heapEnd, size)
	}
	if heapLen > 0 && uint64(heapOff) < recordsEnd && uint64(recordsOff) < heapEnd {
		return header{}, headerError("heap at %d to %d overlaps the records at %d to %d", heapOff, heapEnd, recordsOff, recordsEnd)
	}
	if limit := limits.records(block); int64(count) > limit {
		return header{}, limitError(-1, "%d records, more than the %d allowed for a block of %d bytes", count, limit, block)
	}
	if limit := limits.heap(block); int64(heapLen) > limit {
		return header{}, limitError(-1, "heap of %d bytes, more than the %d allowed for a block of %d bytes", heapLen, limit, block)
	}
	h := header{count: count, records: b[recordsOff:recordsEnd]}
	if heapLen > 0 {
		h.heap = b[heapOff:heapEnd]
	}
	return h, nil
}
