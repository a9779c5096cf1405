package abuse_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/iprt/iprt/spec/conformance/abuse"
)

// TestCases: every case can be named, says what it tries, and is either run here or in tests that exist.
func TestCases(t *testing.T) {
	seen := map[string]bool{}
	classes := map[abuse.Class]int{}
	for _, c := range abuse.Cases() {
		if seen[c.ID()] {
			t.Errorf("%s is there twice", c.ID())
		}
		seen[c.ID()] = true
		classes[c.Class]++
		if c.Tries == "" || strings.ContainsAny(c.ID(), "\n") {
			t.Errorf("%q tries %q", c.ID(), c.Tries)
		}
		if (c.Steps == nil) != (len(c.Elsewhere) > 0) {
			t.Errorf("%s is run here and elsewhere, or nowhere", c.ID())
		}
		for _, name := range c.Elsewhere {
			wantTest(t, c.ID(), name)
		}
	}
	for _, class := range abuse.Classes() {
		if classes[class] < 10 {
			t.Errorf("%d cases of class %s", classes[class], class)
		}
	}
	if len(seen) < 4_000 {
		t.Errorf("%d cases", len(seen))
	}
}

// wantTest checks that a test is where the corpus says it is: "path/to/package.TestName".
func wantTest(t *testing.T, id, name string) {
	t.Helper()
	dir, test, _ := strings.Cut(name, ".")
	files, err := filepath.Glob(filepath.Join("../../..", dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		found = found || regexp.MustCompile(`(?m)^func `+regexp.QuoteMeta(test)+`\(`).Match(b)
	}
	if !found {
		t.Errorf("%s is tried by %s, which does not exist", id, name)
	}
}

// TestSteps emits everything once: each step does something that a runner knows, and names an outcome.
func TestSteps(t *testing.T) {
	for _, c := range abuse.Cases() {
		if c.Steps == nil {
			continue
		}
		steps := c.Steps()
		if len(steps) == 0 {
			t.Errorf("%s does nothing", c.ID())
		}
		for _, s := range steps {
			checkStep(t, c.ID(), s)
		}
	}
}

func checkStep(t *testing.T, id string, s abuse.Step) {
	if len(s.Want) == 0 {
		t.Errorf("%s has a step that wants nothing", id)
	}
	switch do := s.Do.(type) {
	case abuse.Load, abuse.Unload, abuse.Call, abuse.Decode, abuse.Fetch, abuse.Resolve, abuse.Damage, abuse.Reopen:
	case abuse.Together:
		for _, inner := range do.Steps {
			checkStep(t, id, inner)
		}
	case abuse.Starve:
		for _, inner := range do.Steps {
			checkStep(t, id, inner)
		}
	default:
		t.Errorf("%s has a step of type %T", id, s.Do)
	}
}

var update = flag.Bool("update", false, "write the sample files anew")

// TestSamples compares the smallest modules that killed hosts with the files that other implementations can take.
func TestSamples(t *testing.T) {
	cases := map[string]abuse.Case{}
	for _, c := range abuse.Cases() {
		cases[c.ID()] = c
	}
	for _, id := range []string{
		"static/claim/types-4294967295", "static/claim/functions-4294967295", "static/claim/local-runs-4294967295", "static/claim/br-table-4294967295",
		"static/locals/4294967295-of-0x7e", "static/locals/134217728-of-0x7e", "static/locals-wrap/2", "static/table/2^27",
		"execution/loop/empty-in-_initialize", "execution/call-tree/2", "execution/recursion/direct-1000", "execution/table-grow/268435456",
	} {
		c, ok := cases[id]
		if !ok {
			t.Fatalf("there is no case %s", id)
		}
		load, ok := c.Steps()[0].Do.(abuse.Load)
		if !ok || len(load.Wasm) > 4<<10 {
			t.Fatalf("%s begins with %T", id, c.Steps()[0].Do)
		}
		file := filepath.Join("testdata", strings.NewReplacer("/", "-", "^", "-").Replace(id)+".wasm")
		if *update {
			if err := os.WriteFile(file, load.Wasm, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if b, err := os.ReadFile(file); err != nil || !bytes.Equal(b, load.Wasm) {
			t.Errorf("%s is not what is emitted (write it with -update): %v", file, err)
		}
	}
}

func TestSelect(t *testing.T) {
	all := abuse.Cases()
	for _, c := range []struct {
		prefixes []string
		n        int
	}{{nil, len(all)}, {[]string{"static/cut/1"}, 111}, {[]string{"static/whole", "static/whole"}, 1}} {
		got, err := abuse.Select(all, c.prefixes...)
		if err != nil || c.n > 111 && len(got) != c.n || c.n <= 1 && len(got) != c.n || len(got) == 0 {
			t.Errorf("%v selects %d cases, %v", c.prefixes, len(got), err)
		}
	}
	if _, err := abuse.Select(all, "static/", "nonsense"); err == nil || !strings.Contains(err.Error(), "nonsense") {
		t.Errorf("a prefix that matches nothing gave %v", fmt.Sprint(err))
	}
}
