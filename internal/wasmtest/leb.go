package wasmtest

// U32 is v as unsigned LEB128 of minimal length.
func U32(v uint32) []byte { return U64(uint64(v)) }

// U64 is v as unsigned LEB128 of minimal length.
func U64(v uint64) []byte {
	var b []byte
	for v >= 0x80 {
		b = append(b, byte(v)|0x80)
		v >>= 7
	}
	return append(b, byte(v))
}

// S32 is v as signed LEB128 of minimal length.
func S32(v int32) []byte { return S64(int64(v)) }

// S64 is v as signed LEB128 of minimal length.
func S64(v int64) []byte {
	var b []byte
	for {
		c := byte(v & 0x7f)
		v >>= 7
		if v == 0 && c&0x40 == 0 || v == -1 && c&0x40 != 0 {
			return append(b, c)
		}
		b = append(b, c|0x80)
	}
}

// LongU32 is v as unsigned LEB128 padded with continuation bytes to n bytes; beyond 5 no decoder may accept it.
func LongU32(v uint32, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(v&0x7f) | 0x80
		v >>= 7
	}
	b[n-1] &= 0x7f
	return b
}

// Name is a length-prefixed string.
func Name(s string) []byte { return append(U32(uint32(len(s))), s...) }

// Vec is a vector: the number of items, then the items.
func Vec(items ...[]byte) []byte { return append(U32(uint32(len(items))), Cat(items...)...) }

// Cat is the concatenation of parts.
func Cat(parts ...[]byte) []byte {
	var b []byte
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}
