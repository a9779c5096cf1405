package hostcall_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host/engine"
	"github.com/iprt/iprt/host/engine/wazero"
	"github.com/iprt/iprt/host/hostcall"
	"github.com/iprt/iprt/host/hostcall/wasi"
	wt "github.com/iprt/iprt/internal/wasmtest"
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

func TestLog(t *testing.T) {
	g := newGuest(t, slog.LevelDebug, hostcall.Options{})
	for level, text := range []string{"one", "two words", "es\x1b[31mcape\nforged=line", "\xff"} {
		if got := g.write(uint64(level), text); got != 0 {
			t.Errorf("level %d: %d", level, got)
		}
	}
	if got := g.call(abi.InterfaceLog, abi.CallLogWrite, 1, math.MaxUint32, 0); got != 0 {
		t.Errorf("empty text at a wild address: %d", got)
	}
	want := "level=DEBUG msg=one\nlevel=INFO msg=\"two words\"\n" +
		"level=WARN msg=\"es\\\\x1b[31mcape\\\\nforged=line\"\nlevel=ERROR msg=\\xff\nlevel=INFO msg=\"\"\n"
	if g.log.String() != want {
		t.Errorf("log is\n%s\nwant\n%s", &g.log, want)
	}
}

func TestLogHostile(t *testing.T) {
	g := newGuest(t, slog.LevelError, hostcall.Options{})
	for _, args := range [][]uint64{
		{4, 0, 1}, {math.MaxUint32, 0, 1}, {0, 1024, 1}, {0, 0, 1025}, {0, math.MaxUint32, 1},
		{0, math.MaxUint32, math.MaxUint32}, {0, 0, math.MaxUint32}, {3, 1, math.MaxUint32},
	} {
		if got := g.call(abi.InterfaceLog, abi.CallLogWrite, args...); got != status(abi.StatusInvalid) {
			t.Errorf("write%v = %d", args, got)
		}
	}
	if g.log.Len() != 0 {
		t.Errorf("log is %s", &g.log)
	}
}

func TestLogLevel(t *testing.T) {
	g := newGuest(t, slog.LevelWarn, hostcall.Options{Limits: hostcall.Limits{LogLines: 2}})
	for range 10 { // entries that nobody wants use up no budget
		if got := g.write(1, "info"); got != 0 {
			t.Errorf("write = %d", got)
		}
	}
	g.write(2, "warn")
	if want := "level=WARN msg=warn\n"; g.log.String() != want {
		t.Errorf("log is %q, want %q", &g.log, want)
	}
}

func TestLogLimits(t *testing.T) {
	tests := map[string]struct {
		limits hostcall.Limits
		text   string
		fits   int // entries
	}{
		"lines":         {hostcall.Limits{LogLines: 3}, "text", 3},
		"bytes":         {hostcall.Limits{LogBytes: 10}, "text", 2},
		"escaped bytes": {hostcall.Limits{LogBytes: 10}, "\x1b\x1b", 1},
		"line":          {hostcall.Limits{LogLine: 6, LogBytes: 12}, "a long text", 2},
		"default lines": {hostcall.Limits{}, "x", 1000},
		"default bytes": {hostcall.Limits{LogLine: 1024}, strings.Repeat("x", 1024), 256},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			g := newGuest(t, slog.LevelInfo, hostcall.Options{Limits: tc.limits})
			for round := range 2 {
				g.log.Reset()
				for n := range tc.fits + 3 {
					want := int32(0)
					if n >= tc.fits {
						want = status(abi.StatusLimit)
					}
					if got := g.write(1, tc.text); got != want {
						t.Fatalf("round %d, entry %d: %d, want %d", round, n, got, want)
					}
				}
				if got := strings.Count(g.log.String(), "\n"); got != tc.fits+1 {
					t.Errorf("%d lines, want %d and a notice", got, tc.fits)
				}
				if !strings.Contains(g.log.String(), "logs too much") {
					t.Error("no notice")
				}
				g.state.Renew()
			}
		})
	}
}

func TestLogLineIsCut(t *testing.T) {
	g := newGuest(t, slog.LevelInfo, hostcall.Options{Limits: hostcall.Limits{LogLine: 8}})
	g.write(1, "abcdefghijkl")
	if want := "level=INFO msg=abcde…\n"; g.log.String() != want {
		t.Errorf("log is %q, want %q", &g.log, want)
	}
}

