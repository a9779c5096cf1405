package table

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/codec/dagcbor"
	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/ipld/go-ipld-prime/fluent/qp"
	cidlink "github.com/ipld/go-ipld-prime/linking/cid"
	"github.com/ipld/go-ipld-prime/node/basicnode"
	"github.com/ipld/go-ipld-prime/traversal"

	"github.com/iprt/iprt/abi"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// view builds a table of n and parses it again, with a block large enough not to matter.
func view(t testing.TB, n datamodel.Node) *Table {
	t.Helper()
	b, err := Build(n)
	if err != nil {
		t.Fatal(err)
	}
	v, err := Parse(b, make([]byte, len(b)), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

var testCID = must(cid.Cast([]byte(cidv1)))

// mapNode is a map of n entries with values of all kinds.
func mapNode(n int) datamodel.Node {
	return must(qp.BuildMap(basicnode.Prototype.Any, int64(n), func(ma datamodel.MapAssembler) {
		for i := range n {
			k := fmt.Sprintf("k%010d", i)
			switch i % 6 {
			case 0:
				qp.MapEntry(ma, k, qp.Int(int64(i)*-1000003))
			case 1:
				qp.MapEntry(ma, k, qp.String("value-"+k))
			case 2:
				qp.MapEntry(ma, k, qp.Bytes([]byte(k+k)))
			case 3:
				qp.MapEntry(ma, k, qp.Link(cidlink.Link{Cid: testCID}))
			case 4:
				qp.MapEntry(ma, k, qp.Bool(i%4 == 0))
			case 5:
				qp.MapEntry(ma, k, qp.List(3, func(la datamodel.ListAssembler) {
					qp.ListEntry(la, qp.Int(int64(i)))
					qp.ListEntry(la, qp.Null())
					qp.ListEntry(la, qp.Map(1, func(ma datamodel.MapAssembler) { qp.MapEntry(ma, "f", qp.Float(1.5)) }))
				}))
			}
		}
	}))
}

func mixedList(n int) datamodel.Node {
	return must(qp.BuildList(basicnode.Prototype.Any, int64(n), func(la datamodel.ListAssembler) {
		for i := range n {
			qp.ListEntry(la, qp.List(1, func(la datamodel.ListAssembler) { qp.ListEntry(la, qp.Int(int64(i))) }))
		}
	}))
}

func TestViewEqualsSource(t *testing.T) {
	for name, n := range map[string]datamodel.Node{
		"null": datamodel.Null, "true": basicnode.NewBool(true), "int": basicnode.NewInt(-5), "min": basicnode.NewInt(math.MinInt64),
		"max": basicnode.NewInt(math.MaxInt64), "float": basicnode.NewFloat(-0.25), "empty": basicnode.NewString(""),
		"bytes": basicnode.NewBytes([]byte{0, 255}), "link": basicnode.NewLink(cidlink.Link{Cid: testCID}),
		"map of 0": mapNode(0), "map of 6": mapNode(6), "map of 1000": mapNode(1000), "list of 3": mixedList(3), "list of 500": mixedList(500),
	} {
		t.Run(name, func(t *testing.T) {
			tab := view(t, n)
			if !datamodel.DeepEqual(tab.Root(), n) {
				t.Error("view differs from its source")
			}
			nb := basicnode.Prototype.Any.NewBuilder()
			if err := tab.Assemble(nb); err != nil {
				t.Fatal(err)
			}
			if !datamodel.DeepEqual(nb.Build(), n) {
				t.Error("assembled copy differs from its source")
			}
			var a, b bytes.Buffer
			if err := errors.Join(dagcbor.Encode(n, &a), dagcbor.Encode(tab.Root(), &b)); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(a.Bytes(), b.Bytes()) {
				t.Error("go-ipld-prime encodes the view differently")
			}
			if a, b := must(traversal.SelectLinks(n)), must(traversal.SelectLinks(tab.Root())); !slices.Equal(a, b) {
				t.Errorf("a traversal finds links %v, not %v", b, a)
			}
			if again := must(Build(tab.Root())); !bytes.Equal(again, must(Build(n))) {
				t.Error("the table of the view differs from the table of its source")
			}
		})
	}
}

// TestLookups compares every look-up with basicnode's, below and above the width at which a container gets an index.
func TestLookups(t *testing.T) {
	for _, size := range []int{1, scanLimit, scanLimit + 1, 5 * scanLimit} {
		m, l := mapNode(size), mixedList(size)
		vm, vl := view(t, m).Root(), view(t, l).Root()
		for i := range size {
			k := fmt.Sprintf("k%010d", i)
			want := must(m.LookupByString(k))
			for _, got := range []datamodel.Node{
				must(vm.LookupByString(k)),
				must(vm.LookupBySegment(datamodel.PathSegmentOfString(k))),
				must(vm.LookupByNode(basicnode.NewString(k))),
			} {
				if !datamodel.DeepEqual(got, want) {
					t.Fatalf("map of %d: wrong value for %s", size, k)
				}
			}
			for _, got := range []datamodel.Node{
				must(vl.LookupByIndex(int64(i))),
				must(vl.LookupBySegment(datamodel.ParsePathSegment(fmt.Sprint(i)))),
				must(vl.LookupByNode(basicnode.NewInt(int64(i)))),
			} {
				if !datamodel.DeepEqual(got, must(l.LookupByIndex(int64(i)))) {
					t.Fatalf("list of %d: wrong item %d", size, i)
				}
			}
		}
		var missing datamodel.ErrNotExists
		for _, k := range []string{"", "k", "k0000000000x", "z"} {
			if _, err := vm.LookupByString(k); !errors.As(err, &missing) {
				t.Errorf("map of %d: key %q: %v", size, k, err)
			}
		}
		for _, i := range []int64{-1, int64(size), math.MaxInt64} {
			if _, err := vl.LookupByIndex(i); !errors.As(err, &missing) {
				t.Errorf("list of %d: item %d: %v", size, i, err)
			}
		}
	}
}

// TestLookupInEveryOrder finds keys in wide maps whose keys come bytewise, length-first and in no order.
func TestLookupInEveryOrder(t *testing.T) {
	const n = 300
	orders := map[string]func(i int) string{
		"bytewise":     func(i int) string { return fmt.Sprintf("%03d%s", i, strings.Repeat("x", n-i)) },
		"length-first": func(i int) string { return strings.Repeat("y", n-i%2) + fmt.Sprint(i) },
		"none":         func(i int) string { return fmt.Sprint(i * 7919 % n) },
	}
	for name, key := range orders {
		src := must(qp.BuildMap(basicnode.Prototype.Any, n, func(ma datamodel.MapAssembler) {
			for i := range n {
				qp.MapEntry(ma, key(i), qp.Int(int64(i)))
			}
		}))
		root := view(t, src).Root()
		for i := range n {
			if got, err := must(root.LookupByString(key(i))).AsInt(); got != int64(i) || err != nil {
				t.Fatalf("%s: %d, %v under %q, want %d", name, got, err, key(i), i)
			}
		}
	}
}

func TestWrongKinds(t *testing.T) {
	nodes := []datamodel.Node{
		view(t, datamodel.Null).Root(), view(t, basicnode.NewBool(true)).Root(), view(t, basicnode.NewInt(1)).Root(),
		view(t, basicnode.NewUint(math.MaxUint64)).Root(), view(t, basicnode.NewFloat(1)).Root(), view(t, basicnode.NewString("s")).Root(),
		view(t, basicnode.NewBytes(nil)).Root(), view(t, basicnode.NewLink(cidlink.Link{Cid: testCID})).Root(),
		view(t, mixedList(1)).Root(), view(t, mapNode(1)).Root(),
	}
	for _, n := range nodes {
		kind := n.Kind()
		calls := map[datamodel.Kind]func() error{
			datamodel.Kind_Bool:   func() error { _, err := n.AsBool(); return err },
			datamodel.Kind_Float:  func() error { _, err := n.AsFloat(); return err },
			datamodel.Kind_String: func() error { _, err := n.AsString(); return err },
			datamodel.Kind_Bytes:  func() error { _, err := n.AsBytes(); return err },
			datamodel.Kind_Link:   func() error { _, err := n.AsLink(); return err },
			datamodel.Kind_Map:    func() error { _, err := n.LookupByString("k0000000000"); return err },
			datamodel.Kind_List:   func() error { _, err := n.LookupByIndex(0); return err },
		}
		for want, call := range calls {
			var wrong datamodel.ErrWrongKind
			if err := call(); errors.As(err, &wrong) == (want == kind) {
				t.Errorf("%s asked as %s: %v", kind, want, err)
			}
		}
		if (n.MapIterator() != nil) != (kind == datamodel.Kind_Map) || (n.ListIterator() != nil) != (kind == datamodel.Kind_List) {
			t.Errorf("%s: iterators of the wrong kind", kind)
		}
		if (n.Length() >= 0) != (kind == datamodel.Kind_Map || kind == datamodel.Kind_List) {
			t.Errorf("%s: length %d", kind, n.Length())
		}
		if n.IsAbsent() || n.IsNull() != (kind == datamodel.Kind_Null) {
			t.Errorf("%s: absent %v, null %v", kind, n.IsAbsent(), n.IsNull())
		}
	}
}

func TestIntegersBeyondInt64(t *testing.T) {
	tab := must(Parse(raw{records: [][]byte{list(3, 4), u(1<<63 - 1), u(1<<64 - 1), rec(abi.KindNint, 0, 0, 1<<64-1)}}.bytes(), nil, Limits{}))
	fits, above, below := must(tab.Root().LookupByIndex(0)), must(tab.Root().LookupByIndex(1)), must(tab.Root().LookupByIndex(2))
	for i, tt := range []struct {
		n    datamodel.Node
		want string
	}{{fits, "9223372036854775807"}, {above, "18446744073709551615"}, {below, "-18446744073709551616"}} {
		if got := must(BigInt(tt.n)); got.String() != tt.want {
			t.Errorf("%d: got %s, want %s", i, got, tt.want)
		}
	}
	if _, ok := fits.(datamodel.UintNode); ok {
		t.Error("an integer that fits into int64 is a UintNode: encoders would treat it as one that does not")
	}
	if v, err := above.(datamodel.UintNode).AsUint(); v != math.MaxUint64 || err != nil {
		t.Errorf("AsUint: %d, %v", v, err)
	}
	if _, err := above.AsInt(); err == nil {
		t.Error("AsInt of 2^64-1 succeeded")
	}
	var re *RangeError
	if _, err := below.AsInt(); !errors.As(err, &re) {
		t.Errorf("AsInt of -2^64: %v", err)
	}
	if err := tab.Assemble(basicnode.Prototype.Any.NewBuilder()); !errors.As(err, &re) {
		t.Errorf("Assemble of -2^64: %v", err)
	}
	again := view(t, tab.Root()).Root()
	if got := must(BigInt(must(again.LookupByIndex(2)))); got.Cmp(must(BigInt(below))) != 0 {
		t.Errorf("-2^64 came back as %s", got)
	}
	if got := must(BigInt(basicnode.NewInt(-7))); got.Cmp(big.NewInt(-7)) != 0 {
		t.Errorf("-7 is %s", got)
	}
}

func TestConcurrentReaders(t *testing.T) {
	src := mapNode(500)
	root := view(t, src).Root()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 500 {
				if _, err := root.LookupByString(fmt.Sprintf("k%010d", i)); err != nil {
					t.Error(err)
				}
			}
			if !datamodel.DeepEqual(root, src) {
				t.Error("view differs")
			}
		})
	}
	wg.Wait()
}

func TestLinks(t *testing.T) {
	tab := must(Parse(raw{records: [][]byte{list(3, 4), lnk(36, 0), lnk(34, 36), lnk(36, 0)}, heap: []byte(cidv1 + cidv0)}.bytes(), nil, Limits{}))
	got := must(tab.Links())
	if len(got) != 3 || got[0] != testCID || got[1].Version() != 0 || got[2] != testCID {
		t.Errorf("got %v", got)
	}
	for name, recs := range map[string][][]byte{
		"not a list": {u(1)}, "not links": {list(1, 2), u(1)}, "nested": {list(1, 3), list(1, 3), lnk(36, 0)},
		"a map": {bmap(0, 1, 3), str(0, 0), lnk(36, 0)},
	} {
		tab := must(Parse(raw{records: recs, heap: []byte(cidv1)}.bytes(), nil, Limits{}))
		if cids, err := tab.Links(); err == nil {
			t.Errorf("%s: got %v", name, cids)
		}
	}
}
