package table

import "github.com/iprt/iprt/abi"

// view copies a node of a view with what is below it. Parse has checked all of it, so that what is left to see to is the depth of the whole,
// and the order of keys that their module did not promise.
func (b *Builder) view(root *node, depth int) error {
	t := root.table()
	if root.kind < kindList {
		return b.viewLeaf(t, root)
	}
	first := root.self()
	shift := b.count() - first // from old indexes to new ones, modulo 2^32
	b.open = b.open[:0]
	for i := first; i < root.end(); i++ {
		n := t.node(i)
		if n.kind < kindList {
			if err := b.viewLeaf(t, n); err != nil {
				return err
			}
			continue
		}
		for len(b.open) > 0 && b.open[len(b.open)-1] <= i {
			b.open = b.open[:len(b.open)-1]
		}
		if depth+len(b.open) >= abi.MaxDepth {
			return errTooDeep
		}
		b.open = append(b.open, n.end())
		if err := b.add(n.kind, n.keyFlags(t), n.n, uint64(n.end()+shift)); err != nil {
			return err
		}
	}
	return nil
}

func (b *Builder) viewLeaf(t *Table, n *node) error {
	if n.kind < kindString {
		return b.add(n.kind, 0, 0, n.v)
	}
	return b.addData(n.kind, n.data(t))
}

// keyFlags is the strictest order of a map's keys, as [Builder] gives it; 0 for a list.
func (n *node) keyFlags(t *Table) uint8 {
	if n.kind == kindList || n.flags == lengthFirst {
		return n.flags
	}
	order, prev := keyOrder{bytewise: true, lengthFirst: true}, ""
	for i := n.self() + 1; i < n.end() && order != (keyOrder{}); i = t.node(i + 1).next(i + 1) {
		key := t.node(i).str(t)
		if i > n.self()+1 {
			order.add(prev, key)
		}
		prev = key
	}
	return order.flags()
}
