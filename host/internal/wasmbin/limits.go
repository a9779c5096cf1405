package wasmbin

// Limits are the size of a memory (in pages of 64 KiB) or table (in elements).
type Limits struct {
	Min, Max uint32
	HasMax   bool
	Flags    byte // as found; beyond 1 they belong to proposals, and Min and Max are not read
}

// PageSize is the unit of memory sizes.
const PageSize = 64 << 10

// MaxPages is the largest memory that 32-bit addresses reach.
const MaxPages = 65536

// Limits reads the limits of a memory or table. It leaves judging them to the caller.
func (r *Reader) Limits() Limits {
	l := Limits{Flags: r.Byte()}
	if l.Flags > 1 {
		return l
	}
	l.Min = r.U32()
	if l.Flags == 1 {
		l.HasMax, l.Max = true, r.U32()
	}
	return l
}

// AppendLimits appends l in the shortest form.
func AppendLimits(dst []byte, l Limits) []byte {
	if !l.HasMax {
		return AppendU32(append(dst, 0), l.Min)
	}
	return AppendU32(AppendU32(append(dst, 1), l.Min), l.Max)
}

// EditLimits rewrites the body of a memory or table section with the limits that edit returns for each entry.
func EditLimits(s Section, edit func(Limits) Limits) ([]byte, error) {
	r := s.Reader()
	n := r.Count(2, "memories or tables")
	out := AppendU32(nil, n)
	for range n {
		if s.ID == Table {
			out = append(out, r.Byte())
		}
		out = AppendLimits(out, edit(r.Limits()))
	}
	return out, r.Err()
}
