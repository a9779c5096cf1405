package meter_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/iprt/iprt/host/meter"
)

// TestExact runs generated programs on both engines and in both flavours, and holds results, fuel and depth against the
// oracle; after a trap too.
func TestExact(t *testing.T) {
	programs := uint64(600)
	if testing.Short() {
		programs = 100
	}
	ends := map[outcome]int{}
	for name, cfg := range engineConfigs {
		t.Run(name, func(t *testing.T) {
			e := newEngine(t, cfg)
			for seed := range programs {
				p := generate(seed)
				r := rand.New(rand.NewPCG(seed, 2))
				args := make([]uint32, p.funcs[0].params)
				for i := range args {
					args[i] = uint32(r.IntN(10))
				}
				depth := fullDepth
				if r.IntN(2) == 0 {
					depth = int64(r.IntN(200))
				}
				o, end := runOracle(p, args, depth)
				ends[end]++
				if end == endless {
					continue
				}
				for _, f := range []meter.Flavour{meter.Slices, meter.OneSlice} {
					compare(t, fmt.Sprintf("seed %d, %s", seed, f), instantiate(t, e, rewrite(t, p.wasm(), meter.Config{Flavour: f})), args, depth, o, end)
				}
			}
		})
	}
	for _, end := range []outcome{returned, trapped, exhausted} {
		if ends[end] < int(programs/30) {
			t.Errorf("only %d programs %s", ends[end], end)
		}
	}
	t.Logf("%v", ends)
}

func compare(t *testing.T, name string, g *guest, args []uint32, depth int64, o *oracle, end outcome) {
	t.Helper()
	const budget = 1 << 40
	g.setFuel(budget)
	g.setDepth(int32(depth))
	stack := make([]uint64, len(args))
	for i, a := range args {
		stack[i] = uint64(a)
	}
	results, err := g.call("f", stack...)
	if burnt := budget - g.fuel(); burnt != o.burnt {
		t.Errorf("%s: burns %d, the oracle %d (%s, %v)", name, burnt, o.burnt, end, err)
	}
	if (err == nil) != (end == returned) {
		t.Fatalf("%s: %v, the oracle %s", name, err, end)
	}
	if deep := g.depth() < 0; deep != (end == exhausted) {
		t.Errorf("%s: depth %d, the oracle %s", name, g.depth(), end)
	}
	if err != nil {
		return
	}
	if int64(g.depth()) != depth {
		t.Errorf("%s: depth %d is left of %d", name, g.depth(), depth)
	}
	if !slices.EqualFunc(results, o.results, func(a uint64, b uint32) bool { return a == uint64(b) }) {
		t.Errorf("%s: gives %d, the oracle %d", name, results, o.results)
	}
	if n := g.inst.Memory().Size(); n != uint64(len(o.memory)) {
		t.Errorf("%s: %d bytes of memory, the oracle %d", name, n, len(o.memory))
	}
}
