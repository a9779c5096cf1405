package validate_test

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/iprt/iprt/host/manifest"
	"github.com/iprt/iprt/host/validate"
	w "github.com/iprt/iprt/internal/wasmtest"
)

var i32 = []byte{w.I32}

func i32s(n int) []byte { return slices.Repeat(i32, n) }

func notABI() []broken {
	core, log := "iprt:core/v1", "iprt:log/v1"
	return []broken{
		{"no marker", "abi.no-marker", w.Codec(w.Without("iprt_abi_v1")), "iprt_abi_v1"},
		{"WASI command", "abi.no-marker", w.Codec(w.Without("iprt_abi_v1"), w.ExtraExport("_start", nil, nil)), "WASI command"},
		{"two markers", "abi.two-markers", w.Codec(w.ExtraExport("iprt_abi_v2", nil, nil)), "iprt_abi_v2"},
		{"future marker", "abi.marker-version", w.Codec(w.Without("iprt_abi_v1"), w.ExtraExport("iprt_abi_v2", nil, nil)), "abi_v2"},
		{"marker with escape", "abi.marker-version", w.Codec(w.Without("iprt_abi_v1"), w.ExtraExport("iprt_abi_v\x1b[2J", nil, nil)), `\x1b`},
		{"marker with parameter", "abi.export-type", w.Codec(w.WrongSignature("iprt_abi_v1")), "(f64) -> ()"},
		{"no manifest", "abi.no-manifest", w.Codec(w.Manifests(0)), ""},
		{"two manifests", "abi.two-manifests", w.Codec(w.Manifests(2)), ""},
		{"three manifests", "abi.two-manifests", w.Codec(w.Manifests(3)), ""},
		{"malformed manifest", "abi.manifest", w.Codec(w.ManifestBytes([]byte{0xa0, 0})), ""},
		{"manifest with a bad key", "abi.manifest", w.Codec(w.ManifestName("BAD")), "key name"},
		{"manifest of 70 KB", "abi.manifest", w.Codec(w.ManifestBytes(make([]byte, 70000))), "65536"},
		{"start function", "abi.start", w.Codec(w.Start(w.Code{})), ""},

		{"no memory", "abi.export-missing", w.Codec(w.Without("memory")), "memory"},
		{"no alloc", "abi.export-missing", w.Codec(w.Without("iprt_alloc")), "iprt_alloc"},
		{"no error", "abi.export-missing", w.Codec(w.Without("iprt_error")), "iprt_error"},
		{"wrong alloc", "abi.export-type", w.Codec(w.WrongSignature("iprt_alloc")), "expected (i32) -> (i32)"},
		{"wrong error", "abi.export-type", w.Codec(w.WrongSignature("iprt_error")), ""},
		{"wrong init", "abi.export-type", w.Codec(w.ExtraExport("iprt_init", i32, i32)), "iprt_init"},
		{"wrong _initialize", "abi.export-type", w.Codec(w.ExtraExport("_initialize", nil, i32)), "_initialize"},
		{"alloc of funcref", "abi.export-type", w.Codec(w.Without("iprt_alloc"), w.ExtraExport("iprt_alloc", []byte{w.FuncRef}, i32)), "(funcref) -> (i32)"},
		{"alloc is a memory", "abi.export-kind", w.Codec(w.Without("iprt_alloc"), w.Edit(func(b *w.Builder) { b.Export("iprt_alloc", w.KindMemory, 0) })), "a memory, expected a function"},
		{"memory is a function", "abi.export-kind", w.Codec(w.Without("memory"), w.ExtraExport("memory", nil, nil)), "a function, expected a memory"},
		{"memory without maximum", "abi.memory-max", w.Codec(w.Memory(1, -1)), ""},
		{"table without maximum", "abi.table-max", w.Codec(w.Edit(func(b *w.Builder) { b.Table(1, -1) })), ""},

		{"segment beyond memory", "abi.data-bounds", w.Codec(w.Edit(func(b *w.Builder) { b.Data(1<<30, []byte{1}) })), "1073741825"},
		{"segment at the end of the address space", "abi.data-bounds", w.Codec(w.Edit(func(b *w.Builder) { b.Data(-1, []byte{1, 2}) })), "4294967297"},
		{"segment beyond table", "abi.element-bounds", w.Codec(w.Edit(func(b *w.Builder) { b.Table(1, 4); b.Elem(0, 1, 2) })), ""},
		{"passive external references", "abi.extern-elements", w.Codec(w.Edit(func(b *w.Builder) { b.Table(1, 4); b.ElemRaw([]byte{5, 0x6f, 1, 0xd0, 0x6f, 0x0b}) })), ""},

		{"decode is missing", "abi.role-export", w.Codec(w.Without("iprt_codec_v1_decode")), "iprt_codec_v1_decode"},
		{"links is missing", "abi.role-export", w.Codec(w.Without("iprt_codec_v1_links")), "codec/v1"},
		{"encode has another type", "abi.export-type", w.Codec(w.WrongSignature("iprt_codec_v1_encode")), "(i32, i32, i32, i32) -> (i64)"},
		{"a role that is not listed", "abi.role-unlisted", w.Codec(w.ManifestBytes(otherRole("transport/v1"))), "codec/v1"},
		{"a role nobody knows", "abi.reserved-export", w.Codec(w.ExtraExport("iprt_transport_v1_step", i32s(2), []byte{w.I64})), "iprt_transport_v1_step"},
		{"a call that the role does not have", "abi.reserved-export", w.Codec(w.ExtraExport("iprt_codec_v1_explode", nil, nil)), ""},

		{"unknown namespace", "abi.import-unlisted", w.Codec(w.Import("env", "system", i32, i32)), "system from env"},
		{"interface not listed", "abi.import-unlisted", w.Codec(w.Import(log, "write", i32s(3), i32)), log},
		{"core not listed", "abi.import-unlisted", w.Codec(w.Import(core, "abort", i32s(3), nil)), core},
		{"older WASI", "abi.import-unlisted", w.Codec(w.Import("wasi_unstable", "fd_write", i32s(4), i32)), ""},
		{"unknown call", "abi.import-name", w.Codec(w.Requires(log), w.Import(log, "read", i32s(3), i32)), "read"},
		{"unknown WASI call", "abi.import-name", w.Codec(w.Import("wasi_snapshot_preview1", "fork", nil, i32)), "fork"},
		{"call of another interface", "abi.import-name", w.Codec(w.Requires(core, log), w.Import(log, "abort", i32s(3), nil)), ""},
		{"call of another type", "abi.import-type", w.Codec(w.Requires(log), w.Import(log, "write", i32s(2), i32)), "(i32, i32) -> (i32)"},
		{"WASI call of another type", "abi.import-type", w.Codec(w.Import("wasi_snapshot_preview1", "fd_write", i32s(3), i32)), ""},
		{"imported memory", "abi.import-kind", w.Codec(w.Without("memory"), importOnly(w.KindMemory, w.Limits(1, 1))), "memory"},
		{"imported table", "abi.import-kind", w.Codec(w.Edit(func(b *w.Builder) { b.Import("env", "t", w.KindTable, w.Cat([]byte{w.FuncRef}, w.Limits(1, 1))) })), "table"},
		{"imported global", "abi.import-kind", w.Codec(w.Edit(func(b *w.Builder) { b.Import("env", "g", w.KindGlobal, []byte{w.I32, 0}) })), "global"},
	}
}

