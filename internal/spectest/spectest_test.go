package spectest

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	wz "github.com/tetratelabs/wazero"

	"github.com/iprt/iprt/host/meter"
	"github.com/iprt/iprt/host/validate"
)

// generous are the limits of the format: the suite has memories of 4 GiB and bodies with everything in them.
func generous() validate.Limits {
	l := validate.Pinned()
	l.InitialPages, l.TableElements = 65536, 1<<32-1
	l.Params, l.Results, l.Locals, l.LoopNesting, l.BrTable, l.Tables = 1000, 1000, 1<<32, 1000, 1<<20, 1000
	return l
}

// variants are what each script runs in. The first of each engine is the one that the others are compared with.
func variants() [][]variant {
	var all [][]variant
	for _, e := range []struct {
		name   string
		config wz.RuntimeConfig
	}{{"compiled", wz.NewRuntimeConfigCompiler()}, {"interpreted", wz.NewRuntimeConfigInterpreter()}} {
		all = append(all, []variant{
			{e.name, e.config, asIs},
			{e.name + " metered", e.config, metered(meter.Config{KeepNaN: true})},
			{e.name + " metered, canonical NaN", e.config, metered(meter.Config{})},
		})
	}
	return all
}

// sample says that every so many-th file is run, unless $SPECTEST is "all".
const sample = 6

// totals are the commands of the whole suite by type. They are asserted, so that no file gets lost.
var totals = map[string]int{
	"action": 155, "assert_exhaustion": 15, "assert_invalid": 2146, "assert_malformed": 1810, "assert_return": 45734,
	"assert_trap": 2408, "assert_uninstantiable": 34, "assert_unlinkable": 83, "module": 1599, "register": 22,
}

func TestCore(t *testing.T) {
	dir := suite(t)
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts in %s: %v", dir, err)
	}
	all := os.Getenv("SPECTEST") == "all"
	count, rejects := map[string]int{}, map[string]int{}
	for i, file := range files {
		if !all && i%sample != 0 {
			continue
		}
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		t.Run(name, func(t *testing.T) {
			s := readScript(t, file)
			for _, c := range s.Commands {
				count[c.Type]++
			}
			for _, vs := range variants() {
				compare(t, dir, s, vs, rejects)
			}
		})
	}
	for _, typ := range slices.Sorted(maps.Keys(count)) {
		t.Logf("%6d %s", count[typ], typ)
	}
	for where, why := range other {
		t.Logf("excepted: %s: %s", where, why)
	}
	for _, rule := range slices.Sorted(maps.Keys(rejects)) {
		t.Logf("%6d modules refused by %s", rejects[rule], rule)
	}
	if all && !maps.Equal(count, totals) {
		t.Errorf("commands %v, expected %v", count, totals)
	}
}

// other are the assertions, by file and line, in which a metered module differs, and why. iprt modules import no memory.
var other = map[string]string{
	"imports:577": "grows an imported memory beyond its own maximum, but below that of the import, which is all that the meter sees",
	"linking:381": "likewise",
}

// compare plays a script in variants of one engine.
func compare(t *testing.T, dir string, s script, vs []variant, rejects map[string]int) {
	var plain []outcome
	for i, v := range vs {
		r := newRunner(t, dir, v)
		out := r.play(s)
		for j, o := range out {
			if why, ok := other[fmt.Sprintf("%s:%d", path.Base(t.Name()), o.Line)]; ok && i > 0 {
				if o.Good {
					t.Errorf("line %d, %s: is as expected, so it need not be excepted (%s)", o.Line, v.name, why)
				}
				continue
			}
			if !o.Good {
				t.Errorf("line %d, %s, %s: %s", o.Line, o.Type, v.name, o.Got)
			}
			if i == 1 && o.Type != "assert_exhaustion" && o.Got != plain[j].Got {
				t.Errorf("line %d, %s: %s, %s; unmetered %s", o.Line, o.Type, v.name, o.Got, plain[j].Got)
			}
		}
		if i == 0 {
			plain = out
		}
		if i == 1 {
			for rule := range r.rejects {
				rule, _, _ = strings.Cut(rule, " ")
				rejects[rule]++
			}
		}
	}
}

// suite is where wazero keeps the converted test suite.
func suite(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/tetratelabs/wazero").Output()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(strings.TrimSpace(string(out)), "internal", "integration_test", "spectest", "v2", "testdata")
	if _, err := os.Stat(dir); err != nil {
		t.Fatal(fmt.Errorf("wazero's copy of the test suite: %w", err))
	}
	return dir
}
