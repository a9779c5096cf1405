package abi

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"unicode/utf8"
)

// TableWriter builds a token table record by record, in document order. The
// zero value is ready. The first mistake (a second root, an unclosed container,
// a key that is not a string, invalid UTF-8, a float or offset that no table
// may hold) is kept and returned by [TableWriter.Finish]; what follows it is
// ignored. A writer is for one goroutine and may be reused after Reset.
//
//	w.BeginMap(abi.MapUnordered)
//	w.String("name")
//	w.StringRef(off, n) // bytes off..off+n of the input block
//	w.End()
//	table, err := w.Finish()
type TableWriter struct {
	blob  []byte // header and records; the heap is appended by Finish
	heap  []byte
	open  []openContainer
	root  bool // the root has been written
	count uint32
	err   error
}

// An openContainer is a list or map whose count and end are not known yet.
type openContainer struct {
	record uint32 // its own index
	items  uint32 // records directly in it
	isMap  bool
}

// Reset forgets everything and keeps the memory. A table that Finish gave
// before is overwritten by what is written next.
func (w *TableWriter) Reset() {
	w.blob, w.heap, w.open = w.blob[:0], w.heap[:0], w.open[:0]
	w.root, w.count, w.err = false, 0, nil
}

// Grow makes room for a number of further records and bytes of heap, which
// saves memory when they are known. It is never needed.
func (w *TableWriter) Grow(records, heap int) {
	if len(w.blob) == 0 {
		w.blob = append(slices.Grow(w.blob, TableHeaderSize+records*RecordSize+heap), make([]byte, TableHeaderSize)...)
	}
	w.blob = slices.Grow(w.blob, records*RecordSize+heap)
	w.heap = slices.Grow(w.heap, heap)
}

// Err gives the first mistake so far.
func (w *TableWriter) Err() error { return w.err }

// Len is the number of records so far.
func (w *TableWriter) Len() int { return int(w.count) }

// fail keeps the first error.
func (w *TableWriter) fail(format string) {
	if w.err == nil {
		w.err = &Error{Status: StatusInvalid, Text: "token table: " + format}
	}
}

// add appends one record and counts it in its parent.
func (w *TableWriter) add(k Kind, flags uint8, n uint32, v uint64) {
	if w.err != nil {
		return
	}
	switch d := len(w.open); {
	case d == 0 && w.root:
		w.fail("more than one root")
		return
	case d == 0:
		w.root = true
	default:
		p := &w.open[d-1]
		if p.isMap && p.items%2 == 0 && k != KindString {
			w.fail("a map key is a " + k.String() + ", not a string")
			return
		}
		p.items++
	}
	if len(w.blob) == 0 {
		w.Grow(0, 0)
	}
	if w.count == math.MaxUint32 {
		w.fail("too many records")
		return
	}
	w.count++
	w.blob = append(w.blob, byte(k), flags, 0, 0)
	w.blob = binary.LittleEndian.AppendUint32(w.blob, n)
	w.blob = binary.LittleEndian.AppendUint64(w.blob, v)
}

// Null writes null.
func (w *TableWriter) Null() { w.add(KindNull, 0, 0, 0) }

// Bool writes false or true.
func (w *TableWriter) Bool(b bool) {
	var v uint64
	if b {
		v = 1
	}
	w.add(KindBool, 0, 0, v)
}

// Int writes an integer, as uint or nint by its sign.
func (w *TableWriter) Int(i int64) {
	if i < 0 {
		w.NegInt(^uint64(i))
		return
	}
	w.Uint(uint64(i))
}

// Uint writes an integer ≥ 0.
func (w *TableWriter) Uint(v uint64) { w.add(KindUint, 0, 0, v) }

// NegInt writes the integer −1−v, which is how integers below −2^63 are said.
func (w *TableWriter) NegInt(v uint64) { w.add(KindNint, 0, 0, v) }

// Float writes a float. Every NaN becomes [CanonicalNaN].
func (w *TableWriter) Float(f float64) {
	bits := math.Float64bits(f)
	if f != f {
		bits = CanonicalNaN
	}
	w.add(KindFloat, 0, 0, bits)
}

// String writes a string into the heap.
func (w *TableWriter) String(s string) {
	if !utf8.ValidString(s) {
		w.fail("string is not valid UTF-8")
		return
	}
	w.heap = append(w.heap, s...)
	w.added(KindString, len(s))
}

// Bytes writes bytes into the heap.
func (w *TableWriter) Bytes(b []byte) {
	w.heap = append(w.heap, b...)
	w.added(KindBytes, len(b))
}

// Link writes a binary CID into the heap. The CID is not parsed here; the host
// refuses the table if it is not one.
func (w *TableWriter) Link(cid []byte) {
	w.heap = append(w.heap, cid...)
	w.added(KindLink, len(cid))
}

