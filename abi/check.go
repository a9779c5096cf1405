package abi

import (
	"bytes"
	"fmt"
	"math"
	"unicode/utf8"
)

// CheckTable reports the first rule of spec/tokens.md that a table breaks, as
// an error of StatusInvalid or StatusLimit. It is the reference for what is
// valid, written to be read: tests of codecs use it, and a host that converts
// tables at speed has to agree with it. block is the input of decode, nil for
// an encode table, in which every reference needs the heap flag.
func CheckTable(table, block []byte) error {
	return checkTable(table, block, block == nil)
}

func checkTable(table, block []byte, encode bool) error {
	r, err := NewTableReader(table, block)
	if err != nil {
		return err
	}
	if !encode {
		if limit := MaxRecordsBase + MaxRecordsPerByte*uint64(len(block)); uint64(r.Len()) > limit {
			return limitError("token table: %d records for a block of %d bytes, limit %d", r.Len(), len(block), limit)
		}
		if limit := MaxHeapBase + MaxHeapPerByte*uint64(len(block)); uint64(len(r.heap)) > limit {
			return limitError("token table: heap of %d bytes for a block of %d bytes, limit %d", len(r.heap), len(block), limit)
		}
	}
	c := checker{r: r, encode: encode, payload: MaxHeapBase + MaxHeapPerByte*uint64(len(block)) + uint64(len(r.heap))}
	for i := range r.Len() {
		if err := c.record(i); err != nil {
			return err
		}
	}
	if len(c.open) > 0 {
		return tableError("record %d is missing: %d containers are not full", r.Len(), len(c.open))
	}
	return nil
}

type checker struct {
	r      *TableReader
	encode bool
	done   bool // the root is complete
	open   []checkedContainer

	payload uint64 // bytes of strings, bytes and links that may still come, unless encode
}

type checkedContainer struct {
	index, end int
	left       uint64 // records still to come directly in it
	isMap      bool
	order      MapOrder
	keys       map[string]struct{} // of an unordered map
	last       []byte              // of an ordered map
	any        bool
}

// record checks record i and closes the containers that end after it.
func (c *checker) record(i int) error {
	rec, err := c.r.At(i)
	if err != nil {
		return err
	}
	if c.r.records[i*RecordSize+RecordReservedAt] != 0 || c.r.records[i*RecordSize+RecordReservedAt+1] != 0 {
		return tableError("record %d: reserved bytes are not 0", i)
	}
	if c.done {
		return tableError("record %d comes after the end of the root", i)
	}
	if len(c.open) > 0 {
		if err := c.child(i, rec); err != nil {
			return err
		}
	}
	if rec.Scalar() {
		if err := c.scalar(i, rec); err != nil {
			return err
		}
	} else if err := c.begin(i, rec); err != nil {
		return err
	}
	return c.closeFull(i + 1)
}

// child counts a record in its parent and checks it if it is a key.
func (c *checker) child(i int, rec Record) error {
	p := &c.open[len(c.open)-1]
	isKey := p.isMap && p.left%2 == 0
	p.left--
	if !isKey {
		return nil
	}
	if rec.Kind != KindString {
		return tableError("record %d: a map key is a %s, not a string", i, rec.Kind)
	}
	key, err := c.r.Data(rec)
	if err != nil {
		return err
	}
	if p.order == MapUnordered {
		if _, twice := p.keys[string(key)]; twice {
			return tableError("record %d: key %.40q is there twice", i, key)
		}
		p.keys[string(key)] = struct{}{}
		return nil
	}
	if p.any && !keyBefore(p.order, p.last, key) {
		return tableError("record %d: key %.40q is not above %.40q", i, key, p.last)
	}
	p.last, p.any = key, true
	return nil
}

func keyBefore(o MapOrder, a, b []byte) bool {
	if o == MapLengthFirst && len(a) != len(b) {
		return len(a) < len(b)
	}
	return bytes.Compare(a, b) < 0
}