// importOnly replaces the module's own memory by an imported one.
func importOnly(kind byte, desc []byte) w.Option {
	return w.Edit(func(b *w.Builder) {
		b.DropMemory()
		b.Import("env", "x", kind, desc)
	})
}

func otherRole(role string) []byte {
	return w.CBORMap("iprt", w.CBORUint(1), "name", w.CBORString("x"), "roles", w.CBORMap(role, w.CBORMap()),
		"license", w.CBORString("MIT"), "version", w.CBORString("1.0.0"), "optional", w.CBORStrings(), "requires", w.CBORStrings())
}

func TestABIRefuses(t *testing.T) {
	for _, c := range notABI() {
		t.Run(c.name, func(t *testing.T) {
			info, err := validate.Module(c.wasm, validate.Rules{})
			e := wantRule(t, err, c)
			if info == nil {
				t.Error("there is no Info")
			}
			if e != nil && (e.Offset < -1 || e.Offset >= len(c.wasm)) {
				t.Errorf("offset %d of %d bytes", e.Offset, len(c.wasm))
			}
			if _, err := validate.Module(c.wasm, validate.Rules{Set: validate.Shape}); err != nil {
				t.Errorf("the shape is fine, but: %v", err)
			}
		})
	}
}

func TestABIAccepts(t *testing.T) {
	core, log := "iprt:core/v1", "iprt:log/v1"
	for _, c := range []struct {
		name   string
		wasm   []byte
		purity manifest.Purity
	}{
		{"codec", w.Codec(), manifest.Pure0},
		{"init", w.Codec(w.Init(w.Code{}.I32Const(0)), w.Initialize(w.Code{})), manifest.Pure0},
		{"core", w.Codec(w.Requires(core), w.Import(core, "abort", i32s(3), nil)), manifest.Pure},
		{"WASI", w.Codec(w.Import("wasi_snapshot_preview1", "proc_exit", i32, nil)), manifest.Pure},
		{"log", w.Codec(w.Optional(log), w.Import(log, "write", i32s(3), i32)), manifest.Granted},
		{"listed, not imported", w.Codec(w.Optional(log)), manifest.Pure0},
		{"unknown interface, listed: the host negotiates", w.Codec(w.Requires("acme:x/v1"), w.Import("acme:x/v1", "go", nil, nil)), manifest.Granted},
		{"unknown role", w.Codec(w.Without("iprt_codec_v1_decode", "iprt_codec_v1_encode", "iprt_codec_v1_links"),
			w.ManifestBytes(otherRole("new-thing/v2")), w.ExtraExport("iprt_new_thing_v2_go", nil, nil)), manifest.Pure0},
		{"other exports", w.Codec(w.ExtraExport("malloc", i32, i32)), manifest.Pure0},
		{"table", w.Codec(w.Edit(func(b *w.Builder) { b.Table(2, 2); b.Elem(0, 1, 2) })), manifest.Pure0},
	} {
		info, err := validate.Module(c.wasm, validate.Rules{})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		} else if info.Purity != c.purity {
			t.Errorf("%s: %s, want %s", c.name, info.Purity, c.purity)
		}
	}
}

