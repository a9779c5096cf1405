package table

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/ipld/go-ipld-prime/fluent/qp"
	"github.com/ipld/go-ipld-prime/node/basicnode"

	"github.com/iprt/iprt/abi"
)

// TestBuildShares builds nodes around the length from which data is shared, with what comes in parts and what comes whole.
func TestBuildShares(t *testing.T) {
	long := strings.Repeat("é", shareFrom)
	one, text := basicnode.NewInt(1), basicnode.NewString(long)
	var b Builder // one for all, as it is used
	for name, tt := range map[string]struct {
		n      datamodel.Node
		pieces int
	}{
		"nothing":      {basicnode.NewBytes(nil), 0},
		"just short":   {basicnode.NewBytes(make([]byte, shareFrom-1)), 0},
		"just long":    {basicnode.NewBytes(make([]byte, shareFrom)), 1},
		"string":       {text, 1},
		"in between":   {mapOf("a", basicnode.NewString("x"), "b", text, "c", basicnode.NewString("y"), "d", basicnode.NewBytes([]byte(long))), 2},
		"long keys":    {mapOf(long, one, long+"b", text), 1},
		"not in order": {pairs{keys: []string{"b", "a", long}, values: []datamodel.Node{text, text, one}}, 2},
		"view":         {view(t, mapOf("a", text, "b", one)).Root(), 1},
	} {
		t.Run(name, func(t *testing.T) {
			parts := must(b.Parts(tt.n))
			if len(parts) != 2+tt.pieces {
				t.Errorf("%d parts, want %d", len(parts), 2+tt.pieces)
			}
			joined := bytes.Join(parts, nil)
			if whole := must(b.Build(tt.n)); !bytes.Equal(whole, joined) {
				t.Error("Build and Parts make different tables")
			}
			got := must(Parse(joined, make([]byte, len(joined)), Limits{})).Root()
			if again := must(Parse(must(Build(got)), nil, Limits{})).Root(); !datamodel.DeepEqual(again, got) {
				t.Error("a table built from the view holds another value")
			}
			if _, own := tt.n.(pairs); !own && !datamodel.DeepEqual(got, tt.n) {
				t.Error("the table holds another value")
			}
		})
	}
	repeated := pairs{keys: []string{"b", long, "b"}, values: []datamodel.Node{text, text, text}}
	if _, err := b.Parts(repeated); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("a repeated key among shared data gave %v", err)
	}
}

// TestBuilderResets looks for what a builder in a pool would keep alive.
func TestBuilderResets(t *testing.T) {
	var b Builder
	must(b.Parts(basicnode.NewBytes(make([]byte, 1<<20))))
	if b.Size() > 64<<10 {
		t.Errorf("%d bytes of memory for what is shared", b.Size())
	}
	b.Reset()
	if len(b.shared) != 0 || b.shared[:1][0].data != nil || len(b.parts) != 0 || b.parts[:3][2] != nil {
		t.Error("the node's memory is still referred to")
	}
}

// TestBuildView copies views, alone and inside other nodes, and compares with what the same values give as basicnode.
func TestBuildView(t *testing.T) {
	for name, n := range map[string]datamodel.Node{
		"all kinds": mapNode(50),
		"scalar":    basicnode.NewInt(-5),
		"uint":      basicnode.NewUint(1 << 63),
		"empty":     mapOf(),
		"nested": must(qp.BuildList(basicnode.Prototype.Any, -1, func(la datamodel.ListAssembler) {
			for range 20 {
				qp.ListEntry(la, qp.Node(mapNode(7)))
			}
		})),
	} {
		t.Run(name, func(t *testing.T) {
			v := view(t, n).Root()
			if got, want := must(Build(v)), must(Build(n)); !bytes.Equal(got, want) {
				t.Errorf("as a view:\n% x\nnot:\n% x", got, want)
			}
			two := func(n datamodel.Node) datamodel.Node {
				return pairs{keys: []string{"b", "a"}, values: []datamodel.Node{n, n}}
			}
			if got, want := must(Build(two(v))), must(Build(two(n))); !bytes.Equal(got, want) {
				t.Error("inside another node it is built differently")
			}
		})
	}
	inner := must(view(t, mapOf("a", mapNode(6), "b", basicnode.NewInt(1))).Root().LookupByString("a"))
	if got, want := must(Build(inner)), must(Build(mapNode(6))); !bytes.Equal(got, want) {
		t.Error("a part of a view is built differently")
	}
}

// TestBuildViewDepth: a view counts the levels around it.
func TestBuildViewDepth(t *testing.T) {
	under := func(depth int, n datamodel.Node) datamodel.Node {
		for range depth {
			n = pairs{keys: []string{"a"}, values: []datamodel.Node{n}}
		}
		return n
	}
	v := view(t, chain(abi.MaxDepth-10)).Root()
	if _, err := Build(under(10, v)); err != nil {
		t.Error(err)
	}
	var be *BuildError
	if _, err := Build(under(11, v)); !errors.As(err, &be) || !strings.Contains(err.Error(), "deeper") {
		t.Errorf("one level too many gave %v", err)
	}
}

// TestBuildViewOrder: a module may promise less of a map's keys than holds; a table for encoding says all of it.
func TestBuildViewOrder(t *testing.T) {
	for _, tt := range []struct {
		keys     string // one byte each
		promised abi.MapOrder
		want     uint8
	}{
		{"", abi.MapUnordered, lengthFirst}, {"a", abi.MapBytewise, lengthFirst}, {"ab", abi.MapUnordered, lengthFirst},
		{"ab", abi.MapBytewise, lengthFirst},
		{"ba", abi.MapUnordered, unordered}, {"abdc", abi.MapUnordered, unordered},
	} {
		n := len(tt.keys)
		r := raw{records: [][]byte{bmap(tt.promised, uint32(n), uint64(1+2*n))}, heap: []byte(tt.keys)}
		for i := range n {
			r.records = append(r.records, str(1, uint64(i)), u(0))
		}
		parsed := must(Parse(r.bytes(), nil, Limits{}))
		if got := must(Build(parsed.Root()))[abi.TableHeaderSize+abi.RecordFlagsAt]; got != tt.want {
			t.Errorf("keys %q promised as %d: order %d, want %d", tt.keys, tt.promised, got, tt.want)
		}
	}
}

// mapOf is a map of keys and values in turn, in any order.
func mapOf(entries ...any) datamodel.Node {
	return must(qp.BuildMap(basicnode.Prototype.Any, -1, func(ma datamodel.MapAssembler) {
		for i := 0; i < len(entries); i += 2 {
			qp.MapEntry(ma, entries[i].(string), qp.Node(entries[i+1].(datamodel.Node)))
		}
	}))
}
