package generated

import (
	"context"
	"encoding/binary"
	"errors"
	"maps"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/iprt/iprt/host/engine"
	"github.com/iprt/iprt/host/meter"
	"github.com/iprt/iprt/host/validate"
)

// What accepted modules may cost to compile.
const (
	maxCompile = 2 * time.Second
	maxMemory  = 512 << 20
)

// modules is how many are made: 30, or $GENERATED.
func modules(t *testing.T) int {
	n, err := strconv.Atoi(os.Getenv("GENERATED"))
	if err != nil {
		n = 30
	}
	return n
}

func TestEnginesAgree(t *testing.T) {
	wasmOpt := binaryen(t)
	dir, open := t.TempDir(), engines(t)
	n := modules(t)
	rejects := map[string]int{}
	var ran, limited, calls, invalid int
	var fuel int64
	var slowest time.Duration
	for i := 0; i < n+invalid; i++ {
		wasm := generate(t, wasmOpt, dir, i)
		if compiles(t, open, wasm) != nil {
			invalid++
			continue
		}
		info, err := validate.Module(wasm, validate.Rules{Set: validate.Shape})
		if err != nil {
			var v *validate.Error
			if !errors.As(err, &v) {
				t.Fatal(err)
			}
			if rejects[v.Rule] == 0 {
				t.Logf("module %d: %v", i, v)
			}
			rejects[v.Rule]++
			continue
		}
		end := agree(t, open, wasm, info, i)
		ran++
		calls += len(end.Steps)
		fuel += end.Fuel
		slowest = max(slowest, end.Compile)
		if end.Limited {
			limited++
		}
	}
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	t.Logf("%d modules (and %d that are not valid), %d run with %d calls on %d engines, %d ended at a limit, %d fuel, slowest compilation %v, %d MiB from the system",
		n, invalid, ran, calls, len(open), limited, fuel, slowest, mem.Sys>>20)
	for _, rule := range slices.Sorted(maps.Keys(rejects)) {
		t.Logf("%5d refused by %s", rejects[rule], rule)
	}
	if ran*100 < n*95 {
		t.Errorf("%d of %d modules were accepted, expected at least 95%%", ran, n)
	}
	if mem.Sys > maxMemory {
		t.Errorf("the process has %d bytes from the system, expected at most %d", mem.Sys, maxMemory)
	}
}

// compiles tells modules that are not valid, which are not counted; see references. What does not compile must not compile metered either.
func compiles(t *testing.T, open map[string]engine.Engine, wasm []byte) error {
	t.Helper()
	code, err := open["interpreted"].Compile(context.Background(), wasm, (&machine{}).imports())
	if err == nil {
		return code.Close(context.Background())
	}
	info, refused := validate.Module(wasm, validate.Rules{Set: validate.Shape})
	if refused == nil {
		metered := rewrite(t, wasm, info, 0, meter.Config{})
		if code, err := open["interpreted"].Compile(context.Background(), metered, (&machine{}).imports()); err == nil {
			t.Errorf("metered a module compiles that is not valid: %v", err)
			_ = code.Close(context.Background())
		}
	}
	return err
}

// agree runs a module in all ways, compares, and returns how the metered ones came out.
func agree(t *testing.T, open map[string]engine.Engine, wasm []byte, info *validate.Info, n int) ending {
	t.Helper()
	canonical := rewrite(t, wasm, info, n, meter.Config{})
	faithful := rewrite(t, wasm, info, n, meter.Config{KeepNaN: true})
	var first ending
	for i, name := range slices.Sorted(maps.Keys(open)) {
		e := open[name]
		end := run(t, e, canonical, info, n, true)
		if end.Compile > maxCompile {
			t.Errorf("module %d, %s: compiled in %v, expected at most %v", n, name, end.Compile, maxCompile)
		}
		if i == 0 {
			first = end
		} else {
			same(t, n, name, end, first)
		}
		if end.Limited {
			continue // without a meter it might not end
		}
		if keepsSegments(e) && segments(t, canonical) != segments(t, wasm) {
			continue // unmetered this engine runs memory.init on data that is gone; the meter sees to that
		}
		plain, same1 := run(t, e, wasm, info, n, false), run(t, e, faithful, info, n, true)
		same1.State, _, _ = cutGlobals(same1.State)
		plain.Fuel = same1.Fuel
		same(t, n, name+", unmetered", plain, same1)
		if same1.Fuel != first.Fuel && !hasNaN(first, same1) {
			t.Errorf("module %d, %s: %d fuel with NaNs kept, %d without", n, name, same1.Fuel, first.Fuel)
		}
	}
	return first
}

// keepsSegments reports whether an engine leaves active data segments to memory.init, against the specification.
func keepsSegments(e engine.Engine) bool { return strings.HasPrefix(e.Name(), "wazero ") }

// segments is the number of data segments that a module declares before its code. The meter adds one if there is a memory.init
// of an active one.
func segments(t *testing.T, wasm []byte) uint64 {
	t.Helper()
	const header, dataCount = 8, 12
	for rest := wasm[header:]; len(rest) > 0; {
		id := rest[0]
		size, n := binary.Uvarint(rest[1:])
		body := rest[1+n:][:size]
		if id == dataCount {
			count, _ := binary.Uvarint(body)
			return count
		}
		rest = rest[1+n+int(size):]
	}
	return 0
}

// hasNaN reports whether keeping NaNs changed anything that can be seen; then it may have changed the way of the module too.
func hasNaN(a, b ending) bool {
	state, _, _ := cutGlobals(a.State)
	return !slices.Equal(a.Steps, b.Steps) || state != b.State
}

func rewrite(t *testing.T, wasm []byte, info *validate.Info, n int, cfg meter.Config) []byte {
	t.Helper()
	out, err := meter.Rewrite(wasm, info, cfg)
	if err != nil {
		t.Fatalf("module %d: %v", n, err)
	}
	return out
}

func run(t *testing.T, e engine.Engine, wasm []byte, info *validate.Info, n int, isMetered bool) ending {
	t.Helper()
	end, err := play(context.Background(), e, wasm, info, isMetered)
	if err != nil {
		t.Fatalf("module %d, %s: %v", n, e.Name(), err)
	}
	return end
}

func same(t *testing.T, n int, name string, got, want ending) {
	t.Helper()
	for i := range min(len(got.Steps), len(want.Steps)) {
		if got.Steps[i] != want.Steps[i] {
			t.Errorf("module %d, %s, call %d: %s\nelsewhere: %s", n, name, i, got.Steps[i], want.Steps[i])
			return
		}
	}
	if len(got.Steps) != len(want.Steps) || got.State != want.State || got.Fuel != want.Fuel {
		t.Errorf("module %d, %s: %d calls, %d fuel, %s; elsewhere %d, %d, %s", n, name,
			len(got.Steps), got.Fuel, got.State, len(want.Steps), want.Fuel, want.State)
	}
}
