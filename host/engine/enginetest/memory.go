package enginetest

import (
	"errors"
	"math"
	"testing"

	"github.com/iprt/iprt/host/engine"
	wt "github.com/iprt/iprt/internal/wasmtest"
)

const page = 64 << 10

var memoryTests = map[string]func(*testing.T, engine.Engine){
	"view":                   testView,
	"grow":                   testGrow,
	"grow from nothing":      testGrowFromNothing,
	"limit":                  testLimit(2*page, 2),
	"limit within a page":    testLimit(2*page+page/2, 2),
	"limit above the module": testLimit(1<<32, 4),
	"limit huge":             testLimit(math.MaxUint64, 4),
	"no limit":               testLimit(0, 4),
	"limit too low":          testLimitTooLow,
	"data out of bounds":     testDataOutOfBounds,
}

// grower has a memory of 1 to 4 pages. "grow" grows it, "set" stores a byte at its last
// address and "get" loads one.
func grower(min uint32) []byte {
	b := wt.New()
	b.Memory(min, 4)
	b.Export("grow", wt.KindFunc, b.Func(types(wt.I32), types(wt.I32), nil, wt.Code{}.LocalGet(0).MemoryGrow()))
	b.Export("size", wt.KindFunc, b.Func(nil, types(wt.I32), nil, wt.Code{}.MemorySize()))
	b.Export("set", wt.KindFunc, b.Func(types(wt.I32, wt.I32), nil, nil, wt.Code{}.LocalGet(0).LocalGet(1).Mem(wt.OpI32Store8, 0, 0)))
	b.Export("get", wt.KindFunc, b.Func(types(wt.I32), types(wt.I32), nil, wt.Code{}.LocalGet(0).Mem(wt.OpI32Load8U, 0, 0)))
	return b.Bytes()
}

func testView(t *testing.T, e engine.Engine) {
	mem := instantiate(t, e, grower(1)).Memory()
	views := []struct {
		ptr, n uint32
		ok     bool
	}{
		{0, 0, true}, {0, page, true}, {page - 1, 1, true}, {page, 0, true}, {page / 2, page / 2, true},
		{0, page + 1, false}, {page, 1, false}, {page - 1, 2, false}, {page + 1, 0, false},
		{math.MaxUint32, 1, false}, {math.MaxUint32, math.MaxUint32, false}, {1, math.MaxUint32, false},
		{0, math.MaxUint32, false}, {math.MaxUint32, 0, false}, {1 << 31, 1 << 31, false},
	}
	for _, v := range views {
		b, ok := mem.View(v.ptr, v.n)
		if ok != v.ok || (ok && len(b) != int(v.n)) || (!ok && b != nil) {
			t.Errorf("View(%#x, %#x) = %d bytes, %v; want %v", v.ptr, v.n, len(b), ok, v.ok)
		}
		if cap(b) != len(b) {
			t.Errorf("View(%#x, %#x) can be appended to in place", v.ptr, v.n)
		}
	}
}

func testGrow(t *testing.T, e engine.Engine) {
	inst := instantiate(t, e, grower(1))
	mustCall(t, inst, "set", 100, 1)
	for _, step := range []struct{ delta, want, pages uint64 }{
		{0, 1, 1}, {1, 1, 2}, {3, math.MaxUint32, 2}, {math.MaxUint32, math.MaxUint32, 2},
		{1, 2, 3}, {1, 3, 4}, {1, math.MaxUint32, 4}, {0, 4, 4},
	} {
		if got := mustCall(t, inst, "grow", step.delta); got != step.want {
			t.Errorf("grow(%d) = %#x, want %#x", step.delta, got, step.want)
		}
		if got := inst.Memory().Size(); got != step.pages*page {
			t.Errorf("size is %d after grow(%d), want %d pages", got, step.delta, step.pages)
		}
		last := uint32(step.pages*page - 1)
		if b, ok := inst.Memory().View(last, 1); !ok || b[0] != 0 {
			t.Errorf("last byte is %v, %v", b, ok)
		}
	}
	b, _ := inst.Memory().View(100, 1)
	if b[0] != 1 {
		t.Error("growing lost what was written")
	}
	b[0] = 2
	if got := mustCall(t, inst, "get", 100); got != 2 {
		t.Errorf("guest sees %d, want what the host wrote", got)
	}
}

func testGrowFromNothing(t *testing.T, e engine.Engine) {
	inst, err := compile(t, e, grower(0)).Instantiate(t.Context(), engine.InstanceOptions{MaxMemoryBytes: page})
	if err != nil {
		t.Fatal(err)
	}
	mem := inst.Memory()
	if mem == nil || mem.Size() != 0 {
		t.Fatalf("memory is %v", mem)
	}
	if got := mustCall(t, inst, "grow", 2); got != math.MaxUint32 {
		t.Errorf("grow(2) = %#x", got)
	}
	if got := mustCall(t, inst, "grow", 1); got != 0 || mem.Size() != page {
		t.Errorf("grow(1) = %#x, size %d", got, mem.Size())
	}
}

// testLimit checks how many pages a memory of 1 to 4 gets to under a limit.
func testLimit(limit, pages uint64) func(*testing.T, engine.Engine) {
	return func(t *testing.T, e engine.Engine) {
		inst, err := compile(t, e, grower(1)).Instantiate(t.Context(), engine.InstanceOptions{MaxMemoryBytes: limit})
		if err != nil {
			t.Fatal(err)
		}
		for n := uint64(1); n < pages; n++ {
			if got := mustCall(t, inst, "grow", 1); got != n {
				t.Errorf("grow(1) = %#x at %d pages", got, n)
			}
		}
		if got := mustCall(t, inst, "grow", 1); got != math.MaxUint32 {
			t.Errorf("grow(1) = %#x at %d pages, want -1", got, pages)
		}
		if got := mustCall(t, inst, "size"); got != pages {
			t.Errorf("memory.size = %d, want %d", got, pages)
		}
	}
}

func testLimitTooLow(t *testing.T, e engine.Engine) {
	code := compile(t, e, grower(3))
	for _, limit := range []uint64{1, page, 3*page - 1} {
		_, err := code.Instantiate(t.Context(), engine.InstanceOptions{MaxMemoryBytes: limit})
		var tooLow *engine.MemoryLimitError
		if !errors.As(err, &tooLow) || tooLow.Need != 3*page || tooLow.Limit > limit {
			t.Errorf("limit %d gave %v", limit, err)
		}
	}
	if _, err := code.Instantiate(t.Context(), engine.InstanceOptions{MaxMemoryBytes: 3 * page}); err != nil {
		t.Errorf("the code is of no more use: %v", err)
	}
}

func testDataOutOfBounds(t *testing.T, e engine.Engine) {
	b := wt.New()
	b.Memory(1, 1)
	b.Data(page-1, []byte("xy"))
	_, err := compile(t, e, b.Bytes()).Instantiate(t.Context(), engine.InstanceOptions{})
	var inst *engine.InstantiateError
	if !errors.As(err, &inst) {
		t.Errorf("error is %T %v, want an InstantiateError", err, err)
	}
}
