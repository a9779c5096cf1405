package host_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/node/basicnode"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host"
	"github.com/iprt/iprt/host/engine"
	"github.com/iprt/iprt/host/fetch"
	"github.com/iprt/iprt/host/validate"
	"github.com/iprt/iprt/internal/wasmtest"
)

const (
	i32 = wasmtest.I32
	i64 = wasmtest.I64
)

// TestRefusals has every kind of refusal, and that the engine was not asked
// to compile anything.
func TestRefusals(t *testing.T) {
	kv := wasmtest.Import("iprt:kv/v1", "get", []byte{i32}, []byte{i32})
	log := wasmtest.Import("iprt:log/v1", "write", []byte{i32, i32, i32}, []byte{i32})
	for _, c := range []struct {
		name    string
		wasm    []byte
		binding host.Binding
		cfg     host.Config
		kind    host.Refusal
		reason  string // part of it
		hint    string
	}{
		{name: "empty", wasm: []byte{}, kind: host.RefusedInvalid, reason: "empty", hint: "build or fetch it again"},
		{name: "text", wasm: []byte("(module)"), kind: host.RefusedInvalid, reason: "text format", hint: "compile"},
		{name: "cut", wasm: wasmtest.Codec()[:50], kind: host.RefusedInvalid, reason: "offset", hint: "damaged"},
		{name: "no marker", wasm: wasmtest.Codec(wasmtest.Without("iprt_abi_v1")), kind: host.RefusedInvalid, reason: "marker", hint: "SDK"},
		{name: "two markers", wasm: wasmtest.Codec(wasmtest.ExtraExport("iprt_abi_v2", nil, nil)), kind: host.RefusedInvalid, reason: "2 version markers"},
		{name: "future marker", wasm: wasmtest.Codec(wasmtest.Without("iprt_abi_v1"), wasmtest.ExtraExport("iprt_abi_v9", nil, nil)), kind: host.RefusedInvalid, reason: "abi_v9", hint: "update"},
		{name: "wrong signature", wasm: wasmtest.Codec(wasmtest.WrongSignature("iprt_codec_v1_decode")), kind: host.RefusedInvalid, reason: "expected (i32, i32, i32, i32) -> (i64)"},
		{name: "no memory", wasm: wasmtest.Codec(wasmtest.Without("memory")), kind: host.RefusedInvalid, reason: "memory"},
		{name: "no alloc", wasm: wasmtest.Codec(wasmtest.Without("iprt_alloc")), kind: host.RefusedInvalid, reason: "iprt_alloc"},
		{name: "role without exports", wasm: wasmtest.Codec(wasmtest.Without("iprt_codec_v1_links")), kind: host.RefusedInvalid, reason: "iprt_codec_v1_links"},
		{name: "start function", wasm: wasmtest.Codec(wasmtest.Start(wasmtest.Code{})), kind: host.RefusedInvalid, reason: "start function"},
		{name: "unlisted import", wasm: wasmtest.Codec(kv), kind: host.RefusedInvalid, reason: "does not list"},
		{name: "unknown namespace", wasm: wasmtest.Codec(wasmtest.Import("env", "now", nil, []byte{i32})), kind: host.RefusedInvalid, reason: "env"},
		{name: "unknown function", wasm: wasmtest.Codec(wasmtest.Requires("iprt:log/v1"), wasmtest.Import("iprt:log/v1", "erase", nil, []byte{i32})), kind: host.RefusedInvalid, reason: "no such function"},
		{name: "wrong import type", wasm: wasmtest.Codec(wasmtest.Requires("iprt:log/v1"), wasmtest.Import("iprt:log/v1", "write", nil, []byte{i64})), kind: host.RefusedInvalid, reason: "expected (i32, i32, i32) -> (i32)"},
		{name: "imported memory", wasm: wasmtest.Codec(wasmtest.Edit(func(b *wasmtest.Builder) { b.Import("env", "m", wasmtest.KindGlobal, []byte{i32, 0}) })), kind: host.RefusedInvalid, reason: "only functions"},

		{
			name: "unknown interface", wasm: wasmtest.Codec(wasmtest.Requires("iprt:kv/v1"), kv), kind: host.RefusedInterface,
			reason: "needs iprt:kv/v1, this host has iprt:core/v1, iprt:log/v1, iprt:config/v1", hint: "a host that has iprt:kv/v1",
		}, {
			name: "required without an import", wasm: wasmtest.Codec(wasmtest.Requires("iprt:kv/v1")), kind: host.RefusedInterface, reason: "needs iprt:kv/v1",
		}, {
			name: "not granted", wasm: wasmtest.Codec(wasmtest.Requires("iprt:log/v1"), log), kind: host.RefusedGrant,
			binding: host.Binding{Name: "b", Grants: host.Grants{"iprt:config/v1": {}}},
			reason:  `needs iprt:log/v1, which binding "b" does not grant`, hint: "iprt grant b iprt:log/v1",
		}, {
			name: "not granted, no name", wasm: wasmtest.Codec(wasmtest.Requires("iprt:log/v1")), kind: host.RefusedGrant,
			reason: "needs iprt:log/v1", hint: "grant iprt:log/v1 in the binding",
		}, {
			name: "grant of nothing", wasm: wasmtest.Codec(), kind: host.RefusedBinding,
			binding: host.Binding{Grants: host.Grants{"iprt:kv/v1": {}}}, reason: "grants iprt:kv/v1, this host has iprt:core/v1", hint: "remove the grant",
		}, {
			name: "grant with arguments", wasm: wasmtest.Codec(), kind: host.RefusedBinding,
			binding: host.Binding{Grants: host.Grants{"iprt:log/v1": {Args: basicnode.NewInt(1)}}}, reason: "does not take", hint: "without arguments",
		}, {
			name: "no callable role", kind: host.RefusedRole, reason: "its roles are tea/v1, this host can call codec/v1", hint: "one of its roles",
			wasm: wasmtest.Codec(wasmtest.Without("iprt_codec_v1_decode", "iprt_codec_v1_encode", "iprt_codec_v1_links"),
				wasmtest.ManifestBytes(manifestWithRole("tea/v1"))),
		}, {
			name: "policy", wasm: wasmtest.Codec(), kind: host.RefusedPolicy, cfg: host.Config{Policy: host.AllowList()},
			reason: "not among the 0 modules", hint: "iprt grant bafkrei",
		}, {
			name: "denied", wasm: wasmtest.Codec(), kind: host.RefusedDenied, cfg: host.Config{Deny: []cid.Cid{verified(wasmtest.Codec()).ID()}},
			reason: "never to load it", hint: "denied modules",
		}, {
			name: "in quarantine", wasm: wasmtest.Codec(), kind: host.RefusedQuarantine,
			cfg:    host.Config{Breakers: kept{{Module: verified(wasmtest.Codec()).ID(), Until: time.Now().Add(time.Hour), Reason: "it spun"}}},
			reason: "it kept failing: it spun", hint: "release",
		}, {
			name: "compiling costs too much", wasm: wasmtest.Codec(), kind: host.RefusedCompile,
			cfg:    host.Config{Limits: host.Limits{MaxCompileTime: 1, MaxFunctionCompileTime: 1}},
			reason: "allowed are 1ns and 1ns", hint: "Config.Artifacts",
		}, {
			name: "a binding's limits", wasm: wasmtest.Codec(wasmtest.Memory(3, 16)), kind: host.RefusedLimit,
			binding: host.Binding{Limits: host.Limits{MaxMemoryBytes: 1 << 16}}, reason: "at most 65536", hint: "MaxMemoryBytes",
		}, {
			name: "memory", wasm: wasmtest.Codec(wasmtest.Memory(3, 16)), kind: host.RefusedLimit, cfg: host.Config{Limits: host.Limits{MaxMemoryBytes: 2 << 16}},
			reason: "starts with 196608 bytes of memory, at most 131072", hint: "MaxMemoryBytes",
		}, {
			// It links and validates, but its code does not type-check.
			name: "does not type-check", wasm: wasmtest.Codec(wasmtest.Body("iprt_codec_v1_decode", wasmtest.Code{}.I32Const(1))),
			kind: host.RefusedInvalid, reason: "compile",
		}, {
			name: "data out of bounds", wasm: wasmtest.Codec(wasmtest.Edit(func(b *wasmtest.Builder) { b.Data(65_535, []byte("xy")) })),
			kind: host.RefusedInvalid, reason: "abi.data-bounds",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := &countingEngine{Engine: newEngine(t, true)}
			h := newHost(t, e, c.cfg)
			m, err := h.LoadVerified(t.Context(), verified(c.wasm), c.binding)
			var r *host.RefusedError
			if !errors.As(err, &r) {
				t.Fatalf("got %v, %v, want a *RefusedError", m, err)
			}
			if r.Kind != c.kind || r.Code() != string(c.kind) {
				t.Errorf("kind is %s, want %s", r.Kind, c.kind)
			}
			if !strings.Contains(r.Reason, c.reason) {
				t.Errorf("reason %q does not have %q", r.Reason, c.reason)
			}
			if !strings.Contains(r.Hint(), c.hint) {
				t.Errorf("hint %q does not have %q", r.Hint(), c.hint)
			}
			if r.Module != verified(c.wasm).ID() {
				t.Errorf("refused %v", r.Module)
			}
			if n, compiles := e.compiled.Load(), c.reason == "compile"; (n > 0) != compiles {
				t.Errorf("the engine was asked to compile %d times", n)
			}
			if n := e.open.Load(); n != 0 {
				t.Errorf("%d codes left open", n)
			}
			if len(h.Modules()) != 0 {
				t.Error("the host lists it")
			}
		})
	}
}

