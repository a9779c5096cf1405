package table

import (
	"encoding/binary"
	"slices"
	"sync"

	"github.com/iprt/iprt/abi"
)

// parser checks records one after the other. The stack is its own, so that nesting costs no Go stack.
type parser struct {
	t       *Table
	payload int64   // bytes of strings, bytes and links that may still come
	depth   int     // open containers
	stack   []frame // what the root stands in, then depth open containers, then room
	keys    keySet
}

// parsers keeps the memory of parsers for the next one.
var parsers = sync.Pool{New: func() any { return &parser{stack: make([]frame, 16)} }}

// frame is an open container. It holds no pointers, which the garbage collector would want to know of at every key.
type frame struct {
	key      word   // the last key
	keyAt    uint32 // its record; 0 before the first
	left     uint32 // records of direct children still to come; a map has two for each entry
	node     uint32
	end      uint32
	isMap    bool
	order    uint8 // of a map
	shuffled bool  // keys of an unordered map did not come in bytewise order: uniqueness needs a set
}

// check checks the records in area, and makes the nodes of them.
func (t *Table) check(area []byte) error {
	p := parsers.Get().(*parser)
	p.t, p.payload = t, payload(len(t.src[0]), len(t.src[1]))
	err := p.run(area)
	p.t = nil
	p.keys.shrink()
	parsers.Put(p)
	return err
}

// run is the loop over all records. What most of them need is in it; the rest is in functions.
func (p *parser) run(area []byte) error {
	t := p.t
	p.depth = 0
	f := p.enter(0, 1, uint32(t.count), 0, 0)
	for i := range uint32(t.count) {
		rec := area[abi.RecordSize*int(i):][:abi.RecordSize]
		head, v := binary.LittleEndian.Uint64(rec), binary.LittleEndian.Uint64(rec[abi.RecordValueAt:])
		kind, flags, size := uint8(head), uint8(head>>8), uint32(head>>32)
		c := &t.chunks[i/chunkSize]
		if i%chunkSize == 0 {
			c.t = t
		}
		n := &c.nodes[i%chunkSize]
		// One by one: a composite literal is put together elsewhere first, and copying it waits for that.
		n.kind, n.flags, n.slot, n.n, n.v = kind, flags, uint16(i%chunkSize), size, v
		if head>>16&0xffff != 0 {
			return recordError(i, "reserved bytes are not 0")
		}
		for f.left == 0 {
			var err error
			if f, err = p.leave(f, i); err != nil {
				return err
			}
		}
		f.left--
		isKey := f.isMap && f.left%2 == 1
		switch {
		case isKey && kind != kindString:
			return recordError(i, "map key has kind %d, not string", kind)
		case kindString <= kind && kind <= kindLink:
			src := t.src[flags&abi.FlagHeap]
			p.payload -= int64(size)
			if flags > abi.FlagHeap || p.payload < 0 || v > uint64(len(src)) || uint64(size) > uint64(len(src))-v {
				return p.dataError(i, n)
			}
			if data := src[v:][:size]; kind == kindString {
				var w word // by hand, as the compiler will not put a function for both here
				if size >= 8 {
					w = longWord(data)
				} else {
					w = shortWord(data)
				}
				if !w.ascii(data) && !validUTF8(data) {
					return recordError(i, "string is not valid UTF-8")
				}
				if isKey && !f.add(t, i, w, data) {
					return orderError(i, f.order)
				}
			} else if kind == kindLink {
				if reason := checkCID(data); reason != "" {
					return recordError(i, "%s", reason)
				}
			}
		case kind == kindList || kind == kindMap:
			var err error
			if f, err = p.open(f, i, n); err != nil {
				return err
			}
		case kind != kindUint || flags != 0 || size != 0:
			if err := checkScalar(i, n); err != nil {
				return err
			}
		}
	}
	return p.finish(f)
}

// add takes the next key. It reports false if that breaks the order that the map claims.
func (f *frame) add(t *Table, i uint32, w word, key []byte) bool {
	last, prev := f.keyAt, f.key
	f.keyAt, f.key = i, w
	if last == 0 { // record 0 is no key
		return true
	}
	var above bool
	switch before := t.node(last); {
	case int(before.n) == len(key) && (w.hi != prev.hi || len(key) <= wholeWord):
		above = w.above(prev)
	case int(before.n) < len(key) && f.order == lengthFirst:
		above = true
	case int(before.n) > len(key) && f.order == lengthFirst:
		above = false
	default:
		above = asString(key) > before.str(t)
	}
	f.shuffled = f.shuffled || !above
	return above || f.order == unordered
}

// open checks a container's head and enters it. Its end is checked against its children when they have all come.
func (p *parser) open(f *frame, i uint32, n *node) (*frame, error) {
	children := uint64(n.n)
	maxFlags := uint8(0)
	if n.kind == kindMap {
		children *= 2
		maxFlags = lengthFirst
	}
	end := n.v
	switch {
	case n.flags > maxFlags:
		return f, recordError(i, "unknown flags %#x", n.flags)
	case end <= uint64(i) || end > uint64(f.end):
		return f, recordError(i, "end index %d is not within %d to %d", end, i+1, f.end)
	case children > end-uint64(i)-1:
		return f, recordError(i, "%d children do not fit before its end index %d", children, end)
	case p.depth == abi.MaxDepth:
		return f, limitError(int(i), "containers are nested deeper than %d", abi.MaxDepth)
	}
	n.v |= uint64(i) << 32
	p.depth++
	return p.enter(i, uint32(children), uint32(end), n.kind, n.flags), nil
}

// enter sets up the frame of the container at record i, at p.depth. Field by field: see run.
func (p *parser) enter(i, children, end uint32, kind, order uint8) *frame {
	if p.depth == len(p.stack) {
		p.stack = slices.Grow(p.stack, p.depth)[:2*p.depth]
	}
	f := &p.stack[p.depth]
	f.keyAt, f.left, f.node, f.end = 0, children, i, end
	f.isMap, f.order, f.shuffled = kind == kindMap, order, false
	return f
}

// leave closes the innermost container, whose children have all come before record next, and returns the one around it.
func (p *parser) leave(f *frame, next uint32) (*frame, error) {
	if p.depth == 0 {
		return f, recordError(next, "follows the end of the root")
	}
	if f.end != next {
		return f, recordError(f.node, "its %d entries end at record %d, not at its end index %d", p.t.node(f.node).n, next, f.end)
	}
	if f.shuffled {
		if dup, ok := p.keys.duplicate(p.t, p.t.node(f.node)); ok {
			return f, recordError(dup, "map key occurs twice in its map")
		}
	}
	p.depth--
	return &p.stack[p.depth], nil
}

// finish leaves what is complete after the last record, which should be everything.
func (p *parser) finish(f *frame) (err error) {
	for p.depth > 0 {
		if f.left > 0 {
			return recordError(f.node, "the table ends before this container does")
		}
		if f, err = p.leave(f, uint32(p.t.count)); err != nil {
			return err
		}
	}
	return nil
}
