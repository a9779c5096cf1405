package table

import (
	"encoding/binary"
	"slices"
	"unsafe"

	"github.com/ipld/go-ipld-prime/datamodel"

	"github.com/iprt/iprt/abi"
)

// asString and asBytes share memory: the result must neither be written to nor outlive what it was made of.
func asString(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
func asBytes(s string) []byte  { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// shortList is the most items of a list that are looked up one by one: it saves an iterator, and what a lookup may cost is bounded.
const shortList = 8

func (b *Builder) listValue(n datamodel.Node, depth int) error {
	if size := n.Length(); 0 <= size && size <= shortList {
		return b.shortListValue(n, size, depth)
	}
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
	b.set(self, kindList, 0, items)
	return nil
}

func (b *Builder) shortListValue(n datamodel.Node, size int64, depth int) error {
	self := b.count()
	if err := b.add(kindList, 0, 0, 0); err != nil {
		return err
	}
	for i := range size {
		v, err := n.LookupByIndex(i)
		if err != nil {
			return buildError(err, "list item %d", i)
		}
		if err := b.value(v, depth); err != nil {
			return err
		}
	}
	b.set(self, kindList, 0, uint32(size))
	return nil
}

func (b *Builder) mapValue(n datamodel.Node, depth int) error {
	it := n.MapIterator()
	if it == nil {
		return buildError(nil, "a map has no iterator")
	}
	self, entries := b.count(), uint32(0)
	if err := b.add(kindMap, 0, 0, 0); err != nil {
		return err
	}
	order, prev := keyOrder{bytewise: true, lengthFirst: true}, ""
	for ; !it.Done(); entries++ {
		k, v, err := it.Next()
		if err != nil {
			return buildError(err, "map entry %d", entries)
		}
		key, err := k.AsString()
		if err != nil {
			return buildError(err, "map key %d", entries)
		}
		if entries > 0 {
			order.add(prev, key)
		}
		prev = key
		if err := checkString(key); err != nil {
			return err
		}
		if err := b.addCopy(kindString, asBytes(key)); err != nil { // for repeated
			return err
		}
		if err := b.value(v, depth); err != nil {
			return err
		}
	}
	flags := order.flags()
	if flags == unordered {
		if dup, ok := b.repeated(self, entries); ok {
			return buildError(nil, "map key %.64q occurs twice", dup)
		}
	}
	b.set(self, kindMap, flags, entries)
	return nil
}

// keyOrder is which orders the keys of a map have been in so far.
type keyOrder struct{ bytewise, lengthFirst bool }

func (o *keyOrder) add(prev, key string) {
	if len(prev) == len(key) { // to both orders the same; most keys
		if prev >= key {
			*o = keyOrder{}
		}
		return
	}
	o.lengthFirst = o.lengthFirst && len(prev) < len(key)
	o.bytewise = o.bytewise && prev < key
}

// flags is the strictest order.
func (o *keyOrder) flags() uint8 {
	switch {
	case o.lengthFirst:
		return lengthFirst
	case o.bytewise:
		return bytewise
	}
	return unordered
}

// repeated returns a key that occurs twice in the map at record self, whose children are written.
func (b *Builder) repeated(self, entries uint32) (string, bool) {
	le := binary.LittleEndian
	keys := make([]string, 0, entries)
	for i := self + 1; i < b.count(); {
		rec, value := b.record(i), b.record(i+1)
		off := le.Uint64(rec[abi.RecordValueAt:])
		keys = append(keys, asString(b.heap[off:][:le.Uint32(rec[abi.RecordNAt:])]))
		if i += 2; value[abi.RecordKindAt] >= kindList {
			i = uint32(le.Uint64(value[abi.RecordValueAt:]))
		}
	}
	slices.Sort(keys)
	for i := 1; i < len(keys); i++ {
		if keys[i-1] == keys[i] {
			return keys[i], true
		}
	}
	return "", false
}