// kept is a host.BreakerStore that remembers.
type kept []host.Quarantine

func (k kept) Load() ([]host.Quarantine, error) { return k, nil }
func (k kept) Save([]host.Quarantine) error     { return nil }

func manifestWithRole(role string) []byte {
	return wasmtest.CBORMap(
		"iprt", wasmtest.CBORUint(1),
		"name", wasmtest.CBORString("x"),
		"roles", wasmtest.CBORMap(role, wasmtest.CBORMap()),
		"license", wasmtest.CBORString("MIT"),
		"version", wasmtest.CBORString("1.0.0"),
		"optional", wasmtest.CBORStrings(),
		"requires", wasmtest.CBORStrings(),
	)
}

// TestZeroConfig: a host that was told nothing allows nothing, and says so.
func TestZeroConfig(t *testing.T) {
	h, err := host.New(newEngine(t, true), host.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close(context.Background())
	v := verified(wasmtest.Codec())
	var r *host.RefusedError
	if _, err := h.LoadVerified(t.Context(), v, host.Binding{}); !errors.As(err, &r) || r.Kind != host.RefusedPolicy {
		t.Errorf("got %v, want a refusal by policy", err)
	}
	if _, err := h.Load(t.Context(), v.ID(), host.Binding{}); !errors.As(err, &r) || r.Kind != host.RefusedNoFetcher {
		t.Errorf("got %v, want no fetcher", err)
	}
	if _, err := h.LoadVerified(t.Context(), fetch.Verified{}, host.Binding{}); !errors.As(err, &r) || r.Kind != host.RefusedUnverified {
		t.Errorf("got %v, want unverified", err)
	}
}

func TestNewRefuses(t *testing.T) {
	if _, err := host.New(nil, host.Config{}); err == nil {
		t.Error("no engine is accepted")
	}
	e := newEngine(t, true)
	for _, l := range []host.Limits{
		{MaxMemoryBytes: -1}, {MaxMemoryBytes: 5 << 30}, {MaxMemoryBytes: 1}, {MaxInstances: -1}, {MaxInputBytes: -1},
		{MaxInputBytes: 1 << 31}, {MaxOutputBytes: -1}, {MaxOutputBytes: 1 << 32}, {MaxLogLine: -1}, {MaxLogLines: -1}, {MaxLogBytes: -1},
	} {
		if _, err := host.New(e, host.Config{Limits: l}); err == nil {
			t.Errorf("%+v is accepted", l)
		}
	}
}

// TestValidatorCause: the rule a module breaks can be had from the error.
func TestValidatorCause(t *testing.T) {
	h := newHost(t, newEngine(t, true), host.Config{})
	_, err := h.LoadVerified(t.Context(), verified(wasmtest.Codec(wasmtest.Without("iprt_abi_v1"))), host.Binding{})
	var v *validate.Error
	if !errors.As(err, &v) || v.Rule != "abi.no-marker" {
		t.Errorf("got %v, want a *validate.Error", err)
	}
}

// askStatus is a codec whose decode calls an optional import and returns the
// status it was answered with.
func askStatus(iface string, params []byte) []byte {
	call := wasmtest.Code{}.I32Const(0)
	for _, p := range params {
		if p == i64 {
			call = call.I64Const(0)
		} else {
			call = call.I32Const(0)
		}
	}
	return wasmtest.Codec(wasmtest.Optional(iface), wasmtest.Import(iface, "write", params, []byte{i32}),
		wasmtest.Body(abi.ExportCodecDecode, call.Call(0).Op(wasmtest.OpI32Sub, wasmtest.OpI64ExtendI32U)))
}

// TestOptional has the three answers of an optional interface. The same code
// answers differently in two bindings.
func TestOptional(t *testing.T) {
	engines(t, func(t *testing.T, e engine.Engine) {
		h := newHost(t, e, host.Config{})
		log := askStatus("iprt:log/v1", []byte{i32, i32, i32})
		for _, c := range []struct {
			name   string
			wasm   []byte
			grants host.Grants
			want   string
		}{
			{"unknown", askStatus("iprt:kv/v1", []byte{i64, i32}), nil, "UNSUPPORTED"},
			{"denied", log, nil, "DENIED"},
			{"denied though another is granted", log, host.Grants{"iprt:config/v1": {}}, "DENIED"},
			// −OK is 0: a result without pointer and status, which no codec may give.
			{"granted", log, host.Grants{"iprt:log/v1": {}}, "neither a result nor a status"},
			{"denied again", log, nil, "DENIED"},
		} {
			m := load(t, h, c.wasm, host.Binding{Name: c.name, Grants: c.grants})
			if _, err := decode(m, nil); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: got %v, want %s", c.name, err, c.want)
			}
		}
	})
}

