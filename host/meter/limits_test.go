package meter_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/iprt/iprt/host/engine"
	"github.com/iprt/iprt/host/meter"
	w "github.com/iprt/iprt/internal/wasmtest"
)

// TestSlices: whatever the size of the slices, what is burnt is the same, and the first slice beyond the budget ends the call.
func TestSlices(t *testing.T) {
	e := newEngine(t, engineConfigs["compiler"])
	for seed := range uint64(60) {
		p := generate(seed)
		args := make([]uint64, p.funcs[0].params)
		o, end := runOracle(p, make([]uint32, len(args)), fullDepth)
		if end == endless {
			continue
		}
		fresh := compile(t, e, rewrite(t, p.wasm(), meter.Config{}))
		for _, size := range []int64{1, 2, 3, 7, 100, 1000, 1_000_000} {
			g := fresh()
			given := int64(0)
			g.slice = func(fuel int64) (int64, error) {
				if fuel >= 0 {
					t.Fatalf("asks for more with %d left", fuel)
				}
				n := size * (-fuel/size + 1)
				given += n
				return fuel + n, nil
			}
			_, err := g.call("f", args...)
			if burnt := given - g.fuel(); burnt != o.burnt || (err == nil) != (end == returned) {
				t.Errorf("seed %d, slices of %d: burns %d, %v; the oracle %d, %s", seed, size, burnt, err, o.burnt, end)
			}
		}
	}
}

// TestBudget: a call succeeds if and only if its budget is what it burns.
func TestBudget(t *testing.T) {
	e := newEngine(t, engineConfigs["compiler"])
	tried := 0
	for seed := range uint64(200) {
		p := generate(seed)
		args := make([]uint64, p.funcs[0].params)
		o, end := runOracle(p, make([]uint32, len(args)), fullDepth)
		if end != returned || o.burnt == 0 {
			continue
		}
		tried++
		for _, f := range []meter.Flavour{meter.Slices, meter.OneSlice} {
			fresh := compile(t, e, rewrite(t, p.wasm(), meter.Config{Flavour: f}))
			r := rand.New(rand.NewPCG(seed, 3))
			for _, budget := range []int64{o.burnt, o.burnt - 1, r.Int64N(o.burnt)} {
				g := fresh()
				g.setFuel(budget)
				_, err := g.call("f", args...)
				if ok := err == nil && g.fuel() >= 0; ok != (budget == o.burnt) {
					t.Errorf("seed %d: %d of %d is enough: %v (%v)", seed, budget, o.burnt, ok, err)
				}
				if err != nil && g.fuel() >= 0 {
					t.Errorf("seed %d: trapped with %d left: %v", seed, g.fuel(), err)
				}
			}
		}
	}
	if tried < 100 {
		t.Errorf("only %d programs", tried)
	}
}

// TestOvershoot: a body of thousands of fills, which has no loop, stops at the first that is not paid for.
func TestOvershoot(t *testing.T) {
	const length, budget = 10_000, 1_000_000
	var fills w.Code
	one := w.Code{}.I32Const(0).I32Const(1).LocalGet(0).Raw(0xfc, 11, 0)
	for range 1500 {
		fills = append(fills, one...)
	}
	b := w.New()
	b.Memory(1, 1)
	b.Export("f", w.KindFunc, b.Func([]byte{w.I32}, nil, nil, fills))
	for name, cfg := range engineConfigs {
		g := instantiate(t, newEngine(t, cfg), rewrite(t, b.Bytes(), meter.Config{}))
		g.setFuel(budget)
		_, err := g.call("f", length)
		if !errors.Is(err, errOutOfFuel) || g.fuel() < -length-1500*13 {
			t.Errorf("%s: %v, fuel %d", name, err, g.fuel())
		}
	}
}

// growing is a module whose functions m and t grow its memory (1 to 10 pages) and its table (2 to 20).
func growing() []byte {
	b := w.New()
	b.Memory(1, 10)
	b.Table(2, 20)
	b.Export("m", w.KindFunc, b.Func([]byte{w.I32}, []byte{w.I32}, nil, w.Code{}.LocalGet(0).MemoryGrow()))
	b.Export("t", w.KindFunc, b.Func([]byte{w.I32}, []byte{w.I32}, nil, w.Code{}.RefNull(w.FuncRef).LocalGet(0).TableGrow()))
	return b.Bytes()
}

