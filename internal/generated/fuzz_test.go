package generated

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/iprt/iprt/host/engine"
	"github.com/iprt/iprt/host/meter"
	"github.com/iprt/iprt/host/validate"
	"github.com/iprt/iprt/internal/wasmtest"
)

// FuzzEngines makes a program of any bytes and holds all engines of this build to one another, metered in both flavours and not. Besides
// what [TestEnginesAgree] compares, it does so after traps and at the ends of fuel and depth. It needs no other tool.
func FuzzEngines(f *testing.F) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 3))
		b := make([]byte, 50+r.IntN(1000))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		f.Add(b, seed%2 == 0)
	}
	open := engines(f)
	names := slices.Sorted(maps.Keys(open))
	f.Fuzz(func(t *testing.T, b []byte, nans bool) {
		if len(b) > 2000 {
			return
		}
		wasm := wasmtest.Program(b, nans)
		info, err := validate.Module(wasm, validate.Rules{Set: validate.Shape})
		if err != nil {
			t.Fatal(err)
		}
		versions := map[string][]byte{"unmetered": wasm}
		for name, cfg := range map[string]meter.Config{
			"slices": {}, "one slice": {Flavour: meter.OneSlice}, "NaNs kept": {KeepNaN: true},
		} {
			versions[name] = rewrite(t, wasm, info, 0, cfg)
		}
		first := history(t, open[names[0]], versions["slices"], info)
		for _, name := range names {
			e := open[name]
			equal(t, name+", slices", history(t, e, versions["slices"], info), first)
			equal(t, name+", one slice", history(t, e, versions["one slice"], info), first)
			faithful := history(t, e, versions["NaNs kept"], info)
			if !nans {
				equal(t, name+", NaNs kept where there are none", faithful, first)
			}
			if faithful.limited() {
				continue // without a meter it might not end
			}
			plain := history(t, e, wasm, info)
			for i := range faithful {
				faithful[i].fuel, faithful[i].globals = 0, ""
			}
			equal(t, name+", unmetered", plain, faithful)
		}
	})
}

// moment is what can be seen after one call. Two that are the same compare equal.
type moment struct {
	call    string
	state   string // memory, and its size
	globals string // metered only
	fuel    int64  // used
	limited bool
}

type moments []moment

func (h moments) limited() bool {
	return slices.ContainsFunc(h, func(m moment) bool { return m.limited })
}

// fuzzBudget is the fuel of one call: more than nearly every program needs, and little enough for an interpreter to be quick.
const fuzzBudget = 300_000

// history runs every export with three sets of arguments on one instance, in spite of traps, up to the first call that needs a limit.
func history(t *testing.T, e engine.Engine, wasm []byte, info *validate.Info) moments {
	t.Helper()
	ctx := context.Background()
	m := &machine{budget: fuzzBudget}
	code, err := e.Compile(ctx, wasm, m.imports())
	if err != nil {
		t.Fatalf("%s: %v", e.Name(), err)
	}
	defer code.Close(ctx)
	if m.inst, err = code.Instantiate(ctx, engine.InstanceOptions{}); err != nil {
		t.Fatalf("%s: %v", e.Name(), err)
	}
	defer m.inst.Close(ctx)
	_, isMetered := m.inst.Global(meter.ExportFuel)
	if isMetered {
		m.fuel, m.depth = m.global(meter.ExportFuel), m.global(meter.ExportDepth)
	}
	var all moments
	for _, name := range exports(info) {
		f, ok := m.inst.Func(name)
		if !ok {
			t.Fatalf("%s: no function %s", e.Name(), name)
		}
		for set := range 3 {
			var end ending
			now := moment{call: name + ": " + m.call(ctx, f, arguments(f.Type(), set), &end), fuel: end.Fuel}
			now.limited = isMetered && (end.Limited || int64(m.fuel.Get()) < 0)
			if isMetered && now.call[len(name)+2] == '[' && m.depth.Get() != meter.MaxDepth {
				t.Fatalf("%s, %s: depth %d is left of %d", e.Name(), now.call, int32(m.depth.Get()), meter.MaxDepth)
			}
			if now.limited {
				now.call = name + " at a limit" // the flavours get there by different traps
			}
			now.state, now.globals, _ = cutGlobals(m.state(info, isMetered))
			if all = append(all, now); now.limited {
				return all
			}
		}
	}
	return all
}

func equal(t *testing.T, name string, got, want moments) {
	t.Helper()
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			t.Fatalf("%s, call %d: %+v\nelsewhere: %+v", name, i, got[i], want[i])
		}
	}
	if len(got) != len(want) {
		t.Fatalf("%s: %d calls, elsewhere %d", name, len(got), len(want))
	}
}
