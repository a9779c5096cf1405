package wasmtest

// Manifest is the manifest of a codec as DAG-CBOR; requires and optional are written in the order given.
func Manifest(name, version string, code uint64, requires, optional []string) []byte {
	return CBORMap(
		"iprt", CBORUint(1),
		"name", CBORString(name),
		"roles", CBORMap("codec/v1", CBORMap("code", CBORUint(code), "name", CBORString(name))),
		"license", CBORString("Apache-2.0 OR MIT"),
		"version", CBORString(version),
		"optional", CBORStrings(optional...),
		"requires", CBORStrings(requires...),
	)
}

// CBORUint is an unsigned integer.
func CBORUint(v uint64) []byte { return cborHead(0, v) }

// CBORString is a text string.
func CBORString(s string) []byte { return append(cborHead(3, uint64(len(s))), s...) }

// CBORBytes is a byte string.
func CBORBytes(b []byte) []byte { return append(cborHead(2, uint64(len(b))), b...) }

// CBORList is a list of encoded items.
func CBORList(items ...[]byte) []byte {
	return append(cborHead(4, uint64(len(items))), Cat(items...)...)
}

// CBORStrings is a list of text strings.
func CBORStrings(s ...string) []byte {
	items := make([][]byte, len(s))
	for i := range s {
		items[i] = CBORString(s[i])
	}
	return CBORList(items...)
}

// CBORMap is a map of alternating keys (string) and encoded values ([]byte), written in the order given: canonical
// DAG-CBOR wants shorter keys first, and equally long ones in byte order.
func CBORMap(pairs ...any) []byte {
	b := cborHead(5, uint64(len(pairs)/2))
	for i := 0; i < len(pairs); i += 2 {
		b = append(b, CBORString(pairs[i].(string))...)
		b = append(b, pairs[i+1].([]byte)...)
	}
	return b
}

func cborHead(major byte, n uint64) []byte {
	m := major << 5
	switch {
	case n < 24:
		return []byte{m | byte(n)}
	case n <= 0xff:
		return []byte{m | 24, byte(n)}
	case n <= 0xffff:
		return []byte{m | 25, byte(n >> 8), byte(n)}
	case n <= 0xffffffff:
		return []byte{m | 26, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}
	}
	b := []byte{m | 27}
	for s := 56; s >= 0; s -= 8 {
		b = append(b, byte(n>>s))
	}
	return b
}
