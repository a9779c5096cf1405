package oracle

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

// TestDifferences: the table of differences in spec/codecs.md has the rows that the tests know, and every row that is
// about decoding is met by a block. A row that a new version of the oracle makes obsolete fails.
func TestDifferences(t *testing.T) {
	spec, err := os.ReadFile(filepath.Join("..", "..", "spec", "codecs.md"))
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	for _, m := range regexp.MustCompile(`(?m)^\| (\S+) \| bencode \|`).FindAllSubmatch(spec, -1) {
		rows = append(rows, string(m[1]))
	}
	if want := []string{rowInteger, rowDepth, rowBytes, rowKey, rowEncode}; !slices.Equal(rows, want) {
		t.Errorf("spec/codecs.md has the rows %v, expected %v", rows, want)
	}
	met := map[string]bool{rowEncode: true} // by TestEncodeRefusals
	c := open(t)
	for _, tt := range edges {
		_, under, err := hold(t.Context(), c, []byte(tt.block))
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		for _, row := range under {
			met[row] = true
		}
	}
	for _, row := range rows {
		if !met[row] {
			t.Errorf("no block meets %s", row)
		}
	}
}
