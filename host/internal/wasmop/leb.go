package wasmop

import "github.com/iprt/iprt/host/internal/wasmbin"

func (r *Reader) byte() byte {
	if r.pos >= len(r.b) || r.err != nil {
		r.fail(wasmbin.Truncated, r.pos, 0, 0, "the function body ends within its instructions")
		return 0
	}
	r.pos++
	return r.b[r.pos-1]
}

func (r *Reader) bytes(n uint32) []byte {
	if left := len(r.b) - r.pos; r.err != nil || uint64(n) > uint64(left) {
		r.fail(wasmbin.Truncated, r.pos, uint64(n), uint64(left), "an instruction needs %d bytes and has %d", n, left)
		return nil
	}
	r.pos += int(n)
	return r.b[r.pos-int(n) : r.pos]
}

func (r *Reader) u32() uint32 {
	if p := r.pos; p < len(r.b) && r.b[p] < 0x80 && r.err == nil { // nearly all of them
		r.pos = p + 1
		return uint32(r.b[p])
	}
	return r.long32()
}

func (r *Reader) long32() uint32 {
	start := r.pos
	var v uint32
	for shift := uint(0); shift < 35; shift += 7 {
		c := r.byte()
		if r.err != nil {
			return 0
		}
		if shift == 28 && c > 0x0f {
			break
		}
		v |= uint32(c&0x7f) << shift
		if c < 0x80 {
			return v
		}
	}
	r.fail(wasmbin.BadInt, start, 0, 0, "unsigned integer does not fit 32 bits in 5 bytes")
	return 0
}

// signed reads a signed integer of 32, 33 or 64 bits.
func (r *Reader) signed(bits uint) int64 {
	if p := r.pos; p < len(r.b) && r.b[p] < 0x80 && r.err == nil {
		r.pos = p + 1
		return int64(int8(r.b[p]<<1) >> 1)
	}
	start := r.pos
	var v uint64
	for shift := uint(0); shift < bits; shift += 7 {
		c := r.byte()
		if r.err != nil {
			return 0
		}
		// In the last byte, the bits beyond the integer repeat its sign.
		if left := bits - shift; left < 7 {
			if high := int8(c<<1) >> left; c >= 0x80 || high != 0 && high != -1 {
				break
			}
		}
		v |= uint64(c&0x7f) << shift
		if c < 0x80 {
			if s := shift + 7; s < 64 && c&0x40 != 0 {
				v |= ^uint64(0) << s
			}
			return int64(v)
		}
	}
	r.fail(wasmbin.BadInt, start, 0, 0, "signed integer does not fit %d bits in %d bytes", bits, (bits+6)/7)
	return 0
}
