package oracle

import (
	"bytes"
	"maps"
	"math/big"
	"slices"
	"testing"

	"github.com/anacrolix/torrent/bencode"
	"pgregory.net/rapid"

	"github.com/iprt/iprt/host/ipldbind"
)

// byteString is any bytes. A few bytes that meet often make prefixes, duplicates and neighbours in every order.
var byteString = rapid.OneOf(
	rapid.String(),
	rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }),
	rapid.Map(rapid.SliceOfN(rapid.SampledFrom([]string{"\x00", "a", "b", "\x7f", "\x80", "é", "\xff"}), 0, 4), func(parts []string) string {
		var s string
		for _, p := range parts {
			s += p
		}
		return s
	}),
)

var leaf = rapid.OneOf(
	rapid.Map(byteString, func(s string) any { return s }),
	rapid.Map(rapid.Int64(), func(i int64) any { return i }),
	rapid.Map(rapid.Uint64(), func(u uint64) any { return new(big.Int).SetUint64(u) }),
)

// anyValue generates values of the oracle that the data model has, up to depth.
func anyValue(depth int) *rapid.Generator[any] {
	if depth == 0 {
		return leaf
	}
	inner := anyValue(depth - 1)
	return rapid.OneOf(
		leaf,
		rapid.Map(rapid.SliceOfN(inner, 0, 5), func(l []any) any { return l }),
		rapid.Map(rapid.MapOfN(byteString, inner, 0, 8), func(m map[string]any) any { return m }),
	)
}

// encodesAsOracle is the property of encode: from the same data, in whatever order, the same block. Then it holds that
// block and a mutant of it to the rule.
func encodesAsOracle(c *ipldbind.Codec) func(*rapid.T) {
	return func(t *rapid.T) {
		v := anyValue(4).Draw(t, "value")
		n := toNode(v, func(m map[string]any) []string {
			return rapid.Permutation(slices.Sorted(maps.Keys(m))).Draw(t, "order")
		})
		got, err := c.Encode(t.Context(), n, nil)
		if err != nil {
			t.Fatal(err)
		}
		if want := must(bencode.Marshal(v)); !bytes.Equal(got, want) {
			t.Fatalf("encodes to\n%q, the oracle to\n%q", got, want)
		}
		if taken, _, err := hold(t.Context(), c, got); err != nil || !taken {
			t.Fatalf("%q: taken: %v, %v", got, taken, err)
		}
		mutant := mutated(got).Draw(t, "mutant")
		if _, _, err := hold(t.Context(), c, mutant); err != nil {
			t.Fatalf("%q: %v", mutant, err)
		}
	}
}

// mutated generates blocks that are a few edits away from block, with bytes that mean something in bencode.
func mutated(block []byte) *rapid.Generator[[]byte] {
	some := rapid.OneOf(rapid.SampledFrom([]byte("ilde0123456789:-\x00\xff")), rapid.Byte())
	return rapid.Custom(func(t *rapid.T) []byte {
		b := slices.Clone(block)
		for range rapid.IntRange(1, 4).Draw(t, "edits") {
			at := rapid.IntRange(0, len(b)).Draw(t, "at")
			to := min(len(b), at+rapid.IntRange(0, 2).Draw(t, "removed"))
			b = slices.Replace(b, at, to, rapid.SliceOfN(some, 0, 2).Draw(t, "inserted")...)
		}
		return b
	})
}

func TestGenerated(t *testing.T) { rapid.Check(t, encodesAsOracle(open(t))) }
