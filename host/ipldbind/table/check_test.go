package table

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/ipld/go-ipld-prime/datamodel"

	"github.com/iprt/iprt/abi"
)

// alike are strings of every length around the sizes that are compared and checked in one go, which differ in one place each.
func alike() []string {
	var all []string
	for n := range 19 {
		s := strings.Repeat("m", n)
		all = append(all, s)
		for i := range n {
			for _, c := range []string{"a", "z", "\x80"} {
				all = append(all, s[:i]+c+s[i+1:])
			}
			if i > 0 {
				all = append(all, s[:i-1]+"é"+s[i+1:])
			}
		}
	}
	return all
}

// TestKeyOrder holds maps of two keys to what a look at the whole strings says.
func TestKeyOrder(t *testing.T) {
	keys := slices.DeleteFunc(alike(), func(s string) bool { return !utf8.ValidString(s) })
	null := rec(abi.KindNull, 0, 0, 0)
	for _, a := range keys {
		for _, b := range keys {
			if len(a)-len(b) > 1 || len(b)-len(a) > 1 {
				continue // as a rule, no worse than those of nearly the same length
			}
			lengthFirst := len(a) < len(b) || len(a) == len(b) && a < b
			for order, ok := range map[abi.MapOrder]bool{abi.MapUnordered: a != b, abi.MapBytewise: a < b, abi.MapLengthFirst: lengthFirst} {
				tab := raw{heap: []byte(a + b), records: [][]byte{
					bmap(order, 2, 5), str(uint32(len(a)), 0), null, str(uint32(len(b)), uint64(len(a))), null,
				}}.bytes()
				if _, err := Parse(tab, nil, Limits{}); (err == nil) != ok {
					t.Fatalf("order %d, %q, %q: %v", order, a, b, err)
				}
			}
		}
	}
}

func TestUTF8(t *testing.T) {
	for _, s := range alike() {
		tab := raw{heap: []byte(s), records: [][]byte{str(uint32(len(s)), 0)}}.bytes()
		if _, err := Parse(tab, nil, Limits{}); (err == nil) != utf8.ValidString(s) {
			t.Errorf("%q: %v", s, err)
		}
	}
}

// TestParseAgain uses one table for values of different sizes, and after a failure.
func TestParseAgain(t *testing.T) {
	var tab Table
	block := make([]byte, 1<<20)
	for _, n := range []int{100, 3, 101, 40} {
		src := mapNode(n)
		if err := tab.Parse(must(Build(src)), block, Limits{}); err != nil {
			t.Fatal(err)
		}
		for i := range n {
			if _, err := tab.Root().LookupByString(fmt.Sprintf("k%010d", i)); err != nil {
				t.Errorf("%d entries: %v", n, err)
			}
		}
		if _, err := tab.Root().LookupByString(fmt.Sprintf("k%010d", n)); err == nil {
			t.Errorf("%d entries: there is one of a table before", n)
		}
		if !datamodel.DeepEqual(tab.Root(), src) {
			t.Errorf("%d entries: the view differs", n)
		}
		if err := tab.Parse(raw{records: [][]byte{list(1, 2), list(1, 2)}}.bytes(), nil, Limits{}); err == nil {
			t.Error("a cut table was accepted")
		}
	}
}
