package wasmbin

import "encoding/binary"

// Section is one section of a module.
type Section struct {
	ID     byte
	Offset int    // of the id byte
	Name   string // of a custom section
	Body   []byte // what follows the size, and in a custom section the name; aliases the module
	BodyAt int    // offset of Body
}

// Reader reads the section's body.
func (s Section) Reader() *Reader { return NewReader(s.Body, s.BodyAt) }

// Sections walks the sections of a module that starts with [Header].
type Sections struct {
	r   Reader
	cur Section
}

// NewSections starts after the header of wasm, which must be there.
func NewSections(wasm []byte) *Sections {
	return &Sections{r: Reader{b: wasm[len(Header):], base: len(Header)}}
}

// Next advances to the next section. It returns false at the end and after an error, which [Sections.Err] tells apart.
func (s *Sections) Next() bool {
	if s.r.Done() {
		return false
	}
	c := Section{Offset: s.r.Offset(), ID: s.r.Byte()}
	size := s.r.U32()
	c.BodyAt = s.r.Offset()
	c.Body = s.r.Bytes(size)
	if s.r.err != nil {
		return false
	}
	if c.ID == Custom {
		body := NewReader(c.Body, c.BodyAt)
		c.Name = body.Name()
		if body.err != nil {
			s.r.err = body.err
			return false
		}
		c.Body, c.BodyAt = body.b[body.pos:], body.Offset()
	}
	s.cur = c
	return true
}

// Section is the current section.
func (s *Sections) Section() Section { return s.cur }

// Err is the error that ended the walk, or nil.
func (s *Sections) Err() error { return s.r.Err() }

// Rewrite copies a module. edit sees each section and returns the body to write, or false to leave the section out. What
// first holds, whole sections, is put before all others. The module must start with [Header].
func Rewrite(wasm, first []byte, edit func(Section) (body []byte, keep bool, err error)) ([]byte, error) {
	out := append(make([]byte, 0, len(wasm)+len(first)+64), Header...)
	out = append(out, first...)
	s := NewSections(wasm)
	for s.Next() {
		c := s.Section()
		body, keep, err := edit(c)
		if err != nil {
			return nil, err
		}
		switch {
		case !keep:
		case c.ID == Custom:
			out = AppendCustom(out, c.Name, body)
		default:
			out = AppendSection(out, c.ID, body)
		}
	}
	if err := s.Err(); err != nil {
		return nil, err
	}
	return out, nil
}

// AppendU32 appends v in the shortest form.
func AppendU32(dst []byte, v uint32) []byte { return binary.AppendUvarint(dst, uint64(v)) }

// AppendName appends a length and the bytes of s.
func AppendName(dst []byte, s string) []byte { return append(AppendU32(dst, uint32(len(s))), s...) }

// AppendSection appends a section.
func AppendSection(dst []byte, id byte, body []byte) []byte {
	return append(AppendU32(append(dst, id), uint32(len(body))), body...)
}

// AppendCustom appends a custom section.
func AppendCustom(dst []byte, name string, body []byte) []byte {
	n := AppendName(make([]byte, 0, len(name)+5), name)
	dst = AppendU32(append(dst, Custom), uint32(len(n)+len(body)))
	return append(append(dst, n...), body...)
}
