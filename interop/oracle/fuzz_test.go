package oracle

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// maxSeed keeps the fuzzer fast: it mutates what it is given.
const maxSeed = 4 << 10

// FuzzBencode holds any block to the differential rule.
func FuzzBencode(f *testing.F) {
	seeds := [][]byte{[]byte(sample)}
	for _, e := range edges {
		seeds = append(seeds, []byte(e.block))
	}
	for _, tt := range torrents {
		seeds = append(seeds, written(f, tt.info(f), tt.more))
	}
	seeds = append(seeds, oracleSeeds(f)...)
	for _, s := range seeds {
		if len(s) <= maxSeed {
			f.Add(s)
		}
	}
	c := open(f)
	f.Fuzz(func(t *testing.T, block []byte) {
		if _, _, err := hold(t.Context(), c, block); err != nil {
			t.Errorf("%q: %v", block, err)
		}
	})
}

// FuzzBencodeData is TestGenerated with the fuzzer as its source of chance.
func FuzzBencodeData(f *testing.F) {
	f.Fuzz(rapid.MakeFuzz(encodesAsOracle(open(f))))
}

// oracleSeeds are the inputs that the oracle's own fuzzing found worth keeping.
func oracleSeeds(f *testing.F) (seeds [][]byte) {
	f.Helper()
	for _, file := range oracleFiles(f, "bencode/testdata/fuzz/*/*") {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		_, value, _ := strings.Cut(strings.TrimSpace(string(text)), "\n[]byte(")
		seed, err := strconv.Unquote(strings.TrimSuffix(value, ")"))
		if err != nil {
			f.Fatalf("%s: %v", file, err)
		}
		seeds = append(seeds, []byte(seed))
	}
	if len(seeds) == 0 {
		f.Fatal("the oracle has no seeds")
	}
	return seeds
}
