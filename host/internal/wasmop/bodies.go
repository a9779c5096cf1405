package wasmop

import "github.com/iprt/iprt/host/internal/wasmbin"

// Bodies walks the function bodies of a code section.
type Bodies struct {
	r    *wasmbin.Reader
	left uint32
	body []byte
	at   int
}

// NewBodies starts before the first body of a code section.
func NewBodies(code wasmbin.Section) *Bodies {
	r := code.Reader()
	return &Bodies{r: r, left: r.Count(3, "function bodies")}
}

// Len is how many bodies are still to come.
func (b *Bodies) Len() int { return int(b.left) }

// Next advances to the next body. It returns false after the last one and after an error.
func (b *Bodies) Next() bool {
	if b.left == 0 || b.r.Err() != nil {
		return false
	}
	b.left--
	size := b.r.U32()
	b.at = b.r.Offset()
	b.body = b.r.Bytes(size)
	return b.r.Err() == nil
}

// Body is the current body, without its size, and the offset of its first byte in the module; for [Reader.Reset].
func (b *Bodies) Body() (body []byte, offset int) { return b.body, b.at }

// Err is the error that ended the walk, or nil. Bytes after the last body are not looked at.
func (b *Bodies) Err() error { return b.r.Err() }