func (c *checker) begin(i int, rec Record) error {
	isMap := rec.Kind == KindMap
	if !isMap && rec.Flags != 0 || rec.Flags > uint8(MapLengthFirst) {
		return tableError("record %d: a %s with flags %d", i, rec.Kind, rec.Flags)
	}
	if len(c.open) == MaxDepth {
		return limitError("token table: record %d is nested deeper than %d", i, MaxDepth)
	}
	end, limit := rec.End(), c.r.Len()
	if len(c.open) > 0 {
		limit = c.open[len(c.open)-1].end
	}
	if end > limit {
		return tableError("record %d ends at %d, outside its parent, which ends at %d", i, end, limit)
	}
	left := uint64(rec.N)
	if isMap {
		left *= 2
	}
	if left > uint64(end-i-1) {
		return tableError("record %d: %d children in %d records", i, left, end-i-1)
	}
	o := checkedContainer{index: i, end: end, left: left, isMap: isMap, order: MapOrder(rec.Flags)}
	if isMap && o.order == MapUnordered {
		o.keys = map[string]struct{}{}
	}
	c.open = append(c.open, o)
	return nil
}

// closeFull closes what is complete before record next.
func (c *checker) closeFull(next int) error {
	for len(c.open) > 0 {
		p := c.open[len(c.open)-1]
		switch {
		case p.left == 0 && next == p.end:
			c.open = c.open[:len(c.open)-1]
			continue
		case p.left == 0:
			return tableError("record %d ends at %d, but its children end at %d", p.index, p.end, next)
		case next >= p.end:
			return tableError("record %d ends at %d with %d children missing", p.index, p.end, p.left)
		}
		return nil
	}
	c.done = true
	return nil
}

func (c *checker) scalar(i int, rec Record) error {
	switch rec.Kind {
	case KindString, KindBytes, KindLink:
		return c.data(i, rec)
	}
	ok := rec.Flags == 0 && rec.N == 0
	switch rec.Kind {
	case KindNull:
		ok = ok && rec.Value == 0
	case KindBool:
		ok = ok && rec.Value <= 1
	case KindFloat:
		f := math.Float64frombits(rec.Value)
		ok = ok && (f == f || rec.Value == CanonicalNaN)
	}
	if !ok {
		return tableError("record %d: a %s with flags %d, n %d, value %#x", i, rec.Kind, rec.Flags, rec.N, rec.Value)
	}
	return nil
}

func (c *checker) data(i int, rec Record) error {
	if rec.Flags > FlagHeap || c.encode && rec.Flags != FlagHeap {
		return tableError("record %d: a %s with flags %d", i, rec.Kind, rec.Flags)
	}
	b, err := c.r.Data(rec)
	if err != nil {
		return err
	}
	if !c.encode {
		if uint64(len(b)) > c.payload {
			return limitError("token table: record %d: strings, bytes and links together are longer than the block allows", i)
		}
		c.payload -= uint64(len(b))
	}
	if rec.Kind == KindString && !utf8.Valid(b) {
		return tableError("record %d: string is not valid UTF-8", i)
	}
	if rec.Kind == KindLink && !ValidCID(b) {
		return tableError("record %d: link is not a CID", i)
	}
	return nil
}

// ValidCID reports whether b is one binary CID, version 0 or 1, and nothing
// else. The codec and the hash function may be any.
func ValidCID(b []byte) bool {
	if len(b) >= 2 && b[0] == 0x12 && b[1] == 0x20 {
		return len(b) == 34
	}
	version, b, ok := varint(b)
	if !ok || version != 1 {
		return false
	}
	if _, b, ok = varint(b); !ok { // codec
		return false
	}
	if _, b, ok = varint(b); !ok { // hash function
		return false
	}
	n, b, ok := varint(b)
	return ok && n == uint64(len(b))
}

// varint reads an unsigned varint of at most nine bytes in its shortest form.
func varint(b []byte) (v uint64, rest []byte, ok bool) {
	for i := 0; i < len(b) && i < 9; i++ {
		v |= uint64(b[i]&0x7f) << (7 * i)
		if b[i] < 0x80 {
			return v, b[i+1:], i == 0 || b[i] != 0
		}
	}
	return 0, nil, false
}

func limitError(format string, args ...any) error {
	return &Error{Status: StatusLimit, Text: fmt.Sprintf(format, args...)}
}
