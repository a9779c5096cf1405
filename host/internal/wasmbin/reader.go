package wasmbin

import (
	"fmt"
	"unicode/utf8"
)

// Fault says in what way bytes are not WebAssembly.
type Fault string

// The faults that a [Reader] finds.
const (
	Truncated Fault = "truncated" // the bytes end where more are needed
	BadInt    Fault = "leb128"    // an integer longer than its type allows, or with bits beyond it
	BadCount  Fault = "count"     // a count that the bytes which follow cannot hold
	BadUTF8   Fault = "utf8"      // a name that is not UTF-8
	BadOpcode Fault = "const-expr"
	BadFlags  Fault = "flags" // a byte with a meaning that is not defined
)

// The faults in function bodies; host/internal/wasmop finds them.
const (
	BadInstruction Fault = "opcode"   // an instruction that does not exist
	BadBodyEnd     Fault = "body-end" // instructions after the end of the function
	BadNesting     Fault = "nesting"  // an else outside an if
	BadStack       Fault = "stack"    // too few or too many operands
	BadIndex       Fault = "index"    // something is referred to that does not exist
)

// Error is a fault in a module.
type Error struct {
	Fault  Fault
	Offset int // in the module
	Value  uint64
	Limit  uint64 // the largest value that would do; 0 where that makes no sense
	Msg    string
}

func (e *Error) Error() string { return fmt.Sprintf("offset %d: %s", e.Offset, e.Msg) }

// Reader reads a piece of a module from its start to its end. After its first error it stays where it is and returns zeros,
// so a caller may read several values and check [Reader.Err] once, before it acts on them.
type Reader struct {
	b    []byte
	pos  int
	base int // offset of b[0] in the module
	err  *Error
}

// NewReader reads b, whose first byte is at offset base of the module.
func NewReader(b []byte, base int) *Reader { return &Reader{b: b, base: base} }

// Err is the first error, an *[Error], or nil.
func (r *Reader) Err() error {
	if r.err == nil {
		return nil
	}
	return r.err
}

// Offset is where the next byte is, in the module.
func (r *Reader) Offset() int { return r.base + r.pos }

// Len is how many bytes are left.
func (r *Reader) Len() int { return len(r.b) - r.pos }

// Done reports whether there is nothing more to read, because of the end or of an error.
func (r *Reader) Done() bool { return r.err != nil || r.pos == len(r.b) }

func (r *Reader) fail(f Fault, at int, value, limit uint64, format string, args ...any) {
	if r.err == nil {
		r.err = &Error{Fault: f, Offset: r.base + at, Value: value, Limit: limit, Msg: fmt.Sprintf(format, args...)}
	}
}

// Byte reads one byte.
func (r *Reader) Byte() byte {
	if r.err != nil {
		return 0
	}
	if r.pos == len(r.b) {
		r.fail(Truncated, r.pos, 0, 0, "ends where another byte is needed")
		return 0
	}
	r.pos++
	return r.b[r.pos-1]
}

// Bytes reads n bytes; the result aliases the module.
func (r *Reader) Bytes(n uint32) []byte {
	if r.err != nil {
		return nil
	}
	if uint64(n) > uint64(r.Len()) {
		r.fail(Truncated, r.pos, uint64(n), uint64(r.Len()), "needs %d bytes and has %d", n, r.Len())
		return nil
	}
	r.pos += int(n)
	return r.b[r.pos-int(n) : r.pos : r.pos]
}

// U32 reads an unsigned integer of 32 bits.
func (r *Reader) U32() uint32 {
	if r.err == nil && r.pos < len(r.b) && r.b[r.pos] < 0x80 { // nearly all of them
		r.pos++
		return uint32(r.b[r.pos-1])
	}
	return uint32(r.uleb(32))
}

// U64 reads an unsigned integer of 64 bits.
func (r *Reader) U64() uint64 { return r.uleb(64) }

func (r *Reader) uleb(bits uint) uint64 {
	start := r.pos
	var v uint64
	for shift := uint(0); shift < bits; shift += 7 {
		c := r.Byte()
		if r.err != nil {
			return 0
		}
		if left := bits - shift; left < 7 && c&0x7f>>left != 0 {
			break
		}
		v |= uint64(c&0x7f) << shift
		if c < 0x80 {
			return v
		}
	}
	r.fail(BadInt, start, 0, 0, "unsigned integer does not fit %d bits in %d bytes", bits, (bits+6)/7)
	r.pos = start
	return 0
}

// Signed reads a signed integer of 32, 33 (a block type) or 64 bits.
func (r *Reader) Signed(bits uint) int64 {
	start := r.pos
	var v int64
	for shift := uint(0); shift < bits; shift += 7 {
		c := r.Byte()
		if r.err != nil {
			return 0
		}
		// In the last byte, the bits beyond the integer repeat its sign.
		if left := bits - shift; left < 7 {
			if high := int8(c<<1) >> left; c < 0x80 && high != 0 && high != -1 {
				break
			}
		}
		v |= int64(c&0x7f) << shift
		if c < 0x80 {
			if s := shift + 7; s < 64 && c&0x40 != 0 {
				v |= -1 << s
			}
			return v
		}
	}
	r.fail(BadInt, start, 0, 0, "signed integer does not fit %d bits in %d bytes", bits, (bits+6)/7)
	r.pos = start
	return 0
}

// Count reads the number of items of a vector whose items take minSize bytes or more. A number that the remaining bytes
// cannot hold is an error, so memory may be reserved by the result.
func (r *Reader) Count(minSize int, what string) uint32 {
	start := r.pos
	n := r.U32()
	if r.err != nil {
		return 0
	}
	if fits := r.Len() / minSize; uint64(n) > uint64(fits) {
		r.fail(BadCount, start, uint64(n), uint64(fits), "claims %d %s where %d bytes follow", n, what, r.Len())
		return 0
	}
	return n
}

// Name reads a name. The result is a copy.
func (r *Reader) Name() string {
	n := r.U32()
	start := r.pos
	b := r.Bytes(n)
	if r.err != nil {
		return ""
	}
	if !utf8.Valid(b) {
		r.fail(BadUTF8, start, 0, 0, "name is not UTF-8")
		return ""
	}
	return string(b)
}
