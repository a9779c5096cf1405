package validate_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/iprt/iprt/host/validate"
)

// TestSpecSuite holds the scan against wazero's parser over WebAssembly's own test suite, which wazero ships as binaries.
// What the engine takes, the scan takes, unless a limit says no; what the scan takes, the engine may refuse for its types but
// not for its structure: two readers that see different modules in the same bytes would make a hole.
func TestSpecSuite(t *testing.T) {
	files := specFiles(t)
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter())
	defer r.Close(ctx)
	taken := 0
	for _, path := range files {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(path)
		_, ours := validate.Module(b, validate.Rules{Set: validate.Shape, SIMD: true, Limits: validate.Pinned()})
		m, theirs := r.CompileModule(ctx, b)
		if theirs == nil {
			m.Close(ctx)
		}
		var e *validate.Error
		switch {
		case ours == nil && theirs == nil:
			taken++
		case theirs == nil && errors.As(ours, &e) && !strings.HasPrefix(e.Rule, "limit."):
			t.Errorf("%s: the engine takes what the scan refuses: %v", name, ours)
		case ours == nil && strings.HasPrefix(theirs.Error(), "section "):
			t.Errorf("%s: the scan takes what the engine cannot read: %v", name, theirs)
		}
	}
	if taken < 500 {
		t.Errorf("only %d of %d modules were taken", taken, len(files))
	}
}

// specFiles finds the suites of WebAssembly 1.0 and 2.0 in the module cache.
func specFiles(t *testing.T) []string {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/tetratelabs/wazero").Output()
	if err != nil {
		t.Skipf("the Go command does not find wazero's sources: %v", err)
	}
	suite := filepath.Join(strings.TrimSpace(string(out)), "internal/integration_test/spectest")
	var files []string
	for _, version := range []string{"v1", "v2"} {
		found, err := filepath.Glob(filepath.Join(suite, version, "testdata", "*.wasm"))
		if err != nil || len(found) < 100 {
			t.Fatalf("%d modules of the suite %s in %s: %v", len(found), version, suite, err)
		}
		files = append(files, found...)
	}
	return files
}
