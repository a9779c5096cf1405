package table

import "github.com/ipld/go-ipld-prime/datamodel"

func (n *node) MapIterator() datamodel.MapIterator {
	if n.kind != kindMap {
		return nil
	}
	return &mapIterator{t: n.table(), at: n.self() + 1, end: n.end()}
}

func (n *node) ListIterator() datamodel.ListIterator {
	if n.kind != kindList {
		return nil
	}
	return &listIterator{t: n.table(), at: n.self() + 1, end: n.end()}
}

// mapIterator walks the entries in the order of the table.
type mapIterator struct {
	t       *Table
	at, end uint32
}

func (it *mapIterator) Done() bool { return it.at == it.end }

func (it *mapIterator) Next() (key, value datamodel.Node, err error) {
	if it.at == it.end {
		return nil, nil, datamodel.ErrIteratorOverread{}
	}
	i := it.at
	it.at = it.t.node(i + 1).next(i + 1)
	return it.t.node(i), it.t.at(i + 1), nil
}

type listIterator struct {
	t       *Table
	at, end uint32
	count   int64
}

func (it *listIterator) Done() bool { return it.at == it.end }

func (it *listIterator) Next() (index int64, value datamodel.Node, err error) {
	if it.at == it.end {
		return -1, nil, datamodel.ErrIteratorOverread{}
	}
	i, index := it.at, it.count
	it.at = it.t.node(i).next(i)
	it.count++
	return index, it.t.at(i), nil
}
