package table

import (
	"slices"
	"strings"
	"sync"

	"github.com/ipld/go-ipld-prime/datamodel"
)

// scanLimit is the most children that a lookup scans. Wider containers get an index at the first lookup; without one, code
// that reads a list by index, as go-ipld-prime's encoders do, would take time quadratic in what a stranger sent.
const scanLimit = 32

// indexes holds the positions of the children of wide containers, by the container's record: of a list in order, of a map
// the keys in bytewise order.
type indexes struct {
	mu   sync.RWMutex
	byID map[uint32][]uint32
}

func (n *node) LookupByString(key string) (datamodel.Node, error) {
	if n.kind != kindMap {
		return nil, n.wrongKind("LookupByString", datamodel.KindSet_JustMap)
	}
	if i, ok := n.find(key); ok {
		return n.table().at(i), nil
	}
	return nil, datamodel.ErrNotExists{Segment: datamodel.PathSegmentOfString(key)}
}

// find returns the record of the value under key.
func (n *node) find(key string) (uint32, bool) {
	t := n.table()
	if n.n > scanLimit {
		index := n.positions()
		at, ok := slices.BinarySearchFunc(index, key, func(i uint32, key string) int {
			return strings.Compare(t.node(i).str(t), key)
		})
		if !ok {
			return 0, false
		}
		return index[at] + 1, true
	}
	for i := n.self() + 1; i < n.end(); i = t.node(i + 1).next(i + 1) {
		if t.node(i).str(t) == key {
			return i + 1, true
		}
	}
	return 0, false
}

func (n *node) LookupByNode(key datamodel.Node) (datamodel.Node, error) {
	if n.kind == kindList {
		i, err := key.AsInt()
		if err != nil {
			return nil, err
		}
		return n.LookupByIndex(i)
	}
	s, err := key.AsString()
	if err != nil {
		return nil, err
	}
	return n.LookupByString(s)
}

func (n *node) LookupByIndex(idx int64) (datamodel.Node, error) {
	if n.kind != kindList {
		return nil, n.wrongKind("LookupByIndex", datamodel.KindSet_JustList)
	}
	if idx < 0 || idx >= int64(n.n) {
		return nil, datamodel.ErrNotExists{Segment: datamodel.PathSegmentOfInt(idx)}
	}
	t, first := n.table(), n.self()+1
	switch {
	case n.end()-first == n.n: // no item has children
		return t.at(first + uint32(idx)), nil
	case n.n > scanLimit:
		return t.at(n.positions()[idx]), nil
	}
	at := first
	for range idx {
		at = t.node(at).next(at)
	}
	return t.at(at), nil
}

func (n *node) LookupBySegment(seg datamodel.PathSegment) (datamodel.Node, error) {
	switch n.kind {
	case kindMap:
		return n.LookupByString(seg.String())
	case kindList:
		i, err := seg.Index()
		if err != nil {
			return nil, datamodel.ErrInvalidSegmentForList{TroubleSegment: seg, Reason: err}
		}
		return n.LookupByIndex(i)
	}
	return nil, n.wrongKind("LookupBySegment", datamodel.KindSet_Recursive)
}

// positions returns the container's index, made by the first caller.
func (n *node) positions() []uint32 {
	x := &n.table().index
	x.mu.RLock()
	index := x.byID[n.self()]
	x.mu.RUnlock()
	if index != nil {
		return index
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if index = x.byID[n.self()]; index != nil {
		return index
	}
	if x.byID == nil {
		x.byID = make(map[uint32][]uint32)
	}
	index = n.makeIndex()
	x.byID[n.self()] = index
	return index
}

func (n *node) makeIndex() []uint32 {
	t := n.table()
	index := make([]uint32, 0, n.n)
	for i := n.self() + 1; i < n.end(); {
		index = append(index, i)
		if n.kind == kindMap {
			i++
		}
		i = t.node(i).next(i)
	}
	if n.kind == kindMap && n.flags != bytewise {
		slices.SortFunc(index, func(a, b uint32) int { return strings.Compare(t.node(a).str(t), t.node(b).str(t)) })
	}
	return index
}
