package table

import (
	"bytes"
	"encoding/binary"
	"math"

	"github.com/ipld/go-ipld-prime/datamodel"

	"github.com/iprt/iprt/abi"
)

// Table is a checked token table and the view of it. It is immutable; see the package comment on memory.
type Table struct {
	chunks []chunk
	count  int
	src    [2][]byte // where strings, bytes and links point: the block, the heap
	index  indexes
}

// Root is the decoded value. It stays valid for as long as the block passed to Parse is left unchanged.
func (t *Table) Root() datamodel.Node { return t.at(0) }

// Len is the number of records, 1 or more.
func (t *Table) Len() int { return t.count }

// Parse checks result, a table that a codec made from block, and returns a view of it. Errors are *[Error].
// Nothing of result is kept; block is, and must not be changed as long as the view is in use.
func Parse(result, block []byte, limits Limits) (*Table, error) {
	h, err := parseHeader(result, len(block), limits)
	if err != nil {
		return nil, err
	}
	t := &Table{chunks: make([]chunk, (h.count+chunkSize-1)/chunkSize), count: int(h.count)}
	t.src = [2][]byte{block, bytes.Clone(h.heap)}
	p := parser{t: t, payload: payload(len(block), len(h.heap))}
	if err := p.run(h.records); err != nil {
		return nil, err
	}
	return t, nil
}

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

// parser checks records one after the other. The stack is its own, so that nesting costs no Go stack.
type parser struct {
	t       *Table
	payload int64 // bytes of strings, bytes and links that may still come
	stack   []frame
	keys    keySet
}

// frame is an open container. It holds no pointers, which the garbage collector would want to know of at every key.
type frame struct {
	left     uint64 // records of direct children still to come; a map has two for each entry
	node     uint32
	prev     uint32 // the last key; 0 before the first
	isMap    bool
	order    uint8 // of a map
	shuffled bool  // keys of an unordered map did not come in bytewise order: uniqueness needs a set
}

func (p *parser) run(area []byte) error {
	var stack [16]frame
	p.stack = stack[:0]
	for i := range uint32(p.t.count) {
		rec := area[abi.RecordSize*int(i):][:abi.RecordSize]
		c := &p.t.chunks[i/chunkSize]
		if i%chunkSize == 0 {
			c.t = p.t
		}
		n := &c.nodes[i%chunkSize]
		head := binary.LittleEndian.Uint32(rec)
		// One by one: a composite literal is put together elsewhere first, and copying it waits for that.
		n.kind, n.flags, n.slot = uint8(head), uint8(head>>8), uint16(i%chunkSize)
		n.n, n.v = binary.LittleEndian.Uint32(rec[4:]), binary.LittleEndian.Uint64(rec[8:])
		if head>>16 != 0 {
			return recordError(i, "reserved bytes are not 0")
		}
		if err := p.record(i, n); err != nil {
			return err
		}
	}
	if len(p.stack) > 0 {
		return recordError(p.stack[len(p.stack)-1].node, "the table ends before this container does")
	}
	return nil
}

// record checks one record in its place in the tree.
func (p *parser) record(i uint32, n *node) error {
	if len(p.stack) == 0 {
		if i > 0 {
			return recordError(i, "follows the end of the root")
		}
	} else {
		top := &p.stack[len(p.stack)-1]
		top.left--
		if top.isMap && top.left%2 == 1 {
			return p.key(i, n, top)
		}
	}
	switch n.kind {
	case kindString, kindBytes, kindLink:
		if err := p.data(i, n); err != nil {
			return err
		}
	case kindList, kindMap:
		if err := p.open(i, n); err != nil {
			return err
		}
	default:
		if err := checkScalar(i, n); err != nil {
			return err
		}
	}
	return p.close(i + 1)
}

func checkScalar(i uint32, n *node) error {
	switch {
	case n.kind < kindNull || n.kind > kindMap:
		return recordError(i, "unknown kind %d", n.kind)
	case n.flags != 0:
		return recordError(i, "unknown flags %#x", n.flags)
	case n.n != 0:
		return recordError(i, "a kind without a length has length %d", n.n)
	case n.kind == kindNull && n.v != 0:
		return recordError(i, "null has value %#x", n.v)
	case n.kind == kindBool && n.v > 1:
		return recordError(i, "bool has value %#x, not 0 or 1", n.v)
	case n.kind == kindFloat && n.v != abi.CanonicalNaN && math.IsNaN(math.Float64frombits(n.v)):
		return recordError(i, "NaN has bits %#x, not %#x", n.v, abi.CanonicalNaN)
	}
	return nil
}

