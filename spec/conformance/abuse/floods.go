package abuse

import (
	w "github.com/iprt/iprt/internal/wasmtest"
)

// floods has too much of what a module may do. A host counts, drops and says so; it does not grow.
func floods(c *corpus) {
	write := w.Import(log, "write", i32s(3), i32)
	// times calls the import n times with level, address and length, then answers.
	times := func(n int32, level, at, length int32) w.Option {
		return w.Edit(func(b *w.Builder) {
			body := w.Cat(w.Vec(append(w.U32(1), w.I32)), w.Code{}.Loop(w.Void).
				I32Const(level).I32Const(at).I32Const(length).Call(0).Op(w.OpDrop).
				LocalGet(0).I32Const(1).Op(w.OpI32Add).LocalTee(0).I32Const(n).Op(w.OpI32LtU).BrIf(0).End(), end)
			b.FuncRaw(b.Type(nil, nil), body)
		})
	}
	const flood = 7 // the function that [times] adds: an import, and the codec's six, are before it
	start := w.Body(decode, w.Code{}.Call(flood).I64Const(answer))
	for _, f := range []struct {
		name              string
		n                 int32
		level, at, length int32
	}{
		{"a-million-lines", 1_000_000, 1, 16, 8}, {"a-million-empty-lines", 1_000_000, 1, 0, 0}, {"ten-thousand-long-lines", 10_000, 3, 0, page},
		{"one-line-of-10-MiB", 1, 1, 0, 10 << 20}, {"a-hundred-of-10-MiB", 100, 2, 0, 10 << 20}, {"debug", 1_000_000, 0, 16, 100}, {"outside", 1_000_000, 1, -1, 100},
		{"no-level", 1_000_000, 9, 16, 100},
	} {
		c.add(Floods, "log/"+f.name, "more log than anybody reads", func() []Step {
			return []Step{
				loaded("it", []string{log}, w.Memory(160, 160), w.Requires(log), write, times(f.n, f.level, f.at, f.length), start),
				{Do: Call{Place: "it", Export: "decode", Input: []byte("x")}, Want: []Outcome{OK, Limit}, Times: 2},
			}
		})
	}
	for i, text := range []string{"\x1b[2J\x1b]0;title\x07", "line\nlevel=ERROR msg=forged", "\r\x08\x7f", "\u202e\u2066", "\xff\xfe\x80"} {
		c.add(Floods, count("log-escapes", i), "log lines made for terminals", func() []Step {
			put := w.Code{}
			for k := range len(text) {
				put = put.I32Const(int32(16+k)).I32Const(int32(text[k])).Mem(w.OpI32Store8, 0, 0)
			}
			body := put.I32Const(1).I32Const(16).I32Const(int32(len(text))).Call(0).Op(w.OpDrop).I64Const(answer)
			return []Step{loaded("it", []string{log}, w.Requires(log), write, w.Body(decode, body)), decodes("it", nil, OK)}
		})
	}
	floodOutput(c)
	c.add(Floods, "missing", "content that nobody has, over and over", func() []Step {
		var steps []Step
		for i := range 100 {
			steps = append(steps, Step{Do: Fetch{CID: missing(i).String(), Block: i%2 == 0}, Want: []Outcome{Error.Of("not-found")}})
		}
		return steps
	})
	c.add(Floods, "modules", "more modules than a host needs", func() []Step {
		var steps []Step
		for i := range 200 {
			steps = append(steps, loaded(count("it", i), nil, w.ManifestCode(uint64(0x300100+i))))
		}
		return steps
	})
}

// floodOutput writes to standard output and error through WASI: without end, and without a line's end.
func floodOutput(c *corpus) {
	for _, o := range []struct {
		name          string
		n, fd, length int32
		fill          int32
	}{
		{"lines", 100_000, 1, 64, '\n'}, {"no-line-end", 100_000, 1, page / 2, 'x'}, {"stderr", 100_000, 2, 1_000, '\n'}, {"escapes", 1_000, 2, 100, 0x1b},
	} {
		c.add(Floods, "output/"+o.name, "standard output and error without end", func() []Step {
			flood := w.Edit(func(b *w.Builder) {
				body := w.Cat(w.Vec(append(w.U32(1), w.I32)), w.Code{}.
					I32Const(512).I32Const(page/4).Mem(w.OpI32Store, 2, 0).I32Const(516).I32Const(o.length).Mem(w.OpI32Store, 2, 0). // one vector
					I32Const(page/4).I32Const(o.fill).I32Const(o.length).Raw(0xfc, 11, 0).
					Loop(w.Void).I32Const(o.fd).I32Const(512).I32Const(1).I32Const(520).Call(0).Op(w.OpDrop).
					LocalGet(0).I32Const(1).Op(w.OpI32Add).LocalTee(0).I32Const(o.n).Op(w.OpI32LtU).BrIf(0).End(), end)
				b.FuncRaw(b.Type(nil, nil), body)
			})
			return []Step{
				loaded("it", nil, w.Import(wasi, "fd_write", i32s(4), i32), flood, w.Body(decode, w.Code{}.Call(7).I64Const(answer))),
				{Do: Call{Place: "it", Export: "decode", Input: []byte("x")}, Want: []Outcome{OK, Limit}, Times: 2},
			}
		})
	}
}
