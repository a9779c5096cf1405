package host_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/ipfs/go-cid"
	"go.uber.org/goleak"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host"
	"github.com/iprt/iprt/host/engine"
	"github.com/iprt/iprt/host/engine/wazero"
	"github.com/iprt/iprt/host/fetch"
	"github.com/iprt/iprt/internal/wasmtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// engines runs a test once per engine: the guest's behaviour must not depend
// on it.
func engines(t *testing.T, test func(t *testing.T, e engine.Engine)) {
	for name, interpreter := range map[string]bool{"compiler": false, "interpreter": true} {
		t.Run(name, func(t *testing.T) { test(t, newEngine(t, interpreter)) })
	}
}

func newEngine(t testing.TB, interpreter bool) engine.Engine {
	t.Helper()
	e, err := wazero.New(wazero.Config{Interpreter: interpreter})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close(context.Background()) })
	return e
}

var allowAll = host.PolicyFunc(func(context.Context, host.Candidate) error { return nil })

// newHost makes a host that allows everything unless cfg says otherwise, and
// checks at the end of the test that it closes.
func newHost(t testing.TB, e engine.Engine, cfg host.Config) *host.Host {
	t.Helper()
	if cfg.Policy == nil {
		cfg.Policy = allowAll
	}
	h, err := host.New(e, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(context.Background()); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return h
}

func verified(wasm []byte) fetch.Verified { return fetch.FromBytes(wasm, "test") }

func load(t testing.TB, h *host.Host, wasm []byte, b host.Binding) *host.Module {
	t.Helper()
	m, err := h.LoadVerified(t.Context(), verified(wasm), b)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func acquire(t testing.TB, m *host.Module) host.Instance {
	t.Helper()
	i, err := m.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// decode acquires, calls and releases; the result is copied.
func decode(m *host.Module, block []byte) ([]byte, error) {
	i, err := m.Acquire(context.Background())
	if err != nil {
		return nil, err
	}
	defer i.Release()
	out, err := i.Call(context.Background(), host.CodecDecode, block, nil)
	return bytes.Clone(out), err
}

// wantEcho checks the table that the test codec returns for a block: one
// record of bytes, as long as the block.
func wantEcho(t testing.TB, table []byte, err error, block []byte) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	r, err := abi.NewTableReader(table, block)
	if err != nil {
		t.Fatal(err)
	}
	rec, err := r.At(0)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := r.Data(rec); err != nil || rec.Kind != abi.KindBytes || !bytes.Equal(got, block) {
		t.Fatalf("decode gave %v of %d bytes (%v), want the %d bytes of the block", rec.Kind, len(got), err, len(block))
	}
}

// files is a Fetcher over a map.
type files map[cid.Cid]fetch.Verified

func (f files) File(_ context.Context, r fetch.Request) (fetch.Verified, error) {
	if v, ok := f[r.CID]; ok {
		return v, nil
	}
	return fetch.Verified{}, fetch.ErrNotFound
}

func TestWayOfACID(t *testing.T) {
	engines(t, func(t *testing.T, e engine.Engine) {
		v := verified(wasmtest.Codec())
		h := newHost(t, e, host.Config{Fetch: files{v.ID(): v}, Policy: host.AllowList(v.ID())})
		m, err := h.Load(t.Context(), v.ID(), host.Binding{Name: "echo"})
		if err != nil {
			t.Fatal(err)
		}
		i := acquire(t, m)
		defer i.Release()
		for _, block := range [][]byte{[]byte("hello"), {}, make([]byte, 100_000), {0}} {
			out, err := i.Call(t.Context(), host.CodecDecode, block, []byte{0xa0})
			wantEcho(t, out, err, block)
		}
		if m.ID() != v.ID() || m.Locator() != v.ID() || m.From() != "test" || m.Binding().Name != "echo" {
			t.Errorf("module is %v by %v from %q in %q", m.ID(), m.Locator(), m.From(), m.Binding().Name)
		}
	})
}

func TestLoadNotFound(t *testing.T) {
	h := newHost(t, newEngine(t, true), host.Config{Fetch: files{}})
	_, err := h.Load(t.Context(), verified([]byte("x")).ID(), host.Binding{})
	if !errors.Is(err, fetch.ErrNotFound) {
		t.Errorf("got %v, want ErrNotFound", err)
	}
}

func TestRoundTrip(t *testing.T) {
	h := newHost(t, newEngine(t, false), host.Config{})
	i := acquire(t, load(t, h, wasmtest.Codec(), host.Binding{}))
	defer i.Release()
	var w abi.TableWriter
	w.Bytes([]byte("payload"))
	table, err := w.Finish()
	if err != nil {
		t.Fatal(err)
	}
	out, err := i.Call(t.Context(), host.CodecEncode, table, nil)
	if err != nil || string(out) != "payload" {
		t.Errorf("encode gave %q, %v", out, err)
	}
}

// TestCallParts gives the same input in one piece and in several.
func TestCallParts(t *testing.T) {
	engines(t, func(t *testing.T, e engine.Engine) {
		h := newHost(t, e, host.Config{Limits: host.Limits{MaxInputBytes: 100_000}})
		i := acquire(t, load(t, h, echo(), host.Binding{}))
		defer i.Release()
		long := bytes.Repeat([]byte("0123456789"), 5000)
		for _, parts := range [][][]byte{
			nil, {nil}, {nil, {}, nil}, {[]byte("x")}, {[]byte("pay"), nil, []byte("load")}, {nil, long, []byte("-"), long[:49_999]},
		} {
			want := bytes.Join(parts, nil)
			out, err := i.CallParts(t.Context(), host.CodecDecode, parts, long) // after the second input, memory may have moved
			if err != nil || !bytes.Equal(out, want) {
				t.Errorf("%d parts of %d bytes gave %d bytes, %v", len(parts), len(want), len(out), err)
			}
		}
		_, err := i.CallParts(t.Context(), host.CodecDecode, [][]byte{long, long, {0}}, nil)
		var limit *host.LimitError
		if !errors.As(err, &limit) || limit.Limit != "MaxInputBytes" || limit.Value != 100_001 {
			t.Errorf("parts that are too long together gave %v", err)
		}
		if _, err := i.CallParts(t.Context(), host.CodecDecode, [][]byte{long, long}, nil); err != nil {
			t.Errorf("parts at the limit, after ones above it: %v", err)
		}
	})
}

func TestStatusAndText(t *testing.T) {
	for _, c := range []struct {
		name   string
		opt    wasmtest.Option
		status abi.Status
		raw    uint32
		text   string
	}{
		{"text", wasmtest.DecodeFails(1, "not my format"), abi.StatusInvalid, 1, "not my format"},
		{"no text", wasmtest.DecodeReturns(0, 6), abi.StatusLimit, 6, ""},
		{"outside the table", wasmtest.DecodeFails(99, "odd"), abi.StatusInternal, 99, "odd"},
		{"largest", wasmtest.DecodeReturns(0, 1<<32-1), abi.StatusInternal, 1<<32 - 1, ""},
		{"escapes", wasmtest.DecodeFails(1, "a\x1b[2Jb\nc"), abi.StatusInvalid, 1, `a\x1b[2Jb\nc`},
		{"text of another status", wasmtest.DecodeStores(5, "stale", wasmtest.Code{}.I64Const(1)), abi.StatusInvalid, 1, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHost(t, newEngine(t, true), host.Config{})
			m := load(t, h, wasmtest.Codec(c.opt), host.Binding{})
			_, err := decode(m, []byte("x"))
			var ce *host.CallError
			if !errors.As(err, &ce) {
				t.Fatalf("got %v, want a *CallError", err)
			}
			if ce.Status != c.status || ce.Raw != c.raw || ce.Text != c.text || ce.Export != abi.ExportCodecDecode {
				t.Errorf("got %+v", ce)
			}
			if !errors.Is(err, c.status) {
				t.Errorf("%v does not match %v", err, c.status)
			}
			if s := m.Stats(); s.Started != 1 || s.Discarded != 0 || s.Failed != 1 {
				t.Errorf("a status must not end the instance: %+v", s)
			}
		})
	}
}

func TestSharedCode(t *testing.T) {
	e := &countingEngine{Engine: newEngine(t, true)}
	h := newHost(t, e, host.Config{})
	wasm := wasmtest.Codec(wasmtest.Optional("iprt:config/v1"))
	a := load(t, h, wasm, host.Binding{Name: "a"})
	b := load(t, h, wasm, host.Binding{Name: "b", Grants: host.Grants{"iprt:config/v1": {}}})
	if n := e.compiled.Load(); n != 1 {
		t.Errorf("compiled %d times, want once", n)
	}
	if err := a.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	out, err := decode(b, []byte("still"))
	wantEcho(t, out, err, []byte("still"))
	if n := e.open.Load(); n != 1 {
		t.Errorf("%d codes open, want 1", n)
	}
	if err := b.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := e.open.Load(); n != 0 {
		t.Errorf("%d codes open after the last user, want 0", n)
	}
}

func TestLog(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, nil))
	h := newHost(t, newEngine(t, true), host.Config{Log: log})
	// decode writes its own input as a line.
	write := wasmtest.Codec(wasmtest.Requires("iprt:log/v1"),
		wasmtest.Import("iprt:log/v1", "write", []byte{wasmtest.I32, wasmtest.I32, wasmtest.I32}, []byte{wasmtest.I32}),
		wasmtest.Body(abi.ExportCodecDecode, wasmtest.Code{}.I32Const(1).LocalGet(0).LocalGet(1).Call(0).
			Op(wasmtest.OpI64ExtendI32U).I64Const(1).Op(wasmtest.OpI64Or)))
	m := load(t, h, write, host.Binding{Name: "talker", Grants: host.Grants{"iprt:log/v1": {}}})
	if _, err := decode(m, []byte("line \x1b[31m one")); !errors.Is(err, abi.StatusInvalid) {
		t.Fatal(err)
	}
	for _, want := range []string{`line \\x1b[31m one`, "binding=talker", "cid=" + m.ID().String(), "module=echo"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("log lacks %s:\n%s", want, out.String())
		}
	}
}
