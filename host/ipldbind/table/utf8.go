package table

import (
	"encoding/binary"
	"unicode/utf8"
)

const nonASCII = 0x8080808080808080

// validUTF8 is utf8.Valid with a shorter way for what most strings are: a few dozen bytes of ASCII.
func validUTF8(b []byte) bool {
	le := binary.LittleEndian
	switch n := len(b); {
	case n >= 8:
		bits := le.Uint64(b[n-8:]) // overlaps the last whole word
		for i := 0; i < n-8; i += 8 {
			bits |= le.Uint64(b[i:])
		}
		if bits&nonASCII == 0 {
			return true
		}
	case n >= 4:
		if (le.Uint32(b)|le.Uint32(b[n-4:]))&uint32(nonASCII&0xffffffff) == 0 {
			return true
		}
	}
	return utf8.Valid(b)
}
