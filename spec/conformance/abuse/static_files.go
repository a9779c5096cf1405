package abuse

import (
	"bytes"
	"fmt"

	w "github.com/iprt/iprt/internal/wasmtest"
)

// rich is a good module with every kind of section, the manifest last.
func rich() []byte {
	return w.Codec(w.Requires(core), w.Import(core, "abort", i32s(3), nil), w.Init(w.Code{}.I32Const(0)),
		w.Edit(func(b *w.Builder) {
			b.Table(4, 4)
			b.Elem(0, 1, 2, 3)
			b.Global(w.F64, false, w.Code{}.Raw(0x44, 0, 0, 0, 0, 0, 0, 0, 0))
			b.DataCount()
		}))
}

// staticFiles has what is no module, or a part of one.
func staticFiles(c *corpus) {
	for _, f := range []struct {
		name string
		b    []byte
	}{
		{"empty", nil}, {"one-zero", []byte{0}}, {"half-magic", []byte("\x00as")}, {"magic-only", []byte("\x00asm")},
		{"half-version", []byte("\x00asm\x01\x00")}, {"header-only", w.Header}, {"header-twice", w.Cat(w.Header, w.Header)},
		{"other-magic", []byte("\x00ASM\x01\x00\x00\x00")}, {"version-0", []byte("\x00asm\x00\x00\x00\x00")},
		{"version-2", []byte("\x00asm\x02\x00\x00\x00")}, {"version-max", []byte("\x00asm\xff\xff\xff\xff")},
		{"component", []byte("\x00asm\x0d\x00\x01\x00\x07\x01")}, {"elf", []byte("\x7fELF\x02\x01\x01\x00")},
		{"gzip", []byte("\x1f\x8b\x08\x00\x00")}, {"html", []byte("<!DOCTYPE html><title>404</title>")},
		{"text-format", []byte("(module)")}, {"escape", []byte("\x1b[2J\x1b]0;owned\x07")},
		{"zeros", make([]byte, 1<<20)}, {"ones", bytes.Repeat([]byte{0xff}, 1<<20)},
		{"header-and-zeros", w.Cat(w.Header, make([]byte, 1<<20))}, {"header-and-ones", w.Cat(w.Header, bytes.Repeat([]byte{0xff}, 1<<20))},
	} {
		c.load(Static, "file/"+f.name, "bytes that are not a module", func() []byte { return f.b }, Reject)
	}
	whole := rich()
	c.load(Static, "whole", "nothing: the module that is cut and shuffled below is a good one", rich, OK)
	for n := range whole {
		c.load(Static, count("cut", n), "a good module that breaks off", func() []byte { return whole[:n:n] }, Reject)
	}
	c.load(Static, "tail", "bytes after the last section", func() []byte { return w.Cat(whole, []byte{0}) }, Reject)
	staticOrder(c, sections(whole))
}

// sections splits a well-formed module, header left out.
func sections(b []byte) (list [][]byte) {
	for b = b[len(w.Header):]; len(b) > 0; {
		size, shift, n := 0, 0, 1
		for more := true; more; n++ {
			size |= int(b[n]&0x7f) << shift
			shift += 7
			more = b[n] >= 0x80
		}
		list = append(list, b[:n+size])
		b = b[n+size:]
	}
	return list
}

func staticOrder(c *corpus, list [][]byte) {
	for i := range list {
		for j := range i {
			if list[i][0] == w.SecCustom || list[j][0] == w.SecCustom {
				continue // these may be anywhere
			}
			c.load(Static, fmt.Sprintf("order/%d-before-%d", list[i][0], list[j][0]), "sections out of order", func() []byte {
				swapped := bytes.Join(list, nil) // so that list stays as it is
				at := func(k int) int { return len(bytes.Join(list[:k], nil)) }
				swapped = w.Cat(swapped[:at(j)], list[i], swapped[at(j+1):at(i)], list[j], swapped[at(i+1):])
				return w.Cat(w.Header, swapped)
			}, Reject)
		}
		c.load(Static, count("twice", int(list[i][0])), "a section, or the manifest, twice", func() []byte {
			return w.Cat(w.Header, bytes.Join(list[:i+1], nil), list[i], bytes.Join(list[i+1:], nil))
		}, Reject)
		c.load(Static, count("without", int(list[i][0])), "a module that lacks a section", func() []byte {
			return w.Cat(w.Header, bytes.Join(list[:i], nil), bytes.Join(list[i+1:], nil))
		}, withoutOutcome(list[i][0]))
	}
	for _, id := range []byte{13, 14, 0x7f, 0x80, 0xff} {
		c.load(Static, count("section-id", int(id)), "a section that is not defined", func() []byte {
			return w.Cat(w.Header, bytes.Join(list, nil), []byte{id, 1, 0})
		}, Reject)
	}
}

// withoutOutcome: only elements and the data count are dispensable.
func withoutOutcome(id byte) Outcome {
	switch id {
	case w.SecElement, w.SecDataCount:
		return OK
	}
	return Reject
}
