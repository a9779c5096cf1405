package table

import (
	"encoding/binary"
	"slices"
	"unsafe"

	"github.com/ipld/go-ipld-prime/datamodel"

	"github.com/iprt/iprt/abi"
)

// asString shares b's memory; the result must not outlive the use of b.
func asString(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// finish completes the head of the container at record self, now that its children are written.
func (b *builder) finish(self uint32, flags uint8, n uint32) {
	rec := b.records[abi.TableHeaderSize+abi.RecordSize*int(self):][:abi.RecordSize]
	rec[abi.RecordFlagsAt] = flags
	binary.LittleEndian.PutUint32(rec[abi.RecordNAt:], n)
	binary.LittleEndian.PutUint64(rec[abi.RecordValueAt:], uint64(b.count()))
}

func (b *builder) listValue(n datamodel.Node, depth int) error {
	it := n.ListIterator()
	if it == nil {
		return buildError(nil, "a list has no iterator")
	}
	self, items := b.count(), uint32(0)
	if err := b.add(kindList, 0, 0, 0); err != nil {
		return err
	}
	for ; !it.Done(); items++ {
		_, v, err := it.Next()
		if err != nil {
			return buildError(err, "list item %d", items)
		}
		if err := b.value(v, depth); err != nil {
			return err
		}
	}
	b.finish(self, 0, items)
	return nil
}

func (b *builder) mapValue(n datamodel.Node, depth int) error {
	it := n.MapIterator()
	if it == nil {
		return buildError(nil, "a map has no iterator")
	}
	self, entries := b.count(), uint32(0)
	if err := b.add(kindMap, 0, 0, 0); err != nil {
		return err
	}
	base := len(b.keys)
	for ; !it.Done(); entries++ {
		k, v, err := it.Next()
		if err != nil {
			return buildError(err, "map entry %d", entries)
		}
		key, err := k.AsString()
		if err != nil {
			return buildError(err, "map key %d", entries)
		}
		if err := b.addString(key); err != nil {
			return err
		}
		b.keys = append(b.keys, key)
		if err := b.value(v, depth); err != nil {
			return err
		}
	}
	order, dup := keyOrder(b.keys[base:])
	if dup != nil {
		return buildError(nil, "map key %.64q occurs twice", *dup)
	}
	b.keys = b.keys[:base]
	b.finish(self, order, entries)
	return nil
}

// keyOrder returns the strictest order that keys are in, or a key that occurs twice. It may reorder keys.
func keyOrder(keys []string) (order uint8, dup *string) {
	isLengthFirst, isBytewise := true, true
	for i := 1; i < len(keys); i++ {
		isLengthFirst = isLengthFirst && lengthFirstLess(keys[i-1], keys[i])
		isBytewise = isBytewise && keys[i-1] < keys[i]
	}
	switch {
	case isLengthFirst:
		return lengthFirst, nil
	case isBytewise:
		return bytewise, nil
	}
	slices.Sort(keys)
	for i := 1; i < len(keys); i++ {
		if keys[i-1] == keys[i] {
			return unordered, &keys[i]
		}
	}
	return unordered, nil
}
