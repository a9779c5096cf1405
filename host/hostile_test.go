package host_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host"
	"github.com/iprt/iprt/host/engine"
	"github.com/iprt/iprt/internal/wasmtest"
)

// code is short for the long tables below.
type code = wasmtest.Code

// TestHostileValues: whatever addresses, lengths and statuses a guest gives,
// the caller gets a typed error, the instance goes and the module stays.
func TestHostileValues(t *testing.T) {
	const end = 16 << 16 // size of a memory that was grown to its maximum
	grown := func(then code) wasmtest.Option {
		return wasmtest.Body(abi.ExportCodecDecode, code{}.I32Const(15).MemoryGrow().Op(wasmtest.OpDrop).Op(then...))
	}
	contract, limit := host.TrapContract, "limit"
	for _, c := range []struct {
		name string
		opts []wasmtest.Option
		want string // trap kind, or "limit"
		text string
	}{
		{"alloc 0", []wasmtest.Option{wasmtest.AllocReturns(0)}, limit, "the module's own memory maximum of 1048576"},
		{"alloc 0, more declared than granted", []wasmtest.Option{wasmtest.AllocReturns(0), wasmtest.Memory(1, 60_000)}, limit, "MaxMemoryBytes of 67108864"},
		{"alloc at the end of memory", []wasmtest.Option{wasmtest.AllocReturns(1 << 16)}, contract, "0x10000 for 7 bytes"},
		{"alloc just before the end", []wasmtest.Option{wasmtest.AllocReturns(1<<16 - 16)}, "", ""},
		{"alloc wraps around", []wasmtest.Option{wasmtest.AllocReturns(0xfffffff0)}, contract, "0xfffffff0"},
		{"alloc unaligned", []wasmtest.Option{wasmtest.AllocReturns(8)}, contract, "multiple of 16"},
		{"alloc the same twice", []wasmtest.Option{wasmtest.AllocReturns(4096)}, "", ""},
		{"alloc traps", []wasmtest.Option{wasmtest.Body(abi.ExportAlloc, code{}.Op(wasmtest.OpUnreachable))}, "unreachable", ""},
		{"alloc over the error record", []wasmtest.Option{wasmtest.AllocReturns(wasmtest.ErrorAddr)}, "", ""},

		{"result at 0", []wasmtest.Option{wasmtest.DecodeReturns(0, 0)}, contract, "neither a result nor a status"},
		{"result past memory", []wasmtest.Option{wasmtest.DecodeReturns(1<<16-4, 5)}, contract, "5 bytes at 0xfffc"},
		{"result at the end, empty", []wasmtest.Option{wasmtest.DecodeReturns(1<<16, 0)}, "", ""},
		{"result past the end, empty", []wasmtest.Option{wasmtest.DecodeReturns(1<<16+1, 0)}, contract, "0 bytes at 0x10001"},
		{"result of 2^31", []wasmtest.Option{wasmtest.DecodeReturns(16, 1<<31)}, limit, "MaxOutputBytes"},
		{"result of 4 GiB", []wasmtest.Option{wasmtest.DecodeReturns(1, 1<<32-1)}, limit, "MaxOutputBytes"},
		{"result wraps around", []wasmtest.Option{wasmtest.DecodeReturns(0xfffffff0, 32)}, contract, "0xfffffff0"},
		{"result inside grown memory", []wasmtest.Option{grown(code{}.I64Const((end-4)<<32 | 4))}, "", ""},
		{"result past grown memory", []wasmtest.Option{grown(code{}.I64Const((end-4)<<32 | 5))}, contract, "memory of 1048576"},
		{"result over the input", []wasmtest.Option{wasmtest.Body(abi.ExportCodecDecode, code{}.Result(code{}.LocalGet(0), code{}.LocalGet(1)))}, "", ""},

		{"unreachable", []wasmtest.Option{wasmtest.DecodeTraps()}, "unreachable", ""},
		{"unreachable with text", []wasmtest.Option{wasmtest.DecodeTrapsWith(13, "assertion \x1b[1m failed")}, "unreachable", `assertion \x1b[1m failed`},
		{"unreachable, text too long", []wasmtest.Option{wasmtest.DecodeStores(13, "", code{}.
			I32Const(wasmtest.ErrorAddr).I32Const(1025).Mem(wasmtest.OpI32Store, 2, 4).Op(wasmtest.OpUnreachable))}, "unreachable", ""},
		{"unreachable, text for OK", []wasmtest.Option{wasmtest.DecodeTrapsWith(0, "nothing happened")}, "unreachable", ""},
		{"division by zero", []wasmtest.Option{wasmtest.Body(abi.ExportCodecDecode, code{}.I32Const(1).I32Const(0).Op(wasmtest.OpI32DivU, wasmtest.OpI64ExtendI32U))}, "divide-by-zero", ""},
		{"load out of bounds", []wasmtest.Option{wasmtest.Body(abi.ExportCodecDecode, code{}.I32Const(-8).Mem(wasmtest.OpI64Load, 3, 0))}, "memory-bounds", ""},
		{"endless recursion", []wasmtest.Option{
			wasmtest.Import("wasi_snapshot_preview1", "sched_yield", nil, []byte{i32}), // function 0, so that alloc is 2
			wasmtest.Body(abi.ExportAlloc, code{}.LocalGet(0).Call(2)),
		}, limit, "call depth of 32768"},
		{"exit 0", []wasmtest.Option{
			wasmtest.Import("wasi_snapshot_preview1", "proc_exit", []byte{i32}, nil),
			wasmtest.Body(abi.ExportCodecDecode, code{}.I32Const(0).Call(0).Op(wasmtest.OpUnreachable)),
		}, host.TrapExit, "code 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			engines(t, func(t *testing.T, e engine.Engine) {
				h := newHost(t, e, host.Config{})
				m := load(t, h, wasmtest.Codec(c.opts...), host.Binding{})
				for round := uint64(1); round <= 2; round++ {
					_, err := decode(m, []byte("7 bytes"))
					checkFault(t, err, c.want, c.text)
					s := m.Stats()
					if c.want != "" && (s.Discarded != round || s.Instances != 0 || s.LastError == "") {
						t.Errorf("after round %d: %+v", round, s)
					}
					if c.want == "" && (s.Discarded != 0 || s.Instances != 1) {
						t.Errorf("after round %d: %+v", round, s)
					}
				}
			})
		})
	}
}

