package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/iprt/iprt"
)

// compilers skips a test where the C toolchain is missing.
func compilers(t *testing.T) tools {
	t.Helper()
	tools, err := findTools(t.Context())
	if err != nil {
		if os.Getenv("IPRT_REQUIRE_CLANG") == "1" {
			t.Fatal(err)
		}
		t.Skipf("cannot build modules in C: %v", err)
	}
	return tools
}

// TestReproducible builds the modules in C again, in a place with another path, and compares them with what is committed.
func TestReproducible(t *testing.T) {
	tools := compilers(t)
	root := filepath.Join(t.TempDir(), "some where", "else")
	copyFiles(t, filepath.Join("..", ".."), root, "codecs/*/*.[ch]", "codecs/*/manifest.json", "codecs/*/*.wasm", "sdk/c/*.h", iprt.LockFile)
	t.Chdir(root)
	locked, err := readLock()
	if err != nil {
		t.Fatal(err)
	}
	if locked.Toolchains["clang"] != tools.clangVersion || locked.Toolchains["wasm-ld"] != tools.wasmLDVersion {
		t.Skipf("the modules were made with %v, here are %s and %s", locked.Toolchains, tools.clangVersion, tools.wasmLDVersion)
	}
	all := buildC(t, tools)
	if err := compare(tools, locked, all); err != nil {
		t.Error(err)
	}
	if len(all) < 3 {
		t.Errorf("only %d modules", len(all))
	}

	// What is compared can differ.
	m := locked.Modules["raw"]
	m.Size++
	locked.Modules["raw"] = m
	locked.Modules["gone"] = m
	delete(locked.Modules, "dag-cbor")
	if err := os.WriteFile("codecs/bencode/bencode.wasm", []byte("\x00asm"), 0o644); err != nil {
		t.Fatal(err)
	}
	err = compare(tools, locked, all)
	for _, want := range []string{"raw: built", "dag-cbor: built", "gone: in the lock", "bencode: codecs/bencode/bencode.wasm is not"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not among the differences: %v", want, err)
		}
	}
}

func buildC(t *testing.T, tools tools) []built {
	t.Helper()
	tmp := t.TempDir()
	var all []built
	for _, m := range modules {
		if m.lang != inC {
			continue
		}
		b, err := build(t.Context(), tools, m, tmp)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b)
	}
	return all
}

// copyFiles copies what matches the patterns from one tree to another.
func copyFiles(t *testing.T, from, to string, patterns ...string) {
	t.Helper()
	for _, p := range patterns {
		files, err := filepath.Glob(filepath.Join(from, filepath.FromSlash(p)))
		if err != nil || len(files) == 0 {
			t.Fatalf("no file matches %s, %v", p, err)
		}
		for _, f := range files {
			rel, err := filepath.Rel(from, f)
			if err != nil {
				t.Fatal(err)
			}
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.MkdirAll(filepath.Join(to, filepath.Dir(rel)), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(to, rel), b, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestFailuresAreTold: a source that does not compile, a manifest that is none and a missing tool say so.
func TestFailuresAreTold(t *testing.T) {
	tools := compilers(t)
	t.Chdir(t.TempDir())
	for name, content := range map[string]string{
		"bad/bad.c":             "int f(void) { return no_such_thing; }",
		"bad/manifest.json":     "{}",
		"empty/empty.c":         "__attribute__((export_name(\"f\"))) void f(void) {}",
		"empty/manifest.json":   `{"iprt": 1}`,
		"nojson/nojson.c":       "__attribute__((export_name(\"f\"))) void f(void) {}",
		"nojson/manifest.json":  "{",
		"nothing/manifest.json": "{}",
	} {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for dir, want := range map[string]string{
		"bad": "no_such_thing", "empty": "manifest.json: ", "nojson": "manifest.json: ", "nothing": "nothing.c",
	} {
		_, err := build(t.Context(), tools, module{dir, dir, inC}, t.TempDir())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, expected %q", dir, err, want)
		}
	}
	t.Setenv("CLANG", "no-such-clang")
	if _, err := findTools(t.Context()); err == nil || !strings.Contains(err.Error(), "$CLANG") {
		t.Errorf("findTools: %v", err)
	}
}

// TestSourcesHaveNoPaths: nothing of the machine is in the modules.
func TestSourcesHaveNoPaths(t *testing.T) {
	root, err := exec.CommandContext(t.Context(), "go", "env", "GOMOD").Output()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(strings.TrimSpace(string(root)))
	for _, name := range iprt.Builtin().Names() {
		b, ok := iprt.Bytes(name)
		if ok && strings.Contains(string(b), dir) {
			t.Errorf("%s contains %q", name, dir)
		}
	}
}
