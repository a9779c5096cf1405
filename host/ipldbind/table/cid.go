package table

import "encoding/binary"

// checkCID returns why b is not exactly one binary CID, or "". It accepts what cid.Cast accepts, without allocating:
// a view checks every link once and makes CIDs of those that are asked for.
func checkCID(b []byte) string {
	// Nearly all of them: version 1, a codec below 128, 32 bytes of sha2-256.
	if len(b) == 36 && binary.LittleEndian.Uint32(b)&0xffff80ff == 0x20120001 {
		return ""
	}
	if len(b) > 2 && b[0] == 0x12 && b[1] == 32 {
		if len(b) != 34 {
			return "CIDv0 is not 34 bytes long"
		}
		return ""
	}
	version, b, ok := uvarint(b)
	if !ok || version != 1 {
		return "not a CID of version 0 or 1"
	}
	if _, b, ok = uvarint(b); !ok {
		return "CID without a valid codec"
	}
	if _, b, ok = uvarint(b); !ok {
		return "CID without a valid hash function"
	}
	size, b, ok := uvarint(b)
	if !ok {
		return "CID without a valid digest length"
	}
	if size != uint64(len(b)) {
		return "CID whose digest length is not what is left of it"
	}
	return ""
}

// uvarint reads an unsigned varint as multiformats define it: minimal, and at most 63 bits in 9 bytes.
func uvarint(b []byte) (v uint64, rest []byte, ok bool) {
	for i := 0; i < len(b) && i < 9; i++ {
		c := b[i]
		v |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			minimal := c != 0 || i == 0
			return v, b[i+1:], minimal
		}
	}
	return 0, nil, false
}