func checkFault(t *testing.T, err error, want, text string) {
	t.Helper()
	var trap *host.TrapError
	var limit *host.LimitError
	switch {
	case want == "":
		if err != nil {
			t.Errorf("got %v, want none", err)
		}
		return
	case want == "limit":
		if !errors.As(err, &limit) || limit.Code() == "" || limit.Hint() == "" {
			t.Errorf("got %v, want a *LimitError", err)
			return
		}
	default:
		if !errors.As(err, &trap) || trap.Kind != want || trap.Code() == "" || trap.Hint() == "" {
			t.Errorf("got %v, want a *TrapError of kind %s", err, want)
			return
		}
		if text == "" && trap.Text != "" {
			t.Errorf("text is %q, want none", trap.Text)
		}
	}
	if !strings.Contains(err.Error(), text) {
		t.Errorf("got %v, want it to say %q", err, text)
	}
}

// TestHostileAllocOfTwo: the two inputs of a call must not share memory.
func TestHostileAllocOfTwo(t *testing.T) {
	for _, c := range []struct {
		name string
		a, b int32
		ok   bool
	}{
		{"same", 4096, 4096, false},
		{"b inside a", 4096, 4112, false},
		{"a inside b", 4112, 4096, false},
		{"one byte too near", 4096, 4096 + 32, false},
		{"side by side", 4096, 4096 + 48, true},
		{"the other way round", 4096 + 48, 4096, true},
		{"a good, b past the end", 4096, 1 << 16, false},
		{"a past the end, b good", 1 << 16, 4096, false},
		{"b 0", 4096, 0, false},
		{"wrapping over each other", -16, 16, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var flag uint32
			wasm := wasmtest.Codec(
				wasmtest.Edit(func(b *wasmtest.Builder) { flag = b.Global(i32, true, code{}.I32Const(0)) }),
				wasmtest.Body(abi.ExportAlloc, code{}.GlobalGet(1).If(wasmtest.Void).I32Const(c.b).Op(wasmtest.OpReturn).End().
					I32Const(1).GlobalSet(1).I32Const(c.a)))
			if flag != 1 {
				t.Fatalf("the flag is global %d, the code uses 1", flag)
			}
			h := newHost(t, newEngine(t, true), host.Config{})
			i := acquire(t, load(t, h, wasm, host.Binding{}))
			defer i.Release()
			_, err := i.Call(t.Context(), host.CodecDecode, make([]byte, 33), make([]byte, 40))
			if (err == nil) != c.ok {
				t.Fatalf("got %v", err)
			}
			if _, again := i.Call(t.Context(), host.CodecDecode, nil, nil); errors.Is(again, host.ErrClosed) == c.ok {
				t.Errorf("a later call of the same instance gave %v", again)
			}
		})
	}
}