// TestOutput has WASI output share the log and its budget, without the guest noticing.
func TestOutput(t *testing.T) {
	g := newGuest(t, slog.LevelInfo, hostcall.Options{Limits: hostcall.Limits{LogLines: 3}})
	text := "out\nre\x1bst"
	copy(g.mem[100:], text)
	copy(g.mem, []byte{100, 0, 0, 0, byte(len(text)), 0, 0, 0})
	for fd := range uint64(2) {
		if got := g.call(abi.InterfaceWASI, "fd_write", fd+1, 0, 1, 16); got != 0 {
			t.Errorf("fd_write = %d", got)
		}
	}
	g.state.EndCall()
	want := "level=INFO msg=out stream=stdout\nlevel=WARN msg=out stream=stderr\nlevel=INFO msg=re\\x1bst stream=stdout\n"
	if got, _, _ := strings.Cut(g.log.String(), "level=WARN msg=\"module logs"); got != want {
		t.Errorf("log is\n%s\nwant\n%s", got, want)
	}
	if got := g.call(abi.InterfaceWASI, "fd_write", 1, 0, 1, 16); got != 0 || g.mem[16] != byte(len(text)) {
		t.Errorf("fd_write = %d beyond the budget, %d bytes", got, g.mem[16])
	}
	if got := g.write(1, "x"); got != status(abi.StatusLimit) {
		t.Errorf("write = %d beyond the budget", got)
	}
}

func TestReset(t *testing.T) {
	g := newGuest(t, slog.LevelInfo, hostcall.Options{Limits: hostcall.Limits{LogLines: 1}})
	first := make([]byte, 32)
	for round := range 2 {
		g.call(abi.InterfaceWASI, "random_get", 100, 32)
		if round == 0 {
			copy(first, g.mem[100:])
		} else if !bytes.Equal(first, g.mem[100:132]) {
			t.Error("random bytes go on after a reset")
		}
		if got := g.write(1, "x"); got != 0 {
			t.Errorf("write = %d after a reset", got)
		}
		g.state.Reset()
	}
}

func TestConfig(t *testing.T) {
	config := map[string][]byte{"mode": []byte("strict"), "empty": {}, "": []byte("no name"), "bin\x00": {0, 255}}
	g := newGuest(t, slog.LevelInfo, hostcall.Options{Config: config})
	delete(config, "mode") // the instance keeps what it was given
	for _, tc := range []struct {
		key  string
		cap  uint64
		want int32
		out  string
	}{
		{"mode", 16, 6, "strict"}, {"mode", 6, 6, "strict"}, {"mode", 5, 6, ""}, {"mode", 0, 6, ""},
		{"empty", 4, 0, ""}, {"", 7, 7, "no name"}, {"bin\x00", 2, 2, "\x00\xff"},
		{"absent", 16, status(abi.StatusNotFound), ""}, {"mod", 16, status(abi.StatusNotFound), ""},
	} {
		clear(g.mem)
		copy(g.mem, tc.key)
		got := g.call(abi.InterfaceConfig, abi.CallConfigGet, 0, uint64(len(tc.key)), 100, tc.cap)
		if got != tc.want {
			t.Errorf("get(%q, cap %d) = %d, want %d", tc.key, tc.cap, got, tc.want)
		}
		want := make([]byte, len(g.mem)-100)
		copy(want, tc.out)
		if !bytes.Equal(g.mem[100:], want) {
			t.Errorf("get(%q, cap %d) wrote %q", tc.key, tc.cap, bytes.TrimRight(g.mem[100:], "\x00"))
		}
	}
}

