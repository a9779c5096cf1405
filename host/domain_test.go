package host_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host"
	"github.com/iprt/iprt/host/engine"
	"github.com/iprt/iprt/internal/wasmtest"
)

// in is decode on behalf of a domain.
func in(t *testing.T, m *host.Module, domain string, block []byte) []byte {
	t.Helper()
	ctx := host.InDomain(context.Background(), domain)
	i, err := m.Acquire(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer i.Release()
	out, err := i.Call(ctx, host.CodecDecode, block, nil)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Clone(out)
}

// A smuggler's decode returns 8 bytes: what it found, and it leaves something
// for whoever comes next. Locals: 0 and 1 the input, 2 what it found.
func smuggler(found, leave code, opts ...wasmtest.Option) []byte {
	const at = 512
	return wasmtest.Codec(append(opts, wasmtest.Memory(1, 16), wasmtest.Body(abi.ExportCodecDecode, code{}.
		Op(found...).LocalSet(2).Op(leave...).
		I32Const(at).LocalGet(2).Mem(wasmtest.OpI32Store, 2, 0).
		I64Const(at<<32|4)))...)
}

// smugglers are guests that keep something from one call to the next, in every
// place where an instance can. Those that cannot be reset must not be.
func smugglers() map[string]struct {
	wasm  []byte
	reset bool
} {
	const secret = 0x5ec7e7
	global := func(typ byte, init, get, set code) []byte {
		return smuggler(get, set, wasmtest.Edit(func(b *wasmtest.Builder) { b.Global(typ, true, init) }))
	}
	f64 := func(v byte) code { return code{0x44, 0, 0, 0, 0, 0, 0, v, 0x40} }
	table := func(b *wasmtest.Builder) {
		b.Table(2, 2)
		b.Elem(0, 0)
	}
	return map[string]struct {
		wasm  []byte
		reset bool
	}{
		"memory":           {smuggler(code{}.I32Const(40_000).Mem(wasmtest.OpI32Load, 2, 0), code{}.I32Const(40_000).I32Const(secret).Mem(wasmtest.OpI32Store, 2, 0)), true},
		"memory beyond it": {smuggler(code{}.I32Const(65_532).Mem(wasmtest.OpI32Load, 2, 0), code{}.I32Const(65_532).I32Const(secret).Mem(wasmtest.OpI32Store, 2, 0)), true},
		"memory size":      {smuggler(code{}.MemorySize(), code{}.I32Const(1).MemoryGrow().Op(wasmtest.OpDrop)), false},
		// Global 0 is the heap pointer of the test codec.
		"global i32": {global(wasmtest.I32, code{}.I32Const(7), code{}.GlobalGet(1), code{}.I32Const(secret).GlobalSet(1)), true},
		"global i64": {global(wasmtest.I64, code{}.I64Const(7), code{}.GlobalGet(1).Op(0xa7), code{}.I64Const(secret).GlobalSet(1)), true},
		"global f64": {global(wasmtest.F64, f64(0), code{}.GlobalGet(1).Op(0xbd, 0xa7), append(append(code{}, code{0x44, 1, 2, 3, 4, 0, 0, 0, 0x40}...), 0x24, 1)), true},
		// table.get 1, ref.is_null; then ref.func 0 is put there.
		"table": {smuggler(code{}.I32Const(1).Op(0x25, 0, 0xd1), code{}.I32Const(1).Op(0xd2, 0, 0x26, 0), wasmtest.Edit(table)), false},
		// What was dropped shows by a trap only; that it is dropped at all must do for an instance to be thrown away.
		"segment": {smuggler(
			code{}.I32Const(600).Mem(wasmtest.OpI32Load, 2, 0),
			code{}.I32Const(600).I32Const(secret).Mem(wasmtest.OpI32Store, 2, 0).Op(0xfc, 9, 0), // data.drop 0
			wasmtest.Edit(func(b *wasmtest.Builder) {
				b.DataRaw(append([]byte{1, 4}, "once"...)) // passive
				b.DataCount()
			})), false},
	}
}

// TestDomains: what a guest keeps stays in the domain that it served, whatever
// it keeps it in; and a domain that comes second sees what one that comes first
// would.
func TestDomains(t *testing.T) {
	for name, s := range smugglers() {
		t.Run(name, func(t *testing.T) {
			engines(t, func(t *testing.T, e engine.Engine) {
				h := newHost(t, e, host.Config{Limits: host.Limits{MaxInstances: 1}})
				fresh := in(t, load(t, h, s.wasm, host.Binding{Name: "another place"}), "", nil)
				m := load(t, h, s.wasm, host.Binding{})
				for round := range 4 {
					for _, domain := range []string{"alice", "bob", ""} {
						if got := in(t, m, domain, nil); !bytes.Equal(got, fresh) {
							t.Errorf("round %d: %q sees %x, an instance of its own %x", round, domain, got, fresh)
						}
					}
				}
				if again := in(t, m, "", nil); bytes.Equal(again, fresh) {
					t.Error("the guest keeps nothing, so this test shows nothing")
				}
				if st := m.Stats(); s.reset != (st.Resets > 0) || s.reset && st.Started != 2 {
					t.Errorf("%d resets, %d starts", st.Resets, st.Started)
				}
			})
		})
	}
}

// TestDomainsHost: the state that the host keeps for an instance is reset with
// it: clock, random bytes, closed descriptors.
func TestDomainsHost(t *testing.T) {
	h := newHost(t, newEngine(t, false), host.Config{Limits: host.Limits{MaxInstances: 1}})
	wasi := "wasi_snapshot_preview1"
	for name, wasm := range map[string][]byte{
		// random_get(600, 4)
		"random": smuggler(code{}.I32Const(600).I32Const(4).Call(0).Op(wasmtest.OpDrop).I32Const(600).Mem(wasmtest.OpI32Load, 2, 0), code{},
			wasmtest.Import(wasi, "random_get", []byte{i32, i32}, []byte{i32}), wasmtest.Init(code{}.I32Const(600).I32Const(5).Call(0))),
		// fd_close(1)
		"descriptor": smuggler(code{}.I32Const(1).Call(0), code{}, wasmtest.Import(wasi, "fd_close", []byte{i32}, []byte{i32})),
		// clock_time_get(1, 0, 600)
		"clock": smuggler(code{}.I32Const(1).I64Const(0).I32Const(600).Call(0).Op(wasmtest.OpDrop).I32Const(600).Mem(wasmtest.OpI32Load, 2, 0), code{},
			wasmtest.Import(wasi, "clock_time_get", []byte{i32, i64, i32}, []byte{i32})),
	} {
		t.Run(name, func(t *testing.T) {
			m := load(t, h, wasm, host.Binding{Name: name})
			fresh := in(t, m, "first", nil)
			for i := range 3 {
				if got := in(t, m, fmt.Sprint(i), nil); !bytes.Equal(got, fresh) {
					t.Errorf("domain %d sees %x, the first one %x", i, got, fresh)
				}
			}
		})
	}
}

// TestDomainKeepsItsInstance: who comes back gets what it had, if that is free.
func TestDomainKeepsItsInstance(t *testing.T) {
	h := newHost(t, newEngine(t, false), host.Config{Limits: host.Limits{MaxInstances: 4}})
	m := load(t, h, smugglers()["memory"].wasm, host.Binding{})
	a, b := host.InDomain(t.Context(), "alice"), host.InDomain(t.Context(), "bob")
	var held []host.Instance
	for _, ctx := range []context.Context{a, b} {
		i, err := m.Acquire(ctx)
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, i)
	}
	for _, i := range held {
		i.Release()
	}
	resets := m.Stats().Resets
	for range 10 {
		in(t, m, "alice", nil)
		in(t, m, "bob", nil)
	}
	if s := m.Stats(); s.Resets != resets || s.Instances != 2 {
		t.Errorf("%d resets for domains that have an instance each, %d instances", s.Resets-resets, s.Instances)
	}
}

