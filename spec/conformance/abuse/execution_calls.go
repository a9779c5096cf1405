package abuse

import (
	"fmt"

	w "github.com/iprt/iprt/internal/wasmtest"
)

// endlessHostCalls keeps the host busy: each call has as much to do as its arguments allow, and there is always another one.
func endlessHostCalls(c *corpus) {
	const pages = 1_000 // of memory, nearly all that a guest may have
	const much = pages * page
	set := func(at, v int32) w.Code { return w.Code{}.I32Const(at).I32Const(v).Mem(w.OpI32Store, 2, 0) }
	vector := cat(set(512, 0), set(516, much)) // one vector over all of memory
	for i, h := range []struct {
		iface, name string
		params      []byte
		before      w.Code
		args        w.Code
	}{
		{wasi, "random_get", i32s(2), nil, w.Code{}.I32Const(0).I32Const(much)},
		{wasi, "random_get", i32s(2), nil, w.Code{}.I32Const(1).I32Const(10_000)},
		{wasi, "fd_write", i32s(4), vector, w.Code{}.I32Const(1).I32Const(512).I32Const(1).I32Const(520)},
		{wasi, "fd_write", i32s(4), nil, w.Code{}.I32Const(2).I32Const(0).I32Const(much/8 - 1).I32Const(520)},
		{wasi, "poll_oneoff", i32s(4), nil, w.Code{}.I32Const(0).I32Const(0).I32Const(much / 48).I32Const(520)},
		{log, "write", i32s(3), nil, w.Code{}.I32Const(1).I32Const(0).I32Const(much)},
		{log, "write", i32s(3), nil, w.Code{}.I32Const(9).I32Const(0).I32Const(much)},
		{config, "get", i32s(4), nil, w.Code{}.I32Const(0).I32Const(much).I32Const(0).I32Const(much)},
	} {
		for _, fill := range []int32{0, 0x1b, 0xff} {
			c.add(Execution, fmt.Sprintf("host-call-loop/%s-%d-%#x", h.name, i, fill), "host calls with much to do, without end", func() []Step {
				opts := []w.Option{w.Memory(pages, pages), w.Import(h.iface, h.name, h.params, i32)}
				if h.iface != wasi {
					opts = append(opts, w.Requires(h.iface))
				}
				all := w.Code{}.I32Const(0).I32Const(fill).I32Const(much).Raw(0xfc, 11, 0)
				code := cat(all, h.before, w.Code{}.Loop(w.Void), h.args, w.Code{}.Call(0).Op(w.OpDrop).Br(0).End(), w.Code{}.I64Const(1))
				return []Step{
					{Do: Load{Place: "it", Wasm: w.Codec(append(opts, w.Body(decode, code))...), Grants: []string{log, config}}, Want: []Outcome{OK}},
					{Do: Call{Place: "it", Export: "decode"}, Want: stopped, Within: patience},
				}
			})
		}
	}
}