func TestConfigHostile(t *testing.T) {
	g := newGuest(t, slog.LevelInfo, hostcall.Options{Config: map[string][]byte{"": []byte("value")}})
	for _, args := range [][]uint64{
		{1024, 1, 0, 0}, {0, 1025, 0, 0}, {math.MaxUint32, 1, 0, 0}, {math.MaxUint32, math.MaxUint32, 0, 0},
		{0, 0, 1024, 1}, {0, 0, 0, math.MaxUint32}, {0, 0, math.MaxUint32, math.MaxUint32}, {0, 0, 1020, 5},
	} {
		if got := g.call(abi.InterfaceConfig, abi.CallConfigGet, args...); got != status(abi.StatusInvalid) {
			t.Errorf("get%v = %d", args, got)
		}
	}
	if got := g.call(abi.InterfaceConfig, abi.CallConfigGet, math.MaxUint32, 0, math.MaxUint32, 0); got != 5 {
		t.Errorf("length of a value = %d", got)
	}
}

func TestAbort(t *testing.T) {
	g := newGuest(t, slog.LevelInfo, hostcall.Options{})
	g.mem = append(g.mem, bytes.Repeat([]byte("y"), 4096)...)
	copy(g.mem, "bad \x1binput\nat 7")
	for _, tc := range []struct {
		args [3]uint64
		want hostcall.Abort
	}{
		{[3]uint64{1, 0, 15}, hostcall.Abort{Status: abi.StatusInvalid, Raw: 1, Text: "bad \\x1binput\nat 7"}},
		{[3]uint64{6, 0, 0}, hostcall.Abort{Status: abi.StatusLimit, Raw: 6}},
		{[3]uint64{0, 0, 3}, hostcall.Abort{Status: abi.StatusInternal, Raw: 0, Text: "bad"}},
		{[3]uint64{14, 0, 3}, hostcall.Abort{Status: abi.StatusInternal, Raw: 14, Text: "bad"}},
		{[3]uint64{math.MaxUint32, 0, 3}, hostcall.Abort{Status: abi.StatusInternal, Raw: math.MaxUint32, Text: "bad"}},
		{[3]uint64{1, math.MaxUint32, 16}, hostcall.Abort{Status: abi.StatusInvalid, Raw: 1}},
		{[3]uint64{1, 0, math.MaxUint32}, hostcall.Abort{Status: abi.StatusInvalid, Raw: 1}},
		{[3]uint64{1, 1024, 4096}, hostcall.Abort{Status: abi.StatusInvalid, Raw: 1, Text: strings.Repeat("y", abi.ErrorTextMax)}},
	} {
		err := find(t, abi.InterfaceCore, abi.CallCoreAbort)(hostcall.With(t.Context(), g.state), g.mem, tc.args[:])
		var abort *hostcall.Abort
		if !errors.As(err, &abort) || *abort != tc.want {
			t.Errorf("abort%v gave %+v, want %+v", tc.args, err, tc.want)
		}
		if !errors.Is(err, tc.want.Status) {
			t.Errorf("%v is not %v", err, tc.want.Status)
		}
	}
}

// TestAbortTraps aborts from a guest, so that nothing after the call runs.
func TestAbortTraps(t *testing.T) {
	for name, cfg := range map[string]wazero.Config{"compiler": {}, "interpreter": {Interpreter: true}} {
		e, err := wazero.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close(t.Context())
		b := wt.New()
		i32s := []byte{wt.I32, wt.I32, wt.I32}
		abort := b.ImportFunc(abi.InterfaceCore, abi.CallCoreAbort, i32s, nil)
		b.Memory(1, 1)
		b.Data(8, []byte("out of ideas"))
		b.Export("f", wt.KindFunc, b.Func(nil, nil, nil,
			wt.Code{}.I32Const(2).I32Const(8).I32Const(12).Call(abort).Op(wt.OpUnreachable)))
		code, err := e.Compile(t.Context(), b.Bytes(), hostcall.Functions())
		if err != nil {
			t.Fatal(err)
		}
		inst, err := code.Instantiate(t.Context(), engine.InstanceOptions{})
		if err != nil {
			t.Fatal(err)
		}
		f, _ := inst.Func("f")
		err = f.Call(hostcall.With(t.Context(), hostcall.New(hostcall.Options{})), nil)
		var trap *engine.Trap
		if !errors.As(err, &trap) || trap.Kind != engine.TrapAbort || !errors.Is(err, abi.StatusUnsupported) {
			t.Errorf("%s: error is %v", name, err)
		}
		if want := "guest trapped (abort): guest aborted: UNSUPPORTED: out of ideas"; err.Error() != want {
			t.Errorf("%s: %q, want %q", name, err, want)
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