// TestHostileStart has what can go wrong before the first role call.
func TestHostileStart(t *testing.T) {
	abort := wasmtest.Import("iprt:core/v1", "abort", []byte{i32, i32, i32}, nil)
	for _, c := range []struct {
		name string
		opts []wasmtest.Option
		want string // part of the error
		as   any
	}{
		{"init fails", []wasmtest.Option{wasmtest.Init(code{}.I32Const(8))}, "iprt_init: AGAIN", new(*host.CallError)},
		{"init fails with text", []wasmtest.Option{wasmtest.Init(code{}.
			I32Const(wasmtest.ErrorAddr).I32Const(2).Mem(wasmtest.OpI32Store, 2, 0).
			I32Const(wasmtest.ErrorAddr).I32Const(9).Mem(wasmtest.OpI32Store, 2, 4).
			I32Const(2))}, "iprt_init: UNSUPPORTED: the token", new(*host.CallError)},
		{"init outside the table", []wasmtest.Option{wasmtest.Init(code{}.I32Const(-1))}, "4294967295, which is no status", new(*host.CallError)},
		{"init traps", []wasmtest.Option{wasmtest.Init(code{}.Op(wasmtest.OpUnreachable))}, "iprt_init: module trapped", new(*host.TrapError)},
		{"initialize traps", []wasmtest.Option{wasmtest.Initialize(code{}.Op(wasmtest.OpUnreachable))}, "_initialize: module trapped", new(*host.TrapError)},
		{"init aborts", []wasmtest.Option{abort, wasmtest.Requires("iprt:core/v1"),
			wasmtest.Init(code{}.I32Const(13).I32Const(wasmtest.ErrorAddr + 8).I32Const(9).Call(0).I32Const(0))}, "iprt_init: INTERNAL: the token", new(*host.CallError)},
		{"error record at 0", []wasmtest.Option{wasmtest.ErrorAt(0)}, "0x0 is not inside", new(*host.TrapError)},
		{"error record past memory", []wasmtest.Option{wasmtest.ErrorAt(1<<16 - 1031)}, "is not inside the memory", new(*host.TrapError)},
		{"error record wraps", []wasmtest.Option{wasmtest.ErrorAt(0xffffffff)}, "0xffffffff is not inside", new(*host.TrapError)},
		{"error traps", []wasmtest.Option{wasmtest.Body(abi.ExportError, code{}.Op(wasmtest.OpUnreachable))}, "iprt_error: module trapped", new(*host.TrapError)},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := &countingEngine{Engine: newEngine(t, true)}
			h := newHost(t, e, host.Config{})
			_, err := h.LoadVerified(t.Context(), verified(wasmtest.Codec(c.opts...)), host.Binding{})
			if err == nil || !strings.Contains(err.Error(), c.want) || !errors.As(err, c.as) {
				t.Errorf("got %v (%T), want %q", err, err, c.want)
			}
			if n := e.open.Load(); n != 0 || len(h.Modules()) != 0 {
				t.Errorf("%d codes open, %d modules", n, len(h.Modules()))
			}
		})
	}
}

// TestErrorRecordLast: the record may be the very last bytes of memory.
func TestErrorRecordLast(t *testing.T) {
	h := newHost(t, newEngine(t, true), host.Config{})
	out, err := decode(load(t, h, wasmtest.Codec(wasmtest.ErrorAt(1<<16-1032)), host.Binding{}), []byte("x"))
	wantEcho(t, out, err, []byte("x"))
}

// TestOrderOfStart: _initialize runs before iprt_init, and each once.
func TestOrderOfStart(t *testing.T) {
	engines(t, func(t *testing.T, e engine.Engine) {
		// _initialize: cell = cell·10 + 1; iprt_init: cell = cell·10 + 2; decode returns cell as status.
		const cell = 16
		append := func(digit int32) code {
			return code{}.I32Const(cell).I32Const(cell).Mem(wasmtest.OpI32Load, 2, 0).I32Const(10).Op(wasmtest.OpI32Mul).
				I32Const(digit).Op(wasmtest.OpI32Add).Mem(wasmtest.OpI32Store, 2, 0)
		}
		m := load(t, newHost(t, e, host.Config{}), wasmtest.Codec(
			wasmtest.Initialize(append(1)), wasmtest.Init(append(2).I32Const(0)),
			wasmtest.Body(abi.ExportCodecDecode, code{}.I32Const(cell).Mem(wasmtest.OpI32Load, 2, 0).Op(wasmtest.OpI64ExtendI32U)),
		), host.Binding{})
		var ce *host.CallError
		if _, err := decode(m, nil); !errors.As(err, &ce) || ce.Raw != 12 {
			t.Errorf("got %v, want the digits 12", err)
		}
	})
}

