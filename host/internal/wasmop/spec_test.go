package wasmop_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/iprt/iprt/host/internal/wasmbin"
	"github.com/iprt/iprt/host/internal/wasmop"
)

// TestSpecSuite walks the modules of WebAssembly's own test suite. Those that are well-formed end where the reader says; in
// those that are valid the stack holds at each end what the types promise, and among them every instruction occurs.
func TestSpecSuite(t *testing.T) {
	seen := map[wasmop.Op]bool{}
	valid, invalid := 0, 0
	for path, kind := range specModules(t) {
		wasm, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		switch kind {
		case "assert_malformed":
		case "assert_invalid":
			invalid++
			walkOnly(t, filepath.Base(path), wasm, nil)
		default:
			valid++
			walk(t, filepath.Base(path), wasm)
			walkOnly(t, filepath.Base(path), wasm, seen)
		}
	}
	if valid < 1700 || invalid < 2100 {
		t.Errorf("walked %d valid and %d invalid modules", valid, invalid)
	}
	for _, op := range all(t) {
		if info, _ := wasmop.Lookup(op); !seen[op] {
			t.Errorf("%s does not occur", info.Name)
		}
	}
}

// walkOnly reads all bodies without regard to types.
func walkOnly(t *testing.T, name string, wasm []byte, seen map[wasmop.Op]bool) {
	var r wasmop.Reader
	for sections := wasmbin.NewSections(wasm); sections.Next(); {
		if sections.Section().ID != wasmbin.Code {
			continue
		}
		bodies := wasmop.NewBodies(sections.Section())
		for bodies.Next() {
			body, at := bodies.Body()
			r.Reset(body, at)
			end := at
			for r.Next() {
				if r.At < end || r.End() <= r.At || len(r.Raw()) != r.End()-r.At {
					t.Errorf("%s: an instruction from %d to %d follows one that ends at %d", name, r.At, r.End(), end)
				}
				end = r.End()
				if seen != nil {
					seen[r.Op] = true
				}
			}
			if r.Err() != nil || end != at+len(body) {
				t.Errorf("%s: the body that ends at %d ends at %d: %v", name, at+len(body), end, r.Err())
			}
		}
	}
}

// specModules finds the binary modules of the suite of WebAssembly 2.0 in wazero's sources, and what the suite says of each.
func specModules(t *testing.T) map[string]string {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/tetratelabs/wazero").Output()
	if err != nil {
		t.Skipf("NOT TESTED: the Go command does not find wazero's sources: %v", err)
	}
	dir := filepath.Join(strings.TrimSpace(string(out)), "internal/integration_test/spectest/v2/testdata")
	lists, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(lists) < 100 {
		t.Fatalf("%d lists of modules in %s: %v", len(lists), dir, err)
	}
	modules := map[string]string{}
	for _, path := range lists {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var list struct {
			Commands []struct{ Type, Filename string }
		}
		if err := json.Unmarshal(b, &list); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		for _, c := range list.Commands {
			if strings.HasSuffix(c.Filename, ".wasm") {
				modules[filepath.Join(dir, c.Filename)] = c.Type
			}
		}
	}
	return modules
}
