package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const root = "../.."

// TestTreeIsCurrent is what CI relies on: generated files match abi.json.
func TestTreeIsCurrent(t *testing.T) {
	if err := run(root, true); err != nil {
		t.Error(err)
	}
}

// TestDriftIsFound changes one output and expects -check to name it and
// writing to mend it.
func TestDriftIsFound(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "spec"), os.DirFS(filepath.Join(root, "spec"))); err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{"abi", "sdk/c", "sdk/internal/hostcall"} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.FromSlash(d)), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := run(dir, false); err != nil {
		t.Fatal(err)
	}
	if err := run(dir, true); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"abi/abi_gen.go", "sdk/c/iprt_abi.h", "spec/ABI.md"} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		changed := strings.ReplaceAll(string(data), "NOT_FOUND", "ABSENT")
		if changed == string(data) {
			t.Fatalf("%s does not name NOT_FOUND", name)
		}
		if err := os.WriteFile(path, []byte(changed), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := run(dir, true); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s was changed: got %v", name, err)
		}
	}
	if err := run(dir, false); err != nil {
		t.Fatal(err)
	}
	if err := run(dir, true); err != nil {
		t.Errorf("after writing: %v", err)
	}
}

func TestLoadRefuses(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(root, "spec", "abi.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, old, new, want string }{
		{"misspelt key", `"marker": {"prefix"`, `"marker": {"prefx"`, "unknown field"},
		{"gap in the statuses", `"value": 4, "name": "NOT_FOUND"`, `"value": 14, "name": "NOT_FOUND"`, "dense"},
		{"no such status", `{"status": "NOT_FOUND", "when"`, `{"status": "MISSING", "when"`, `no status "MISSING"`},
		{"no such type", `{"name": "level", "type": "i32"`, `{"name": "level", "type": "u32"`, "unknown value type"},
		{"no such WASI type", `"params": "fd:i32 to:i32"`, `"params": "fd:fd to:i32"`, "unknown type"},
		{"call twice", `{"name": "encode", "since": 1`, `{"name": "decode", "since": 1`, "there twice"},
		{"call without doc", `"doc": "write one log entry"`, `"doc": ""`, "lacks doc"},
		{"marker", `"name": "iprt_abi_v1"}`, `"name": "abi_v1"}`, "prefix"},
		{"cut short", "\n}\n", "\n", "unexpected EOF"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text := strings.Replace(string(data), tt.old, tt.new, 1)
			if text == string(data) {
				t.Fatalf("abi.json does not have %s", tt.old)
			}
			path := filepath.Join(t.TempDir(), "abi.json")
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			if _, err := load(path); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v, expected an error with %q", err, tt.want)
			}
		})
	}
}

func TestFill(t *testing.T) {
	known := map[string]string{"a": "A\n"}
	for _, tt := range []struct{ text, want, err string }{
		{"x\n<!-- abigen:a -->\nold\n<!-- /abigen -->\ny", "x\n<!-- abigen:a -->\nA\n<!-- /abigen -->\ny", ""},
		{"no blocks", "no blocks", ""},
		{"<!-- abigen:b --><!-- /abigen -->", "", "no generated block"},
		{"<!-- abigen:a -->", "", "no end marker"},
		{"<!-- abigen:a", "", "no generated block"},
	} {
		got, err := fill(tt.text, known, map[string]bool{})
		if got != tt.want || tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
			t.Errorf("%q: got %q, %v", tt.text, got, err)
		}
	}
}