// TestRetained: an instance that grew is not kept.
func TestRetained(t *testing.T) {
	h := newHost(t, newEngine(t, false), host.Config{Limits: host.Limits{MaxRetainedBytes: 4 << 16}})
	m := load(t, h, wasmtest.Codec(wasmtest.Memory(2, 100)), host.Binding{})
	for _, c := range []struct {
		size int
		want int // instances left
	}{{100, 1}, {1 << 16, 1}, {6 << 16, 0}, {100, 1}} {
		if _, err := decode(m, make([]byte, c.size)); err != nil {
			t.Fatal(err)
		}
		if s := m.Stats(); s.Instances != c.want || s.Discarded != 0 {
			t.Errorf("after %d bytes: %+v", c.size, s)
		}
	}
	// What it has from the start does not count.
	large := load(t, h, wasmtest.Codec(wasmtest.Memory(8, 100)), host.Binding{})
	if _, err := decode(large, nil); err != nil || large.Stats().Started != 1 {
		t.Errorf("%v, %+v", err, large.Stats())
	}
}

// TestFreshServesAnybody: an instance that nobody used yet is as good as new,
// in whatever domain it was started.
func TestFreshServesAnybody(t *testing.T) {
	h := newHost(t, newEngine(t, false), host.Config{Limits: host.Limits{MaxInstances: 1}})
	m := load(t, h, echo(), host.Binding{})
	in(t, m, "alice", nil)
	if s := m.Stats(); s.Started != 1 || s.Resets != 0 {
		t.Errorf("%d starts and %d resets for the first call", s.Started, s.Resets)
	}
	in(t, m, "bob", nil)
	if s := m.Stats(); s.Started+s.Resets != 2 {
		t.Errorf("%d starts and %d resets for another domain", s.Started, s.Resets)
	}
}
