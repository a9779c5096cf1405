package validate_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/iprt/iprt/host/validate"
)

// exceptions are the limits that keep valid modules of the suite out, and how many of each there are. Nothing else may.
var exceptions = map[string]int{
	"limit.tables":       80, // a second table
	"limit.table-max":    1,  // a table that may grow beyond 65,536 elements
	"limit.br-table":     1,  // a br_table of 16,150 targets
	"limit.loop-nesting": 1,  // 17 or more loops in one another
	"limit.params":       1,  // a type of 100 parameters
}

// TestSpecSuite holds the scan against WebAssembly's own test suite and against wazero, which ships it as binaries.
//
// What the suite calls valid is accepted, unless a limit says no. What it calls malformed is refused. And where the scan accepts and the engine refuses, it is for types and not for structure: two readers that see
// different modules in the same bytes would make a hole.
func TestSpecSuite(t *testing.T) {
	ctx := context.Background()
	engine := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter())
	defer engine.Close(ctx)
	count, out := map[string]int{}, map[string]int{}
	for path, kind := range specModules(t) {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(path)
		count[kind]++
		_, ours := validate.Module(b, validate.Rules{Set: validate.Shape, SIMD: true, Limits: validate.Pinned()})
		m, theirs := engine.CompileModule(ctx, b)
		if theirs == nil {
			m.Close(ctx)
		}
		var e *validate.Error
		errors.As(ours, &e)
		switch {
		case e != nil && strings.HasPrefix(e.Rule, "limit."):
			if kind == valid {
				out[e.Rule]++
			}
		case kind == "assert_malformed" && ours == nil:
			t.Errorf("%s is malformed; the engine says %v", name, theirs)
		case kind == valid && ours != nil:
			t.Errorf("%s is valid: %v", name, ours)
		case ours != nil && theirs == nil:
			t.Errorf("%s: the engine takes what the scan refuses: %v", name, ours)
		case ours == nil && theirs != nil && !typeError(theirs):
			t.Errorf("%s: the scan takes what the engine cannot read: %v", name, theirs)
		}
	}
	for rule, n := range out {
		if n != exceptions[rule] {
			t.Errorf("%d valid modules break rule %s, expected %d", n, rule, exceptions[rule])
		}
	}
	if count[valid] < 1700 || count["assert_invalid"] < 2100 || count["assert_malformed"] < 500 {
		t.Errorf("tried %v", count)
	}
}

// typeError reports whether wazero refuses a module for what takes a type check to see, or knowledge of what is declared where.
// It cannot link imports without a module name either, which the specification allows, nor read a custom section without
// content at the end of the bytes.
func typeError(err error) bool { return typeErrors.MatchString(err.Error()) }

var typeErrors = regexp.MustCompile(`(?s)type mismatch|cannot (pop|use)|must return|must be \w+ but was|inconsistent block type|not mutable|` +
	`undeclared function index|reference types cannot be used|table is not funcref|has an empty module name|failed to read custom section name.*EOF`)

const valid = "valid"

// specModules finds the suite of WebAssembly 2.0 in the module cache: its binary modules, and what it says of each: valid,
// assert_invalid or assert_malformed.
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
			if !strings.HasSuffix(c.Filename, ".wasm") {
				continue
			}
			kind := c.Type
			if kind != "assert_malformed" && kind != "assert_invalid" {
				kind = valid // it runs, or fails when it is linked or started
			}
			modules[filepath.Join(dir, c.Filename)] = kind
		}
	}
	return modules
}