// TestLimits: one compilation serves instances with limits of their own, up to the class.
func TestLimits(t *testing.T) {
	const no = 1<<32 - 1
	for name, cfg := range engineConfigs {
		e := newEngine(t, cfg)
		for _, c := range []struct {
			class, limit uint32 // of both; limit 0: as it is at first
			m, t         uint64 // the most that can be added
		}{
			{100, 0, 9, 18},
			{100, 5, 4, 3},
			{100, 1000, 9, 18},
			{8, 0, 7, 6},
			{8, 1 << 31, 7, 6},
		} {
			wasm := rewrite(t, growing(), meter.Config{MaxMemoryPages: c.class, MaxTableElements: c.class})
			g := instantiate(t, e, wasm)
			g.setFuel(1 << 40)
			if c.limit != 0 {
				g.global(meter.ExportMemoryLimit).Set(uint64(c.limit))
				g.global(meter.ExportTableLimit).Set(uint64(c.limit))
			}
			for _, f := range []struct {
				name            string
				most, old, fuel uint64
			}{{"m", c.m, 1, 65536}, {"t", c.t, 2, 8}} {
				for _, step := range []struct{ n, want uint64 }{{f.most + 1, no}, {no, no}, {0, f.old}, {f.most, f.old}, {1, no}, {0, f.old + f.most}} {
					before := g.fuel()
					got, err := g.call(f.name, step.n)
					if err != nil || got[0] != step.want {
						t.Fatalf("%s, class %d, limit %d: %s(%d) gives %d, %v; want %d", name, c.class, c.limit, f.name, step.n, got, err, step.want)
					}
					want := uint64(len(f.name)) // local.get
					if f.name == "t" {
						want++ // ref.null
					}
					if step.want != no {
						want += 100 + f.fuel*step.n
					}
					if burnt := uint64(before - g.fuel()); burnt != want {
						t.Errorf("%s: %s(%d) burns %d, want %d", name, f.name, step.n, burnt, want)
					}
				}
			}
		}
	}
}

// TestMemoryGaveOut: a guest does not see that the engine had no memory for it.
func TestMemoryGaveOut(t *testing.T) {
	for name, cfg := range engineConfigs {
		for _, f := range []meter.Flavour{meter.Slices, meter.OneSlice} {
			e := newEngine(t, cfg)
			g := instantiate(t, e, rewrite(t, growing(), meter.Config{Flavour: f}))
			code, err := e.Compile(g.ctx, rewrite(t, growing(), meter.Config{Flavour: f}), imports())
			if err != nil {
				t.Fatal(err)
			}
			if g.inst, err = code.Instantiate(g.ctx, engine.InstanceOptions{MaxMemoryBytes: 3 << 16}); err != nil {
				t.Fatal(err)
			}
			asked := int64(0)
			g.slice = func(fuel int64) (int64, error) { asked = fuel; return 0, errors.New("no memory") }
			g.setFuel(1 << 40)
			if _, err := g.call("m", 2); err != nil {
				t.Fatal(err)
			}
			_, err = g.call("m", 1)
			if f == meter.OneSlice {
				asked = g.fuel()
			}
			if err == nil || asked != meter.MemoryGaveOut {
				t.Errorf("%s, %s: %v, asked with %d", name, f, err, asked)
			}
		}
	}
}

// TestGlobals: the host reaches each mutable numeric global of the guest.
func TestGlobals(t *testing.T) {
	b := w.New()
	b.Global(w.I32, true, w.Code{}.I32Const(-5))
	b.Global(w.I64, false, w.Code{}.I64Const(1))
	b.Global(w.I64, true, w.Code{}.I64Const(-7))
	b.Global(w.FuncRef, true, w.Code{}.RefNull(w.FuncRef))
	b.Global(w.F32, true, w.Code{}.Raw(0x43, 0, 0, 0x80, 0x3f))
	b.Global(w.F64, true, w.Code{}.Raw(0x44, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f))
	b.Export("get", w.KindFunc, b.Func(nil, []byte{w.I32}, nil, w.Code{}.GlobalGet(0)))
	g := instantiate(t, newEngine(t, engineConfigs["compiler"]), rewrite(t, b.Bytes(), meter.Config{}))
	for i, want := range map[int]uint64{0: 1<<32 - 5, 2: 1<<64 - 7, 4: 0x3f800000, 5: 0x3ff0000000000000} {
		if got := g.global(fmt.Sprint(meter.ExportGlobal, i)).Get(); got != want {
			t.Errorf("global %d is %#x, want %#x", i, got, want)
		}
	}
	for _, i := range []int{1, 3, 6} {
		if _, ok := g.inst.Global(fmt.Sprint(meter.ExportGlobal, i)); ok {
			t.Errorf("global %d is exported", i)
		}
	}
	g.global(meter.ExportGlobal + "0").Set(99)
	if got, err := g.call("get"); err != nil || got[0] != 99 {
		t.Errorf("%d, %v", got, err)
	}
	for name, want := range map[string]uint64{meter.ExportFuel: 1<<64 - 1 /* get has burnt 1 */, meter.ExportDepth: meter.MaxDepth, meter.ExportMemoryLimit: 0, meter.ExportTableLimit: 0} {
		if got := g.global(name).Get(); got != want {
			t.Errorf("%s is %d, want %d", name, int64(got), want)
		}
	}
}