// added writes the record of the n bytes that were just appended to the heap.
func (w *TableWriter) added(k Kind, n int) {
	if uint64(len(w.heap)) > math.MaxUint32 {
		w.fail("heap of 4 GiB or more")
		return
	}
	w.add(k, FlagHeap, uint32(n), uint64(len(w.heap)-n))
}

// StringRef writes the string at bytes off..off+n of the input block, which
// must be valid UTF-8 there. In an encode table there is no input block.
func (w *TableWriter) StringRef(off, n int) { w.ref(KindString, off, n) }

// BytesRef writes the bytes at off..off+n of the input block.
func (w *TableWriter) BytesRef(off, n int) { w.ref(KindBytes, off, n) }

// LinkRef writes the binary CID at off..off+n of the input block.
func (w *TableWriter) LinkRef(off, n int) { w.ref(KindLink, off, n) }

func (w *TableWriter) ref(k Kind, off, n int) {
	if off < 0 || n < 0 || uint64(off) > math.MaxUint32 || uint64(n) > math.MaxUint32 {
		w.fail("reference outside the block")
		return
	}
	w.add(k, 0, uint32(n), uint64(off))
}

// BeginList opens a list; what follows up to End is in it.
func (w *TableWriter) BeginList() { w.begin(KindList, 0) }

// BeginMap opens a map; what follows up to End is key, value, key, value. The
// host refuses the table if the keys are not in the order promised.
func (w *TableWriter) BeginMap(o MapOrder) { w.begin(KindMap, uint8(o)) }

func (w *TableWriter) begin(k Kind, flags uint8) {
	index := w.count
	if len(w.open) == MaxDepth {
		if w.err == nil {
			w.err = &Error{Status: StatusLimit, Text: "token table: nested deeper than 1024"}
		}
		return
	}
	if w.add(k, flags, 0, 0); w.err == nil {
		w.open = append(w.open, openContainer{record: index, isMap: k == KindMap})
	}
}

// End closes the container that was opened last.
func (w *TableWriter) End() {
	if w.err != nil {
		return
	}
	if len(w.open) == 0 {
		w.fail("End without Begin")
		return
	}
	c := w.open[len(w.open)-1]
	w.open = w.open[:len(w.open)-1]
	n := c.items
	if c.isMap {
		if n%2 != 0 {
			w.fail("a map ends with a key that has no value")
			return
		}
		n /= 2
	}
	rec := w.blob[TableHeaderSize+int(c.record)*RecordSize:]
	binary.LittleEndian.PutUint32(rec[RecordNAt:], n)
	binary.LittleEndian.PutUint64(rec[RecordValueAt:], uint64(w.count))
}

// Finish gives the table, or the first mistake. The table shares memory with
// the writer and is valid until Reset.
func (w *TableWriter) Finish() ([]byte, error) {
	switch {
	case w.err != nil:
		return nil, w.err
	case !w.root:
		w.fail("empty")
		return nil, w.err
	case len(w.open) > 0:
		w.fail("a container is still open")
		return nil, w.err
	}
	heapOff := uint64(len(w.blob))
	if heapOff+uint64(len(w.heap)) > math.MaxUint32 {
		return nil, &Error{Status: StatusLimit, Text: "token table: 4 GiB or more"}
	}
	le := binary.LittleEndian
	le.PutUint32(w.blob[TableMagicAt:], TableMagic)
	le.PutUint32(w.blob[TableRecordsAt:], w.count)
	le.PutUint32(w.blob[TableRecordsOffAt:], TableHeaderSize)
	le.PutUint32(w.blob[TableHeapOffAt:], uint32(heapOff))
	le.PutUint32(w.blob[TableHeapLenAt:], uint32(len(w.heap)))
	if len(w.heap) > 0 {
		w.blob = append(w.blob, w.heap...)
		blob := w.blob
		w.blob = w.blob[:heapOff]
		return blob, nil
	}
	return w.blob, nil
}

// KeyOrder gives an order that holds for the keys as they come: length-first if
// they are so ordered, else bytewise if they are, else none. It is for guests
// that do not know the order of what they write.
func KeyOrder(keys [][]byte) MapOrder {
	byteOrder, lenOrder := true, true
	for i := 1; i < len(keys) && (byteOrder || lenOrder); i++ {
		a, b := keys[i-1], keys[i]
		c := bytes.Compare(a, b)
		byteOrder = byteOrder && c < 0
		lenOrder = lenOrder && (len(a) < len(b) || len(a) == len(b) && c < 0)
	}
	switch {
	case lenOrder:
		return MapLengthFirst
	case byteOrder:
		return MapBytewise
	}
	return MapUnordered
}
