package abuse

import (
	"bytes"
	"fmt"
	"math/rand/v2"

	"github.com/ipfs/go-cid"

	w "github.com/iprt/iprt/internal/wasmtest"
)

// crowds does many dear things at once, each of which a host would stand alone.
func crowds(c *corpus) {
	for _, n := range []int{4, 16} {
		c.add(Floods, count("compile-at-once", n), "many modules that are dear to compile, at once, and honest calls between them", func() []Step {
			calm := decodes(honest, []byte("calm"), OK)
			calm.Times, calm.Within = 20, 4*patience
			all := Together{Steps: []Step{calm}}
			for i := range n {
				all.Steps = append(all.Steps, Step{Do: Load{Place: fmt.Sprint("it", i), Wasm: dear(i, 90)}, Want: []Outcome{OK, Reject, Limit, Error.Of("BUSY")}, Within: 4 * Usual})
			}
			return []Step{{Do: all, Want: []Outcome{OK}}}
		})
	}
	for _, n := range []int{1, 90} {
		c.add(Floods, count("compile-late", n), "a module that takes longer to compile than its caller waits", func() []Step {
			return []Step{{Do: Load{Place: "it", Wasm: dear(0, n)}, Want: []Outcome{OK, Reject, Limit, Error}, Within: patience, Times: 2}}
		})
	}
	c.add(Floods, "load-late-and-patient", "callers that give up on a load, and others that wait for the same module", func() []Step {
		var all Together
		for i := range 6 {
			hasty := Step{Do: Load{Place: fmt.Sprint("hasty", i), Wasm: dear(0, 40)}, Want: []Outcome{OK, Limit}, Within: patience / 5}
			patient := Step{Do: Load{Place: fmt.Sprint("patient", i), Wasm: dear(0, 40)}, Want: []Outcome{OK}}
			all.Steps = append(all.Steps, hasty, patient)
		}
		return []Step{{Do: all, Want: []Outcome{OK}}}
	})
	for _, n := range []int{10, 100} {
		c.add(Floods, count("large-modules", n), "many modules that each begin with as much memory as a module may have", func() []Step {
			var steps []Step
			for i := range n {
				steps = append(steps, Step{Do: Load{Place: fmt.Sprint("it", i), Wasm: w.Codec(w.ManifestCode(uint64(0x300100+i)), w.Memory(1_024, 1_024))}, Want: []Outcome{OK, Limit, Error.Of("BUSY")}})
			}
			return steps
		})
	}
	for _, n := range []int{4, 32} {
		c.add(Floods, count("decode-at-once", n), "many blocks at once that unfold as far as they may", func() []Step {
			block := w.Cat(arrayHead(1<<20), bytes.Repeat([]byte{0xa0}, 1<<20))
			var all Together
			for range n {
				all.Steps = append(all.Steps, Step{Do: Decode{Codec: cid.DagCBOR, Block: block}, Want: []Outcome{OK, Limit, Error.Of("BUSY")}, Within: 4 * Usual})
			}
			return []Step{{Do: Decode{Codec: cid.DagCBOR, Block: []byte{0xa0}}, Want: []Outcome{OK}}, {Do: all, Want: []Outcome{OK}}}
		})
	}
	for _, n := range []int{16<<20 + 1, 64 << 20} {
		c.add(Floods, count("input", n), "an input larger than any", func() []Step {
			return []Step{loaded("it", nil), decodes("it", make([]byte, n), Limit), {Do: Call{Place: "it", Export: "decode", Params: make([]byte, n)}, Want: []Outcome{Limit}}, decodes("it", []byte("x"), OK)}
		})
	}
	crowdedKeys(c)
}

// dear is a module of n functions that each take some milliseconds to compile; seed makes it another module.
func dear(seed, n int) []byte {
	var add []byte
	for i := range uint32(500) {
		add = append(add, w.Code{}.LocalGet(i).I32Const(1).Op(w.OpI32Add).LocalSet(i)...)
	}
	b := bomb{functions: n, locals: 500, code: nest(16, openLoop, add)}
	return w.Cat(b.wasm(), w.Custom("seed", []byte(fmt.Sprint(seed))))
}

// crowdedKeys has a codec that makes a map of a million keys, in descending order, of a block of a megabyte.
func crowdedKeys(c *corpus) {
	const n = 1_000_000
	const at = 1 << 20 * 2
	for _, same := range []bool{false, true} {
		c.add(Floods, fmt.Sprintf("keys/same-%v", same), "a map of a million keys that have to be held against each other", func() []Step {
			step := int32(-1)
			if same {
				step = 0
			}
			// Local 4 is the record, 5 the offset of its key in the block, 6 counts.
			fill := w.Cat(w.Vec(append(w.U32(3), w.I32)), w.Code{}.
				I32Const(at+32+16).LocalSet(0).I32Const(n).LocalSet(1).
				Loop(w.Void).
				LocalGet(0).I32Const(kString).Mem(w.OpI32Store, 2, 0).LocalGet(0).I32Const(8).Mem(w.OpI32Store, 2, 4).LocalGet(0).LocalGet(1).Mem(w.OpI32Store, 2, 8).
				LocalGet(0).I32Const(kNull).Mem(w.OpI32Store, 2, 16).
				LocalGet(0).I32Const(32).Op(w.OpI32Add).LocalSet(0).LocalGet(1).I32Const(step).Op(w.OpI32Add).LocalSet(1).
				LocalGet(2).I32Const(1).Op(w.OpI32Add).LocalTee(2).I32Const(n).Op(w.OpI32LtU).BrIf(0).End(), end)
			head := table(nil, record{kMap, 0, n, 2*n + 1})
			head[8], head[9], head[10], head[11] = byte((2*n+1)&0xff), byte((2*n+1)>>8&0xff), byte((2*n+1)>>16), 0
			head[16], head[17], head[18], head[19] = 0, 0, 0, 0
			wasm := w.Codec(w.Memory(600, 600), w.Edit(func(b *w.Builder) {
				b.FuncRaw(b.Type(nil, nil), fill)
				b.Data(at, head)
			}), w.Body(decode, w.Code{}.Call(6).Result(w.Code{}.I32Const(at), w.Code{}.I32Const(48+32*n))))
			block := make([]byte, 1<<20)
			r := rand.New(rand.NewPCG(1, 2))
			for i := range block {
				block[i] = byte(r.UintN(0x80))
			}
			want := []Outcome{OK, Limit}
			if same {
				want = []Outcome{Error, Limit}
			}
			return []Step{{Do: Load{Place: "it", Wasm: wasm}, Want: []Outcome{OK}}, {Do: Decode{Place: "it", Block: block}, Want: want, Within: 5 * patience}}
		})
	}
}
