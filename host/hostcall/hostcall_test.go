package hostcall_test

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"testing"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host/engine"
	"github.com/iprt/iprt/host/hostcall"
	"github.com/iprt/iprt/host/hostcall/wasi"
)

// TestTable compares the functions with the table that is generated from the
// specification: each is there once, with the same signature.
func TestTable(t *testing.T) {
	type key struct{ iface, name string }
	seen := make(map[key]engine.FuncType)
	for _, f := range hostcall.Functions() {
		k := key{f.Module, f.Name}
		if _, twice := seen[k]; twice || f.Fn == nil {
			t.Errorf("%v: twice, or without a function", k)
		}
		seen[k] = f.Type
	}
	if len(seen) != len(abi.Calls) || len(seen) == 0 {
		t.Errorf("%d functions, %d in the specification", len(seen), len(abi.Calls))
	}
	for _, c := range abi.Calls {
		got, ok := seen[key{c.Interface, c.Name}]
		if want := (engine.FuncType{Params: c.Params, Results: c.Results}); !ok || !got.Equal(want) {
			t.Errorf("%s %s is %v, %v; want %v", c.Interface, c.Name, got, ok, want)
		}
	}
	// The levels of the ABI are the indices of a table here.
	if got := []abi.LogLevel{abi.LogDebug, abi.LogInfo, abi.LogWarn, abi.LogError}; !slices.Equal(got, []abi.LogLevel{0, 1, 2, 3}) {
		t.Errorf("levels are %d", got)
	}
}

// memory stands in for a guest's.
type memory []byte

func (m memory) Size() uint64 { return uint64(len(m)) }

func (m memory) View(ptr, n uint32) ([]byte, bool) {
	end := uint64(ptr) + uint64(n)
	if end > uint64(len(m)) {
		return nil, false
	}
	return m[ptr:end:end], true
}

// guest calls functions as a guest would.
type guest struct {
	t     *testing.T
	mem   memory
	state *hostcall.State
	log   bytes.Buffer
}

func newGuest(t *testing.T, level slog.Level, o hostcall.Options) *guest {
	g := &guest{t: t, mem: make(memory, 1024)}
	o.Log = slog.New(slog.NewTextHandler(&g.log, &slog.HandlerOptions{
		Level: level,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	}))
	g.state = hostcall.New(o)
	return g
}

func find(t *testing.T, iface, name string) engine.HostFunc {
	t.Helper()
	for _, f := range slices.Concat(hostcall.Functions(), wasi.Functions()) {
		if f.Module == iface && f.Name == name {
			return f.Fn
		}
	}
	t.Fatalf("no %s %s", iface, name)
	return nil
}

func (g *guest) call(iface, name string, args ...uint64) int32 {
	g.t.Helper()
	if err := find(g.t, iface, name)(hostcall.With(g.t.Context(), g.state), g.mem, args); err != nil {
		g.t.Fatalf("%s %s: %v", iface, name, err)
	}
	if args[0]>>32 != 0 {
		g.t.Errorf("result is %#x, more than an i32", args[0])
	}
	return int32(args[0])
}

func (g *guest) write(level uint64, text string) int32 {
	g.t.Helper()
	copy(g.mem, text)
	return g.call(abi.InterfaceLog, abi.CallLogWrite, level, 0, uint64(len(text)))
}

func status(s abi.Status) int32 { return -int32(s) }

func TestNoState(t *testing.T) {
	for _, f := range hostcall.Functions() {
		if err := f.Fn(t.Context(), memory(nil), make([]uint64, 8)); err == nil {
			t.Errorf("%s %s works without a State", f.Module, f.Name)
		}
	}
}

func TestContext(t *testing.T) {
	type key struct{}
	s := hostcall.New(hostcall.Options{})
	parent, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "value"))
	ctx := hostcall.With(parent, s)
	if ctx.Value(key{}) != "value" {
		t.Error("values of the parent are lost")
	}
	if _, ok := ctx.Value(wasi.StateKey{}).(*wasi.State); !ok {
		t.Error("no state for WASI")
	}
	if s.ContextValue(key{}) != nil {
		t.Error("ContextValue knows a foreign key")
	}
	cancel()
	if ctx.Err() == nil {
		t.Error("the parent's end is lost")
	}
	inner := hostcall.With(ctx, hostcall.New(hostcall.Options{}))
	if inner.Value(wasi.StateKey{}) == ctx.Value(wasi.StateKey{}) {
		t.Error("the inner state does not hide the outer one")
	}
}

// TestCallAllocatesNothing: what guests call often costs no garbage.
func TestCallAllocatesNothing(t *testing.T) {
	g := newGuest(t, slog.LevelError, hostcall.Options{Config: map[string][]byte{"key": []byte("value")}})
	copy(g.mem, "key")
	ctx := hostcall.With(t.Context(), g.state)
	for name, c := range map[string]struct {
		fn   engine.HostFunc
		args [4]uint64
	}{
		"config": {find(t, abi.InterfaceConfig, abi.CallConfigGet), [4]uint64{0, 3, 100, 16}},
		"log":    {find(t, abi.InterfaceLog, abi.CallLogWrite), [4]uint64{0, 0, 3}}, // filtered
		"clock":  {find(t, abi.InterfaceWASI, "clock_time_get"), [4]uint64{1, 0, 200}},
		"random": {find(t, abi.InterfaceWASI, "random_get"), [4]uint64{200, 40}},
	} {
		var mem engine.Memory = g.mem
		stack := make([]uint64, len(c.args))
		allocs := testing.AllocsPerRun(100, func() {
			copy(stack, c.args[:])
			if err := c.fn(ctx, mem, stack); err != nil {
				t.Error(err)
			}
		})
		if allocs != 0 {
			t.Errorf("%s makes %v allocations", name, allocs)
		}
	}
}
