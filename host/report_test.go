package host_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/iprt/iprt/host"
	"github.com/iprt/iprt/host/fetch"
	"github.com/iprt/iprt/internal/wasmtest"
)

func inspect(t *testing.T, e *countingEngine, wasm []byte) *host.Report {
	t.Helper()
	h := newHost(t, e, host.Config{Limits: host.Limits{MaxMemoryBytes: 8 << 16}})
	r, err := h.Inspect(t.Context(), verified(wasm))
	if err != nil {
		t.Fatal(err)
	}
	if e.compiled.Load() != 0 {
		t.Error("inspecting compiled the module")
	}
	return r
}

func TestInspect(t *testing.T) {
	e := &countingEngine{Engine: newEngine(t, true)}
	r := inspect(t, e, wasmtest.Codec(
		wasmtest.ManifestName("demo"), wasmtest.ManifestCode(0x300042), wasmtest.ManifestVersion("1.2.3"),
		wasmtest.Requires("iprt:kv/v1", "iprt:log/v1"), wasmtest.Optional("iprt:config/v1"),
		wasmtest.Import("iprt:log/v1", "write", []byte{i32, i32, i32}, []byte{i32}),
		wasmtest.Import("iprt:kv/v1", "get\x1b[2J", nil, []byte{i32}),
		wasmtest.Import("iprt:kv/v1", "put", nil, []byte{i32}),
		wasmtest.Import("iprt:kv/v1", "put", nil, []byte{i32}),
		wasmtest.Import("wasi_snapshot_preview1", "sched_yield", nil, []byte{i32})))
	if r.Verdict != host.VerdictAccepted || r.Fault != "" {
		t.Fatalf("%s: %s", r.Verdict, r.Fault)
	}
	if r.ABI != "iprt_abi_v1" || r.Name != "demo" || r.Version != "1.2.3" || r.License != "Apache-2.0 OR MIT" || r.Purity != "granted" {
		t.Errorf("%+v", r)
	}
	if len(r.Roles) != 1 || r.Roles[0] != (host.RoleReport{Role: "codec/v1", Code: 0x300042, Name: "demo", Callable: true}) {
		t.Errorf("roles %+v", r.Roles)
	}
	if !slices.Equal(r.Missing, []string{"iprt:kv/v1"}) || !slices.Equal(r.Needs, []string{"iprt:log/v1"}) {
		t.Errorf("missing %v, needs %v", r.Missing, r.Needs)
	}
	if len(r.Imports) != 3 || r.Imports[1].Known || !r.Imports[1].Required || !slices.Equal(r.Imports[1].Functions, []string{`get\x1b[2J`, "put"}) {
		t.Errorf("imports %+v", r.Imports)
	}
	if r.Limits.MemoryMin != 1<<16 || r.Limits.MemoryMax != 8<<16 || r.Limits.Functions != 6 {
		t.Errorf("limits %+v", r.Limits)
	}
	could := strings.Join(r.Could, "; ")
	for _, want := range []string{"write lines to the operator's log", "nothing with iprt:kv/v1", "made up", "524288 bytes"} {
		if !strings.Contains(could, want) {
			t.Errorf("%q lacks %q", could, want)
		}
	}
	if strings.Contains(could, "nothing outside itself") {
		t.Error("it is said to be pure")
	}
}

func TestInspectVerdicts(t *testing.T) {
	for _, c := range []struct {
		name, verdict, rule string
		wasm                []byte
	}{
		{"good", host.VerdictAccepted, "", wasmtest.Codec()},
		{"large", host.VerdictPinned, "limit.initial-pages", wasmtest.Codec(wasmtest.Memory(1025, 2000))},
		{"no marker", host.VerdictRejected, "abi.no-marker", wasmtest.Codec(wasmtest.Without("iprt_abi_v1"))},
		{"empty", host.VerdictRejected, "file.empty", nil},
	} {
		r := inspect(t, &countingEngine{Engine: newEngine(t, true)}, c.wasm)
		if r.Verdict != c.verdict || r.Rule != c.rule || (r.Fault == "") != (c.rule == "") {
			t.Errorf("%s: %s by rule %q: %s", c.name, r.Verdict, r.Rule, r.Fault)
		}
		data, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(data), "null") {
			t.Errorf("%s: a list is null in %s", c.name, data)
		}
	}
	h := newHost(t, newEngine(t, true), host.Config{})
	if _, err := h.Inspect(t.Context(), fetch.Verified{}); err == nil {
		t.Error("an empty Verified is inspected")
	}
}

// TestPinned: what is too large for a stranger loads if the operator chose it.
func TestPinned(t *testing.T) {
	h := newHost(t, newEngine(t, true), host.Config{Limits: host.Limits{MaxMemoryBytes: 128 << 20}})
	wasm := wasmtest.Codec(wasmtest.Memory(1025, 2000))
	if _, err := h.LoadVerified(t.Context(), verified(wasm), host.Binding{}); err == nil {
		t.Error("it loads without being pinned")
	}
	load(t, h, wasm, host.Binding{Pinned: true})
}

// TestInspectCost: a report says what compiling would cost, whose limits the
// module fits and what happens between domains.
func TestInspectCost(t *testing.T) {
	ask := func(cfg host.Config, wasm []byte) *host.Report {
		t.Helper()
		r, err := newHost(t, newEngine(t, false), cfg).Inspect(t.Context(), verified(wasm))
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	r := ask(host.Config{}, wasmtest.Codec())
	if r.Class != "untrusted" || r.Reset != "restored" || r.Compile == nil || r.Compile.Where != "in-process" {
		t.Errorf("%+v, %+v", r, r.Compile)
	}
	if !strings.Contains(strings.Join(r.Could, "; "), "10000000000 units of fuel or 10s per call") {
		t.Errorf("could %q", r.Could)
	}
	tight := host.Config{Limits: host.Limits{MaxCompileTime: 1}}
	if r = ask(tight, wasmtest.Codec()); r.Compile.Where != "refused" {
		t.Errorf("%+v", r.Compile)
	}
	tight.Artifacts = newShelf(t, newEngine(t, false))
	if r = ask(tight, wasmtest.Codec()); r.Compile.Where != "child-process" {
		t.Errorf("%+v", r.Compile)
	}
	if r = ask(host.Config{}, smugglers()["table"].wasm); r.Reset != "instantiated-anew" {
		t.Errorf("%s", r.Reset)
	}
	if r = ask(host.Config{Limits: host.Limits{MaxMemoryBytes: 1 << 30}}, wasmtest.Codec(wasmtest.Memory(1025, 2000))); r.Class != "pinned" || r.Compile == nil {
		t.Errorf("%+v", r)
	}
	if r = ask(host.Config{}, []byte("text")); r.Class != "" || r.Compile != nil || r.Reset != "" {
		t.Errorf("%+v", r)
	}
}
