package table

import (
	"math"
	"math/big"

	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/ipld/go-ipld-prime/node/basicnode"
)

// Assemble copies the decoded value into na. Strings and bytes are not copied but share the view's memory. It fails with *[RangeError] where Go's
// data model cannot hold an integer, and with whatever na refuses.
func (t *Table) Assemble(na datamodel.NodeAssembler) error {
	_, err := t.assemble(0, na)
	return err
}

// assemble copies record i and its descendants, and returns the record after them. It recurses as deep as the table is
// nested, which Parse has bounded.
func (t *Table) assemble(i uint32, na datamodel.NodeAssembler) (next uint32, err error) {
	n := t.node(i)
	switch n.kind {
	case kindMap:
		return t.assembleMap(i, na)
	case kindList:
		return t.assembleList(i, na)
	}
	return i + 1, n.assign(t, na)
}

func (t *Table) assembleMap(i uint32, na datamodel.NodeAssembler) (uint32, error) {
	n := t.node(i)
	ma, err := na.BeginMap(int64(n.n))
	if err != nil {
		return 0, err
	}
	at := i + 1
	for range n.n {
		va, err := ma.AssembleEntry(t.node(at).str(t))
		if err != nil {
			return 0, err
		}
		if at, err = t.assemble(at+1, va); err != nil {
			return 0, err
		}
	}
	return at, ma.Finish()
}

func (t *Table) assembleList(i uint32, na datamodel.NodeAssembler) (uint32, error) {
	n := t.node(i)
	la, err := na.BeginList(int64(n.n))
	if err != nil {
		return 0, err
	}
	at := i + 1
	for range n.n {
		if at, err = t.assemble(at, la.AssembleValue()); err != nil {
			return 0, err
		}
	}
	return at, la.Finish()
}

// assign copies a value that is not a container.
func (n *node) assign(t *Table, na datamodel.NodeAssembler) error {
	switch n.kind {
	case kindNull:
		return na.AssignNull()
	case kindBool:
		return na.AssignBool(n.v == 1)
	case kindUint:
		if n.v > math.MaxInt64 {
			return na.AssignNode(basicnode.NewUint(n.v))
		}
		return na.AssignInt(int64(n.v))
	case kindNint:
		v, err := n.AsInt()
		if err != nil {
			return err
		}
		return na.AssignInt(v)
	case kindFloat:
		return na.AssignFloat(math.Float64frombits(n.v))
	case kindString:
		return na.AssignString(n.str(t))
	case kindBytes:
		return na.AssignBytes(n.data(t))
	default:
		lnk, err := n.AsLink()
		if err != nil {
			return err
		}
		return na.AssignLink(lnk)
	}
}

// BigInt returns the integer of a node of kind Int, over the whole range that IPLD codecs carry, -2^64 to 2^64-1.
func BigInt(n datamodel.Node) (*big.Int, error) {
	if v, ok := n.(*node); ok && v.kind == kindNint {
		i := new(big.Int).SetUint64(v.v)
		return i.Not(i), nil // -1-v
	}
	if u, ok := n.(datamodel.UintNode); ok {
		v, err := u.AsUint()
		return new(big.Int).SetUint64(v), err
	}
	v, err := n.AsInt()
	return big.NewInt(v), err
}