func TestInfo(t *testing.T) {
	producers := w.Cat(w.U32(1), w.Name("language"), w.Vec(w.Cat(w.Name("Go\x1b[31m"), w.Name("go1.26"))))
	wasm := w.Codec(w.Requires("iprt:core/v1"), w.Import("iprt:core/v1", "abort", i32s(3), nil),
		w.Import("wasi_snapshot_preview1", "fd_write", i32s(4), i32), w.CustomSection("producers", producers), w.Memory(2, 20))
	info, err := validate.Module(wasm, validate.Rules{})
	if err != nil {
		t.Fatal(err)
	}
	if info.Size != len(wasm) || info.Functions != 6 || len(info.Imports) != 2 || info.Imports[1].Type.String() != "(i32, i32, i32, i32) -> (i32)" {
		t.Errorf("%+v", info)
	}
	if m := info.Memory; m == nil || *m != (validate.Memory{Min: 2, Max: 20, HasMax: true}) || len(info.Tables) != 0 {
		t.Errorf("memory %+v, table %+v", m, info.Tables)
	}
	if e := info.Exports["iprt_codec_v1_links"]; e.Kind != validate.KindFunc || e.Type.String() != "(i32, i32, i32, i32) -> (i64)" {
		t.Errorf("%+v", e)
	}
	if want := []string{"iprt_codec_v1_decode", "iprt_codec_v1_encode", "iprt_codec_v1_links"}; !slices.Equal(info.RoleExports, want) {
		t.Errorf("role exports %q", info.RoleExports)
	}
	if !slices.Equal(info.WASI, []string{"fd_write"}) || info.Manifest.Name != "echo" || info.CodeBytes == 0 || info.DataBytes == 0 {
		t.Errorf("%+v", info)
	}
	if want := (validate.Producer{Field: "language", Name: `Go\x1b[31m`, Version: "go1.26"}); len(info.Toolchain) != 1 || info.Toolchain[0] != want {
		t.Errorf("toolchain %+v", info.Toolchain)
	}
	clear(wasm) // Info must not share its memory
	if info.Imports[0].Module != "iprt:core/v1" || info.Imports[0].Type.Params[0] != 0x7f || info.Manifest.Version != "1.0.0" {
		t.Error("Info changed with the module's bytes")
	}
}

