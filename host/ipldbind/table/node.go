package table

import (
	"math"
	"unsafe"

	"github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/datamodel"
	cidlink "github.com/ipld/go-ipld-prime/linking/cid"
	"github.com/ipld/go-ipld-prime/node/basicnode"

	"github.com/iprt/iprt/abi"
)

var (
	_ datamodel.Node     = (*node)(nil)
	_ datamodel.UintNode = (*uintNode)(nil)
)

// node is one checked record, and as a pointer into its table's chunks a datamodel.Node that costs no allocation. It holds no
// pointer itself: see chunk.
type node struct {
	kind  uint8
	flags uint8
	slot  uint16 // index in its chunk
	n     uint32 // list items, map entries, or bytes
	v     uint64 // the record's value; of a container: its own index << 32 | its end index
}

// chunk is a run of nodes and the way from any of them to their table. A pointer in each node would make a view half as large again
// and give the garbage collector, which looks at every pointer, most of the work of decoding.
type chunk struct {
	t     *Table
	nodes [chunkSize]node
}

const chunkSize = 16

// node returns record i.
func (t *Table) node(i uint32) *node { return &t.chunks[i/chunkSize].nodes[i%chunkSize] }

// at returns record i as others see it.
func (t *Table) at(i uint32) datamodel.Node {
	n := t.node(i)
	if n.kind == kindUint && n.v > math.MaxInt64 {
		return (*uintNode)(unsafe.Pointer(n)) // the same layout with one more method
	}
	return n
}

// table steps back from a node to the head of its chunk. Every node is in a chunk: nothing else makes them, and the type is
// not exported, so that nobody can copy one out.
func (n *node) table() *Table {
	back := unsafe.Offsetof(chunk{}.nodes) + uintptr(n.slot)*unsafe.Sizeof(node{})
	return (*chunk)(unsafe.Add(unsafe.Pointer(n), -int(back))).t
}

// self and end are the records a container begins and ends at.
func (n *node) self() uint32 { return uint32(n.v >> 32) }
func (n *node) end() uint32  { return uint32(n.v) }

// next is the record after n and its descendants; n must be record i.
func (n *node) next(i uint32) uint32 {
	if n.kind >= kindList {
		return n.end()
	}
	return i + 1
}

// data is what a string, bytes or link record of t points at, with no room to append.
func (n *node) data(t *Table) []byte {
	end := n.v + uint64(n.n)
	return t.src[n.flags&abi.FlagHeap][n.v:end:end]
}

// str is data as a string that shares its memory, which is immutable by the contract of Parse.
func (n *node) str(t *Table) string {
	b := n.data(t)
	return unsafe.String(unsafe.SliceData(b), len(b))
}

func (n *node) wrongKind(method string, want datamodel.KindSet) error {
	return datamodel.ErrWrongKind{MethodName: method, AppropriateKind: want, ActualKind: n.Kind()}
}

func (n *node) Kind() datamodel.Kind { return kinds[n.kind] }

func (n *node) Length() int64 {
	if n.kind < kindList {
		return -1
	}
	return int64(n.n)
}

func (n *node) IsAbsent() bool { return false }
func (n *node) IsNull() bool   { return n.kind == kindNull }

func (n *node) AsBool() (bool, error) {
	if n.kind != kindBool {
		return false, n.wrongKind("AsBool", datamodel.KindSet_JustBool)
	}
	return n.v == 1, nil
}

// AsInt fails with *RangeError for integers below -2^63, which no method of datamodel.Node can return.
func (n *node) AsInt() (int64, error) {
	switch {
	case n.kind == kindUint:
		return int64(n.v), nil // at most MaxInt64: a larger one is a uintNode
	case n.kind != kindNint:
		return 0, n.wrongKind("AsInt", datamodel.KindSet_JustInt)
	case n.v > math.MaxInt64:
		return 0, &RangeError{N: n.v}
	}
	return -1 - int64(n.v), nil
}

func (n *node) AsFloat() (float64, error) {
	if n.kind != kindFloat {
		return 0, n.wrongKind("AsFloat", datamodel.KindSet_JustFloat)
	}
	return math.Float64frombits(n.v), nil
}

func (n *node) AsString() (string, error) {
	if n.kind != kindString {
		return "", n.wrongKind("AsString", datamodel.KindSet_JustString)
	}
	return n.str(n.table()), nil
}

// AsBytes returns memory of the block or the heap, which must not be changed.
func (n *node) AsBytes() ([]byte, error) {
	if n.kind != kindBytes {
		return nil, n.wrongKind("AsBytes", datamodel.KindSet_JustBytes)
	}
	return n.data(n.table()), nil
}

func (n *node) AsLink() (datamodel.Link, error) {
	if n.kind != kindLink {
		return nil, n.wrongKind("AsLink", datamodel.KindSet_JustLink)
	}
	c, err := cid.Cast(n.data(n.table()))
	return cidlink.Link{Cid: c}, err
}

// Prototype is that of basicnode: a view cannot be built by hand.
func (n *node) Prototype() datamodel.NodePrototype { return basicnode.Prototype.Any }

// uintNode is a node whose integer is above the range of int64.
type uintNode struct{ node }

func (n *uintNode) AsInt() (int64, error) {
	return basicnode.NewUint(n.v).AsInt() // an error, in the library's own words
}

// AsUint returns the whole range, as datamodel.UintNode has it.
func (n *uintNode) AsUint() (uint64, error) { return n.v, nil }
