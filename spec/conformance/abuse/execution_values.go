package abuse

import (
	"bytes"
	"fmt"
	"time"

	w "github.com/iprt/iprt/internal/wasmtest"
)

// hoards has code whose values cost the host more than they weigh in the guest: references, for which an engine may allocate, and
// results of calls, which spill when they are kept over other calls.
func hoards(c *corpus) {
	references(c)
	keptResults(c)
}

// references takes a reference to a function over and over. No case needs an import, and none of them stores more than one.
func references(c *corpus) {
	const take = 0xd2 // ref.func
	either := []Outcome{OK, Limit}
	for _, use := range []struct {
		name string
		code w.Code
	}{
		{"drop", w.Code{}.Raw(take, 0).Op(w.OpDrop)},
		{"is-null", w.Code{}.Raw(take, 0, 0xd1).Op(w.OpDrop)},
		{"table-set", w.Code{}.I32Const(0).Raw(take, 0, 0x26, 0)},
		{"table-fill", w.Code{}.I32Const(0).Raw(take, 0).I32Const(8).Raw(0xfc, 17, 0)},
		{"table-grow", w.Code{}.Raw(take, 0).I32Const(0).Raw(0xfc, 15, 0).Op(w.OpDrop)},
		{"sixteen", w.Code(w.Cat(bytes.Repeat([]byte{take, 0}, 16), bytes.Repeat([]byte{w.OpDrop}, 16)))},
	} {
		for _, times := range []int32{100_000, 10_000_000, 1_000_000_000} {
			wasm := func() []byte {
				code := w.Code(w.Cat(w.Code{}.I32Const(times).LocalSet(0), openLoop, use.code,
					w.Code{}.LocalGet(0).I32Const(1).Raw(0x6b, 0x22, 0).BrIf(0).End(), noLinks))
				return w.Codec(w.Edit(func(b *w.Builder) { b.Table(8, 8) }), w.Body(links, code))
			}
			call := Step{Do: Call{Place: "it", Export: "links", Input: []byte("x")}, Want: either, Within: 2 * time.Second}
			name := fmt.Sprintf("%s-%d", use.name, times)
			c.add(Execution, "references/"+name, "references to functions, taken over and over", func() []Step {
				return []Step{{Do: Load{Place: "it", Wasm: wasm()}, Want: []Outcome{OK}}, call}
			})
			c.add(Execution, "references-at-once/"+name, "references to functions, taken in several instances at once", func() []Step {
				return []Step{{Do: Load{Place: "it", Wasm: wasm()}, Want: []Outcome{OK}}, atOnce(call, 8)}
			})
		}
	}
}

// noLinks returns what the codec has as its empty list of links.
var noLinks = w.Code{}.I64Const(2128<<32 | 48)

// keptResults recurses without end while results of calls, 16 from each, wait on the operand stack.
func keptResults(c *corpus) {
	for _, calls := range []int{1, 4, 16, 64, 250} {
		steps := func() []Step {
			const first = 6 // the functions of the codec come before
			wasm := w.Codec(w.Edit(func(b *w.Builder) {
				b.FuncRaw(b.Type(nil, i32s(16)), w.Cat([]byte{0}, bytes.Repeat(w.Code{}.I32Const(7), 16), end))
				code := w.Cat(bytes.Repeat(w.Code{}.Call(first), calls), w.Code{}.Call(first+1), bytes.Repeat([]byte{w.OpDrop}, 16*calls), end)
				b.FuncRaw(b.Type(nil, nil), w.Cat([]byte{0}, code))
			}), w.Body(decode, w.Code{}.Call(first+1).Op(w.OpUnreachable)))
			return []Step{
				{Do: Load{Place: "it", Wasm: wasm}, Want: []Outcome{OK}},
				{Do: Call{Place: "it", Export: "decode", Input: []byte("x")}, Want: []Outcome{Limit.Of("depth")}, Within: 2 * time.Second, Times: 2},
			}
		}
		c.add(Execution, count("kept-results", calls), "recursion without end that keeps 16 results of each call", steps)
		c.add(Execution, count("kept-results-at-once", calls), "the same in several instances at once", func() []Step {
			s := steps()
			s[1].Want = []Outcome{Limit}
			return []Step{s[0], atOnce(s[1], 16)}
		})
	}
}

// atOnce does a step n times at the same time, where a host that has no room for all may say so.
func atOnce(s Step, n int) Step {
	s.Want = append([]Outcome{Limit, Error.Of("BUSY")}, s.Want...)
	var all Together
	for range n {
		all.Steps = append(all.Steps, s)
	}
	return Step{Do: all, Want: []Outcome{OK}}
}
