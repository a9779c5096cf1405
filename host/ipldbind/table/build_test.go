package table

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/ipld/go-ipld-prime/fluent/qp"
	cidlink "github.com/ipld/go-ipld-prime/linking/cid"
	"github.com/ipld/go-ipld-prime/node/basicnode"

	"github.com/iprt/iprt/abi"
)

// pairs is a map node with whatever entries it is given, which basicnode would not make. Its Length lies.
type pairs struct {
	datamodel.Node
	keys   []string
	values []datamodel.Node
}

func (p pairs) Kind() datamodel.Kind               { return datamodel.Kind_Map }
func (p pairs) IsAbsent() bool                     { return false }
func (p pairs) Length() int64                      { return -1 }
func (p pairs) MapIterator() datamodel.MapIterator { return &pairsIterator{p: p} }

type pairsIterator struct {
	p  pairs
	at int
}

func (it *pairsIterator) Done() bool { return it.at == len(it.p.keys) }
func (it *pairsIterator) Next() (k, v datamodel.Node, err error) {
	i := it.at
	it.at++
	return basicnode.NewString(it.p.keys[i]), it.p.values[i], nil
}

// broken fails to say what it is.
type broken struct {
	datamodel.Node
	kind datamodel.Kind
}

var errBroken = errors.New("broken")

func (b broken) Kind() datamodel.Kind               { return b.kind }
func (b broken) IsAbsent() bool                     { return false }
func (b broken) AsBytes() ([]byte, error)           { return nil, errBroken }
func (b broken) AsLink() (datamodel.Link, error)    { return nil, nil }
func (b broken) MapIterator() datamodel.MapIterator { return nil }

func (b broken) Length() int64 { return 1 }
func (b broken) LookupByIndex(int64) (datamodel.Node, error) {
	return nil, errBroken
}

// chain is a list in a list in a list …
func chain(depth int) datamodel.Node {
	n := must(qp.BuildList(basicnode.Prototype.Any, 0, func(datamodel.ListAssembler) {}))
	for range depth - 1 {
		n = must(qp.BuildList(basicnode.Prototype.Any, 1, func(la datamodel.ListAssembler) { qp.ListEntry(la, qp.Node(n)) }))
	}
	return n
}

func TestBuildRefuses(t *testing.T) {
	one := basicnode.NewInt(1)
	for name, tt := range map[string]struct {
		n    datamodel.Node
		want string
	}{
		"nil":               {nil, "absent"},
		"absent":            {datamodel.Absent, "absent"},
		"absent value":      {pairs{keys: []string{"a"}, values: []datamodel.Node{datamodel.Absent}}, "absent"},
		"bad UTF-8":         {basicnode.NewString("\xff"), "UTF-8"},
		"bad UTF-8 key":     {pairs{keys: []string{"\xff"}, values: []datamodel.Node{one}}, "UTF-8"},
		"repeated key":      {pairs{keys: []string{"b", "a", "b"}, values: []datamodel.Node{one, one, one}}, "twice"},
		"undefined link":    {basicnode.NewLink(cidlink.Link{Cid: cid.Undef}), "not a CID"},
		"nil link":          {broken{kind: datamodel.Kind_Link}, "nil"},
		"map without items": {broken{kind: datamodel.Kind_Map}, "iterator"},
		"failing node":      {broken{kind: datamodel.Kind_Bytes}, "broken"},
		"failing list":      {broken{kind: datamodel.Kind_List}, "list item 0"},
		"invalid kind":      {broken{kind: datamodel.Kind_Invalid}, "no place"},
		"too deep":          {chain(abi.MaxDepth + 1), "deeper"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Build(tt.n)
			var be *BuildError
			if !errors.As(err, &be) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want … %s …", err, tt.want)
			}
		})
	}
	if _, err := Build(broken{kind: datamodel.Kind_Bytes}); !errors.Is(err, errBroken) {
		t.Errorf("the node's own error is lost: %v", err)
	}
}

func TestBuildAccepts(t *testing.T) {
	one := basicnode.NewInt(1)
	for name, n := range map[string]datamodel.Node{
		"deepest":      chain(abi.MaxDepth),
		"own iterator": pairs{keys: []string{"b", "a"}, values: []datamodel.Node{one, one}},
		"uint":         basicnode.NewUint(math.MaxUint64),
		"small uint":   basicnode.NewUint(1),
		"any NaN":      basicnode.NewFloat(math.Float64frombits(0xfff8000000000001)),
	} {
		t.Run(name, func(t *testing.T) { view(t, n) })
	}
}

// TestBuildOrder reads the order flag of the root: the strictest that holds.
func TestBuildOrder(t *testing.T) {
	one := basicnode.NewInt(1)
	for _, tt := range []struct {
		keys []string
		want uint8
	}{
		{nil, lengthFirst}, {[]string{"a"}, lengthFirst}, {[]string{"b", "aa"}, lengthFirst},
		{[]string{"aa", "b"}, bytewise}, {[]string{"b", "a"}, unordered}, {[]string{"c", "aa", "b"}, unordered},
	} {
		p := pairs{keys: tt.keys}
		for range tt.keys {
			p.values = append(p.values, one)
		}
		if got := must(Build(p))[abi.TableHeaderSize+abi.RecordFlagsAt]; got != tt.want {
			t.Errorf("%q: order %d, want %d", tt.keys, got, tt.want)
		}
	}
}

func TestBuildSize(t *testing.T) {
	big := basicnode.NewBytes(make([]byte, MaxBuild/2))
	two := pairs{keys: []string{"a", "b"}, values: []datamodel.Node{big, big}}
	if _, err := Build(two); err == nil {
		t.Error("a table above MaxBuild was made")
	}
}