// TestOptionalWithoutRoom: where a stub cannot return a status, its call ends.
func TestOptionalWithoutRoom(t *testing.T) {
	h := newHost(t, newEngine(t, true), host.Config{})
	wasm := wasmtest.Codec(wasmtest.Optional("iprt:kv/v1"), wasmtest.Import("iprt:kv/v1", "flush", nil, nil),
		wasmtest.Import("iprt:kv/v1", "flush", nil, nil), // twice is legal
		wasmtest.Body(abi.ExportCodecDecode, wasmtest.Code{}.Call(0).I64Const(1)))
	_, err := decode(load(t, h, wasm, host.Binding{}), nil)
	var trap *host.TrapError
	if !errors.As(err, &trap) || !errors.Is(err, abi.StatusUnsupported) || !strings.Contains(err.Error(), "iprt:kv/v1") {
		t.Errorf("got %v", err)
	}
}

func TestPolicies(t *testing.T) {
	pure, talker := verified(wasmtest.Codec()), verified(wasmtest.Codec(wasmtest.Optional("iprt:log/v1"),
		wasmtest.Import("iprt:log/v1", "write", []byte{i32, i32, i32}, []byte{i32})))
	no := host.PolicyFunc(func(context.Context, host.Candidate) error { return errors.New("no") })
	var seen host.Candidate
	spy := host.PolicyFunc(func(_ context.Context, c host.Candidate) error { seen = c; return nil })
	for _, c := range []struct {
		name   string
		policy host.Policy
		v      fetch.Verified
		ok     bool
	}{
		{"list", host.AllowList(talker.ID(), pure.ID()), pure, true},
		{"other list", host.AllowList(talker.ID()), pure, false},
		{"pure", host.AllowPure(), pure, true},
		{"not pure", host.AllowPure(), talker, false},
		{"any", host.AnyOf(no, host.AllowPure()), pure, true},
		{"any, none allows", host.AnyOf(no, host.AllowPure()), talker, false},
		{"any of none", host.AnyOf(), pure, false},
		{"spy", spy, pure, true},
	} {
		h := newHost(t, newEngine(t, true), host.Config{Policy: c.policy})
		_, err := h.LoadVerified(t.Context(), c.v, host.Binding{Name: "place"})
		if (err == nil) != c.ok {
			t.Errorf("%s: got %v", c.name, err)
		}
	}
	if seen.ID != pure.ID() || seen.Binding != "place" || seen.Size != len(pure.Bytes()) || seen.Manifest.Name != "echo" || seen.Purity.String() != "pure0" {
		t.Errorf("policy saw %+v", seen)
	}
}