// data checks a record that points at bytes.
func (p *parser) data(i uint32, n *node) error {
	if n.flags > abi.FlagHeap {
		return recordError(i, "unknown flags %#x", n.flags)
	}
	src := p.t.src[n.flags]
	if n.v > math.MaxUint32 || n.v+uint64(n.n) > uint64(len(src)) {
		return recordError(i, "%d bytes at %d are outside the %d bytes of the %s", n.n, n.v, len(src), srcNames[n.flags])
	}
	if p.payload -= int64(n.n); p.payload < 0 {
		return limitError(int(i), "strings, bytes and links have more than the %d bytes together that this block allows",
			payload(len(p.t.src[0]), len(p.t.src[1])))
	}
	b := src[n.v:][:n.n]
	switch n.kind {
	case kindString:
		if !validUTF8(b) {
			return recordError(i, "string is not valid UTF-8")
		}
	case kindLink:
		if reason := checkCID(b); reason != "" {
			return recordError(i, "%s", reason)
		}
	}
	return nil
}

var srcNames = [2]string{"block", "heap"}

// key checks a map key, also against the one before it.
func (p *parser) key(i uint32, n *node, top *frame) error {
	if n.kind != kindString {
		return recordError(i, "map key has kind %d, not string", n.kind)
	}
	if err := p.data(i, n); err != nil {
		return err
	}
	last := top.prev
	top.prev = i
	if last == 0 { // record 0 is no key
		return nil
	}
	key, prev := n.str(p.t), p.t.node(last).str(p.t)
	switch top.order {
	case lengthFirst:
		if !lengthFirstLess(prev, key) {
			return recordError(i, "map key is not above the one before it in length-first order")
		}
	case bytewise:
		if prev >= key {
			return recordError(i, "map key is not above the one before it in bytewise order")
		}
	default:
		top.shuffled = top.shuffled || prev >= key
	}
	return nil
}

func lengthFirstLess(a, b string) bool {
	if len(a) != len(b) {
		return len(a) < len(b)
	}
	return a < b
}

// open checks a container's head. Its end is checked against its children when they have all come.
func (p *parser) open(i uint32, n *node) error {
	children := uint64(n.n)
	maxFlags := uint8(0)
	if n.kind == kindMap {
		children *= 2
		maxFlags = lengthFirst
	}
	end := uint64(p.t.count)
	if len(p.stack) > 0 {
		end = uint64(p.t.node(p.stack[len(p.stack)-1].node).end())
	}
	switch {
	case n.flags > maxFlags:
		return recordError(i, "unknown flags %#x", n.flags)
	case n.v <= uint64(i) || n.v > end:
		return recordError(i, "end index %d is not within %d to %d", n.v, i+1, end)
	case children > n.v-uint64(i)-1:
		return recordError(i, "%d children do not fit before its end index %d", children, n.v)
	case len(p.stack) == abi.MaxDepth:
		return limitError(int(i), "containers are nested deeper than %d", abi.MaxDepth)
	}
	n.v |= uint64(i) << 32
	p.stack = append(p.stack, frame{left: children, node: i, isMap: n.kind == kindMap, order: n.flags})
	return nil
}

// close pops the containers that are complete before record next.
func (p *parser) close(next uint32) error {
	for len(p.stack) > 0 {
		top := &p.stack[len(p.stack)-1]
		if top.left > 0 {
			return nil
		}
		n := p.t.node(top.node)
		if n.end() != next {
			return recordError(top.node, "its %d entries end at record %d, not at its end index %d", n.n, next, n.end())
		}
		if top.shuffled {
			if dup, ok := p.keys.duplicate(p.t, n); ok {
				return recordError(dup, "map key occurs twice in its map")
			}
		}
		p.stack = p.stack[:len(p.stack)-1]
	}
	return nil
}
