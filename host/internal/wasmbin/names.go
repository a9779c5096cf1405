package wasmbin

import "unicode/utf8"

const (
	functionNames = 1   // subsection of the name section
	maxNameBytes  = 512 // of a function name; longer ones are cut
)

// CleanNames rewrites the body of a name section for an engine: function names only, indices ascending and below functions,
// every count true. Engines read this section with less care than the others (a claimed count of 2^32 names makes wazero
// reserve 100 GB), and the specification lets nobody refuse a module for it; so what is not well-formed is left out.
// It returns false if nothing remains.
func CleanNames(s Section, functions uint64) ([]byte, bool) {
	r := s.Reader()
	var names []byte
	for !r.Done() {
		id := r.Byte()
		size, at := r.U32(), r.Offset()
		sub := r.Bytes(size)
		if r.Err() != nil || id == functionNames && names != nil {
			return nil, false
		}
		if id != functionNames {
			continue
		}
		var ok bool
		if names, ok = cleanNameMap(NewReader(sub, at), functions); !ok {
			return nil, false
		}
	}
	if names == nil {
		return nil, false
	}
	return AppendSection(nil, functionNames, names), true
}

func cleanNameMap(r *Reader, functions uint64) ([]byte, bool) {
	n := r.Count(2, "names")
	out := AppendU32(make([]byte, 0, r.Len()+5), n)
	next := uint64(0) // the smallest index that may follow
	for range n {
		i, name := r.U32(), r.Name()
		if r.Err() != nil || uint64(i) < next || uint64(i) >= functions {
			return nil, false
		}
		next = uint64(i) + 1
		out = AppendName(AppendU32(out, i), cut(name, maxNameBytes))
	}
	return out, r.Err() == nil && r.Len() == 0
}

// cut shortens s to at most n bytes without splitting a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
