package meter_test

import (
	"bytes"
	"testing"

	"github.com/iprt/iprt/host/meter"
	w "github.com/iprt/iprt/internal/wasmtest"
)

// TestDeep: whatever the frames are like, the slots run out before the stack of the engine does.
func TestDeep(t *testing.T) {
	recursions := map[string]*w.Builder{}
	add := func(name string, params []byte, locals uint32, before, after w.Code) {
		b := w.New()
		args := bytes.Repeat(w.Code{}.LocalGet(0), len(params))
		code := w.Code(w.Cat(before, args, w.Code{}.Call(0), after))
		b.Export("f", w.KindFunc, b.Func(params, nil, []w.Local{{Count: locals, Type: w.I64}}, code))
		recursions[name] = b
	}
	// Values are kept beyond the call, so that the engine cannot leave them out.
	use := func(n uint32) (set, get w.Code) {
		for i := range n {
			set = append(set, w.Code{}.I64Const(int64(i)).LocalSet(i)...)
			get = append(get, w.Code{}.LocalGet(i).Op(w.OpDrop)...)
		}
		return set, get
	}
	for _, n := range []uint32{0, 31, 33, 300, 1900} {
		set, get := use(n)
		add("locals", nil, n, set, get)
		operands := bytes.Repeat(w.Code{}.I32Const(1), int(n)+1)
		add("operands", nil, 0, operands, bytes.Repeat([]byte{w.OpDrop}, int(n)+1))
		for name, cfg := range engineConfigs {
			e := newEngine(t, cfg)
			for what, b := range recursions {
				g := instantiate(t, e, rewrite(t, b.Bytes(), meter.Config{}))
				g.setFuel(1 << 40)
				if _, err := g.call("f"); err == nil || g.depth() >= 0 {
					t.Errorf("%s: %d %s: %v, depth %d", name, n, what, err, g.depth())
				}
			}
		}
	}
	add("params", bytes.Repeat([]byte{w.I32}, 32), 0, nil, nil)
	for name, cfg := range engineConfigs {
		g := instantiate(t, newEngine(t, cfg), rewrite(t, recursions["params"].Bytes(), meter.Config{}))
		g.setFuel(1 << 40)
		if _, err := g.call("f", make([]uint64, 32)...); err == nil || g.depth() >= 0 {
			t.Errorf("%s: parameters: %v, depth %d", name, err, g.depth())
		}
	}
}
