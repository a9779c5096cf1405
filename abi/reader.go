package abi

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Kind says what a record is.
type Kind uint8

// String gives the kind's name, such as "uint", or "invalid".
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return kindNames[0]
}

// MapOrder is what a map record promises about its keys.
type MapOrder uint8

// Record is one record of a token table.
type Record struct {
	Kind  Kind
	Flags uint8
	N     uint32 // bytes, items or entries, by kind
	Value uint64 // by kind
}

// Scalar reports whether nothing follows that belongs to the record.
func (r Record) Scalar() bool { return r.Kind != KindList && r.Kind != KindMap }

// End is the index of the record after the last descendant of a container.
func (r Record) End() int { return int(r.Value) }

// Bool is the value of a bool record.
func (r Record) Bool() bool { return r.Value != 0 }

// Float is the value of a float record.
func (r Record) Float() float64 { return math.Float64frombits(r.Value) }

// Int is the value of a uint or nint record, and whether it fits.
func (r Record) Int() (int64, bool) {
	if r.Value > math.MaxInt64 {
		return 0, false
	}
	if r.Kind == KindNint {
		return ^int64(r.Value), true
	}
	return int64(r.Value), r.Kind == KindUint
}

// TableReader walks a token table by index. It checks every access against the
// bounds of the blob, so it never panics, but it does not validate the whole
// table: a host has done so before a guest sees one. Hosts have a validator of
// their own. A reader is read-only and may be shared by goroutines.
type TableReader struct {
	records []byte // RecordSize each
	heap    []byte
	block   []byte
}

// NewTableReader reads the header of a table. block is what references without
// the heap flag point into; nil in an encode table. The reader aliases both.
func NewTableReader(table, block []byte) (*TableReader, error) {
	if len(table) < TableHeaderSize {
		return nil, tableError("header cut short: %d of %d bytes", len(table), TableHeaderSize)
	}
	u32 := func(off int) uint64 { return uint64(binary.LittleEndian.Uint32(table[off:])) }
	if m := u32(TableMagicAt); m != uint64(TableMagic) {
		return nil, tableError("magic %#x, expected %#x", m, TableMagic)
	}
	if f := u32(TableFlagsAt); f != 0 {
		return nil, tableError("flags %#x, expected 0", f)
	}
	if u32(TableReserved0At) != 0 || u32(TableReserved1At) != 0 {
		return nil, tableError("reserved fields of the header are not 0")
	}
	n, off := u32(TableRecordsAt), u32(TableRecordsOffAt)
	heapOff, heapLen := u32(TableHeapOffAt), u32(TableHeapLenAt)
	end, heapEnd, size := off+n*RecordSize, heapOff+heapLen, uint64(len(table))
	switch {
	case n == 0:
		return nil, tableError("no records")
	case off%8 != 0 || off < TableHeaderSize || end > size:
		return nil, tableError("records at %d..%d of %d bytes", off, end, size)
	case heapLen > 0 && (heapOff < TableHeaderSize || heapEnd > size):
		return nil, tableError("heap at %d..%d of %d bytes", heapOff, heapEnd, size)
	case heapLen > 0 && heapOff < end && off < heapEnd:
		return nil, tableError("heap at %d..%d overlaps records at %d..%d", heapOff, heapEnd, off, end)
	}
	r := &TableReader{records: table[off:end:end], block: block}
	if heapLen > 0 {
		r.heap = table[heapOff:heapEnd:heapEnd]
	}
	return r, nil
}

// Len is the number of records.
func (r *TableReader) Len() int { return len(r.records) / RecordSize }

// At gives record i. It fails outside 0 ≤ i < Len, and on a kind that is not
// in the table of kinds.
func (r *TableReader) At(i int) (Record, error) {
	if i < 0 || i >= r.Len() {
		return Record{}, tableError("record %d of %d", i, r.Len())
	}
	b := r.records[i*RecordSize:]
	rec := Record{
		Kind:  Kind(b[RecordKindAt]),
		Flags: b[RecordFlagsAt],
		N:     binary.LittleEndian.Uint32(b[RecordNAt:]),
		Value: binary.LittleEndian.Uint64(b[RecordValueAt:]),
	}
	if rec.Kind == 0 || int(rec.Kind) >= len(kindNames) {
		return Record{}, tableError("record %d has kind %d", i, rec.Kind)
	}
	if !rec.Scalar() && (rec.Value <= uint64(i) || rec.Value > uint64(r.Len())) {
		return Record{}, tableError("record %d (%s) ends at %d of %d", i, rec.Kind, rec.Value, r.Len())
	}
	return rec, nil
}

// Data gives the bytes of a string, bytes or link record. They alias the table
// or the block.
func (r *TableReader) Data(rec Record) ([]byte, error) {
	if rec.Kind != KindString && rec.Kind != KindBytes && rec.Kind != KindLink {
		return nil, tableError("a %s has no bytes", rec.Kind)
	}
	area, name := r.block, "block"
	if rec.Flags&FlagHeap != 0 {
		area, name = r.heap, "heap"
	}
	end := rec.Value + uint64(rec.N)
	if rec.Value > math.MaxUint32 || end > uint64(len(area)) {
		return nil, tableError("%s at %d..%d of a %s of %d bytes", rec.Kind, rec.Value, end, name, len(area))
	}
	return area[rec.Value:end:end], nil
}

// Next gives the index after record i and everything in it.
func (r *TableReader) Next(i int) (int, error) {
	rec, err := r.At(i)
	if err != nil {
		return 0, err
	}
	if rec.Scalar() {
		return i + 1, nil
	}
	return rec.End(), nil
}

func tableError(format string, args ...any) error {
	return &Error{Status: StatusInvalid, Text: "token table: " + fmt.Sprintf(format, args...)}
}