// What a user reads: what is wrong, and what to do about it.
func TestHints(t *testing.T) {
	for _, c := range []struct {
		wasm       []byte
		code, hint string
	}{
		{[]byte("\x00asm\x0d\x00\x01\x00"), "not-wasm", "wasm32-wasip1"},
		{[]byte("\x7fELF"), "not-wasm", ""},
		{sec(oneFn), "wasm-malformed", "damaged"},
		{sec(w.Section(w.SecMemory, w.Vec([]byte{3, 1, 2}))), "wasm-malformed", "without threads"},
		{sec(w.Section(w.SecMemory, w.Vec(w.Limits(2000, -1)))), "wasm-over-limit", "pin it"},
		{w.Codec(w.Without("iprt_abi_v1")), "not-an-iprt-module", "SDK"},
		{w.Codec(w.Memory(1, -1)), "not-an-iprt-module", "iprt pack"},
		{w.Codec(w.Manifests(2)), "not-an-iprt-module", "iprt pack"},
	} {
		_, err := validate.Module(c.wasm, validate.Rules{})
		var e *validate.Error
		if !errors.As(err, &e) || e.Code() != c.code || !strings.Contains(e.Hint(), c.hint) || c.hint == "" && e.Hint() != "" {
			t.Errorf("%v: code %q, hint %q", err, e.Code(), e.Hint())
		}
	}
}

func TestManifestErrorIsWrapped(t *testing.T) {
	_, err := validate.Module(w.Codec(w.ManifestVersion("1")), validate.Rules{})
	var m *manifest.Error
	if !errors.As(err, &m) || m.Key != "version" {
		t.Errorf("%v", err)
	}
}

// Every rule that the package can report is reported in a test, and the ids have one form.
func TestEveryRuleIsTested(t *testing.T) {
	tested := map[string]bool{ // by TestProfile and TestEstimateOver
		"profile.simd": true, "limit.compile-function": true, "limit.compile-module": true, "limit.compile-memory": true,
	}
	for _, cases := range [][]broken{files(), malformed(), overLimits(), code(), notABI()} {
		for _, c := range cases {
			tested[c.rule] = true
		}
	}
	sources, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	id := regexp.MustCompile(`"((?:file|wasm|limit|abi|profile)\.[^"]*[a-z0-9])"`)
	found := 0
	for _, f := range sources {
		if strings.HasSuffix(f, "_test.go") {
			continue
		}
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range id.FindAllStringSubmatch(string(b), -1) {
			found++
			if !tested[m[1]] {
				t.Errorf("%s: no test breaks rule %s", f, m[1])
			}
			if !regexp.MustCompile(`^[a-z]+\.[a-z0-9]+(-[a-z0-9]+)*$`).MatchString(m[1]) {
				t.Errorf("%s: rule id %s", f, m[1])
			}
		}
	}
	for _, fault := range faults(t) {
		if found++; !tested["wasm."+fault] {
			t.Errorf("no test breaks rule wasm.%s", fault)
		}
	}
	if found < 70 {
		t.Errorf("found %d rule ids in %d files", found, len(sources))
	}
}

// faults are those that the readers of the binary format report, which become rules.
func faults(t *testing.T) []string {
	b, err := os.ReadFile("../internal/wasmbin/reader.go")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, m := range regexp.MustCompile(`(?m)^\t[A-Z]\w+ +(?:Fault )?= "([^"]+)"`).FindAllStringSubmatch(string(b), -1) {
		out = append(out, m[1])
	}
	if len(out) < 11 {
		t.Fatalf("found %d faults", len(out))
	}
	return out
}
