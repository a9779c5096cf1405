package meter_test

import (
	"os"
	"path"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/iprt/iprt/host/internal/wasmop"
)

// TestWeights: the table of the specification and the one that code is charged by say the same.
func TestWeights(t *testing.T) {
	text, err := os.ReadFile("../../spec/metering.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "<!-- metering:weights -->")
	table, _, ok := strings.Cut(table, "<!-- /metering -->")
	rows := regexp.MustCompile(`(?m)^\| (\d+) \| (.*) \|$`).FindAllStringSubmatch(table, -1)
	if !ok || len(rows) != 6 || !strings.HasPrefix(rows[5][0], "| 1 | every other") {
		t.Fatalf("%d rows", len(rows))
	}
	weights := map[string]uint8{} // by pattern
	for _, row := range rows[:5] {
		w, err := strconv.ParseUint(row[1], 10, 8)
		if err != nil {
			t.Fatal(err)
		}
		for _, pattern := range strings.Fields(strings.ReplaceAll(row[2], "`", "")) {
			weights[pattern] = uint8(w)
		}
	}
	used := map[string]bool{}
	seen := 0
	for op := range wasmop.Op(0x300) {
		info, ok := wasmop.Lookup(op)
		if !ok {
			continue
		}
		seen++
		want, matches := uint8(1), 0
		for pattern, w := range weights {
			if m, _ := path.Match(pattern, info.Name); m {
				want = w
				matches++
				used[pattern] = true
			}
		}
		if matches > 1 || info.Weight != want {
			t.Errorf("%s weighs %d, the specification says %d, in %d places", info.Name, info.Weight, want, matches)
		}
	}
	if seen < 400 || len(used) != len(weights) {
		t.Errorf("%d instructions, %d of %d patterns used", seen, len(used), len(weights))
	}
}
