package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host/validate"
)

// TestMinimumLimits holds what spec/ABI.md says every host takes to what this
// one takes of strangers.
func TestMinimumLimits(t *testing.T) {
	l := validate.Untrusted()
	want := map[string][]uint64{
		"bytes of the module":                            {l.ModuleBytes},
		"bytes of the manifest":                          {abi.ManifestMaxSize},
		"functions, imported ones included":              {l.Functions},
		"bytes of one function's body":                   {l.BodyBytes},
		"locals of one function, without its parameters": {l.Locals},
		"parameters, results of one function":            {l.Params, l.Results},
		"blocks in one another":                          {l.BlockNesting},
		"loops in one another":                           {l.LoopNesting},
		"targets of one `br_table`, of all together":     {l.BrTable, l.BrTableSum},
		"types":                               {l.Types},
		"imports":                             {l.Imports},
		"exports":                             {l.Exports},
		"globals":                             {l.Globals},
		"elements of the table":               {l.TableElements},
		"data segments":                       {l.DataSegments},
		"64 KiB pages of memory at the start": {l.InitialPages},
	}
	text, err := os.ReadFile(filepath.Join("..", "..", "spec", "ABI.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(text), "<!-- limits -->\n")
	table, _, ok2 := strings.Cut(rest, "<!-- /limits -->")
	if !ok || !ok2 {
		t.Fatal("spec/ABI.md has no table of limits")
	}
	rows := strings.Split(strings.TrimSpace(table), "\n")[2:]
	if len(rows) != len(want) {
		t.Errorf("the table has %d rows, want %d", len(rows), len(want))
	}
	for _, row := range rows {
		cells := strings.Split(strings.Trim(row, "| "), " | ")
		var figures []uint64
		for _, f := range strings.Split(cells[1], ", ") {
			n, err := strconv.ParseUint(strings.ReplaceAll(f, ",", ""), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			figures = append(figures, n)
		}
		has, ok := want[cells[0]]
		if !ok || len(has) != len(figures) {
			t.Errorf("row %q: %v, this host has %v", cells[0], figures, has)
			continue
		}
		for i := range has {
			if figures[i] > has[i] {
				t.Errorf("%s: every host takes %d, this one %d", cells[0], figures[i], has[i])
			}
		}
	}
}