// TestAbort: core.abort ends the call with the guest's words and the instance.
func TestAbort(t *testing.T) {
	engines(t, func(t *testing.T, e engine.Engine) {
		m := load(t, newHost(t, e, host.Config{}), wasmtest.Codec(wasmtest.Requires("iprt:core/v1"),
			wasmtest.Import("iprt:core/v1", "abort", []byte{i32, i32, i32}, nil),
			wasmtest.Body(abi.ExportCodecDecode, code{}.I32Const(6).LocalGet(0).LocalGet(1).Call(0).Op(wasmtest.OpUnreachable))), host.Binding{})
		_, err := decode(m, []byte("too\x1b[2J\nmuch"))
		var ce *host.CallError
		if !errors.As(err, &ce) || ce.Status != abi.StatusLimit || ce.Text != `too\x1b[2J\nmuch` {
			t.Errorf("got %#v", err)
		}
		if s := m.Stats(); s.Discarded != 1 {
			t.Errorf("the instance was not discarded: %+v", s)
		}
	})
}

// TestPageLeak: a module that leaks a page per call is held by the memory cap
// and recovers by a new instance.
func TestPageLeak(t *testing.T) {
	engines(t, func(t *testing.T, e engine.Engine) {
		const pages = 8
		h := newHost(t, e, host.Config{Limits: host.Limits{MaxMemoryBytes: pages << 16}})
		m := load(t, h, wasmtest.Codec(wasmtest.Memory(1, 60_000), wasmtest.Body(abi.ExportCodecDecode,
			code{}.I32Const(1).MemoryGrow().I32Const(-1).Op(wasmtest.OpI32Eq).If(wasmtest.Void).Op(wasmtest.OpUnreachable).End().
				I64Const(16<<32|4))), host.Binding{})
		traps := 0
		for range 4 * pages {
			if _, err := decode(m, []byte("x")); err != nil {
				traps++
			}
			if s := m.Stats(); s.MemoryBytes > pages<<16 {
				t.Fatalf("%d bytes in use, the cap is %d", s.MemoryBytes, pages<<16)
			}
		}
		if traps != 4 { // each instance starts with 1 page, grows 7 times, and traps at the 8th
			t.Errorf("%d traps, want 4", traps)
		}
	})
}

// TestTrapEverySecondCall: the module stays usable.
func TestTrapEverySecondCall(t *testing.T) {
	engines(t, func(t *testing.T, e engine.Engine) {
		const cell = 16 // counts calls, in a cell that role calls do not reset
		m := load(t, newHost(t, e, host.Config{}), wasmtest.Codec(wasmtest.Body(abi.ExportCodecDecode,
			code{}.I32Const(cell).Mem(wasmtest.OpI32Load, 2, 0).If(wasmtest.Void).Op(wasmtest.OpUnreachable).End().
				I32Const(cell).I32Const(1).Mem(wasmtest.OpI32Store, 2, 0).I64Const(16<<32|4))), host.Binding{})
		for n := range 20 {
			_, err := decode(m, nil)
			var trap *host.TrapError
			if wantTrap := n%2 == 1; errors.As(err, &trap) != wantTrap || (err == nil) == wantTrap {
				t.Fatalf("call %d gave %v", n, err)
			}
		}
		if s := m.Stats(); s.Calls != 20 || s.Failed != 10 || s.Discarded != 10 || s.Started != 10 {
			t.Errorf("%+v", s)
		}
	})
}

func TestInputLimits(t *testing.T) {
	h := newHost(t, newEngine(t, true), host.Config{Limits: host.Limits{MaxInputBytes: 100, MaxOutputBytes: 48}})
	m := load(t, h, wasmtest.Codec(), host.Binding{})
	i := acquire(t, m)
	defer i.Release()
	var limit *host.LimitError
	for _, in := range [][2]int{{101, 0}, {0, 101}} {
		_, err := i.Call(t.Context(), host.CodecDecode, make([]byte, in[0]), make([]byte, in[1]))
		if !errors.As(err, &limit) || limit.Limit != "MaxInputBytes" || limit.Value != 101 || limit.Max != 100 {
			t.Errorf("inputs of %v gave %v", in, err)
		}
	}
	if _, err := i.Call(t.Context(), host.CodecDecode, make([]byte, 100), make([]byte, 100)); err != nil {
		t.Errorf("inputs at the limit, after ones above it: %v", err)
	}
	h = newHost(t, newEngine(t, true), host.Config{Limits: host.Limits{MaxOutputBytes: 47}})
	if _, err := decode(load(t, h, wasmtest.Codec(), host.Binding{}), nil); !errors.As(err, &limit) || limit.Limit != "MaxOutputBytes" {
		t.Errorf("an output of 48 gave %v", err)
	}
}

func TestUnknownExport(t *testing.T) {
	h := newHost(t, newEngine(t, true), host.Config{})
	i := acquire(t, load(t, h, wasmtest.Codec(), host.Binding{}))
	defer i.Release()
	for _, e := range []host.Export{-1, 99} {
		if _, err := i.Call(context.Background(), e, nil, nil); !errors.Is(err, abi.StatusUnsupported) {
			t.Errorf("%v gave %v", e, err)
		}
	}
}
