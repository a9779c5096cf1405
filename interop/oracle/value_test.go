package oracle

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"unicode/utf8"

	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/ipld/go-ipld-prime/fluent/qp"
	"github.com/ipld/go-ipld-prime/node/basicnode"

	"github.com/iprt/iprt/host/ipldbind/table"
)

// The oracle's values, here as any, are string, int64, *big.Int beyond that, []any and map[string]any. Its strings and
// keys are any bytes.

// spell is rule COD-33: how the codec gives a key.
func spell(key string) string {
	if isPlain(key) {
		return key
	}
	return "\x00" + hex.EncodeToString([]byte(key))
}

func isPlain(key string) bool {
	return utf8.ValidString(key) && (key == "" || key[0] != 0)
}

// same returns what n and the oracle's value v differ in, or nil. What differs under a row of the table of differences is
// equal, and told to note.
func same(n datamodel.Node, v any, note func(row string)) error {
	switch v := v.(type) {
	case string:
		return sameString(n, v, note)
	case int64:
		return sameInt(n, big.NewInt(v))
	case *big.Int:
		return sameInt(n, v)
	case []any:
		return sameList(n, v, note)
	case map[string]any:
		return sameMap(n, v, note)
	}
	return fmt.Errorf("the oracle gives a %T", v)
}

func sameString(n datamodel.Node, v string, note func(string)) error {
	if utf8.ValidString(v) {
		if s, err := n.AsString(); err != nil || s != v {
			return fmt.Errorf("%q (%v), expected the string %q", s, err, v)
		}
		return nil
	}
	note(rowBytes)
	if b, err := n.AsBytes(); err != nil || !bytes.Equal(b, []byte(v)) {
		return fmt.Errorf("%x (%v), expected the bytes %x", b, err, v)
	}
	return nil
}

func sameInt(n datamodel.Node, v *big.Int) error {
	if n.Kind() != datamodel.Kind_Int {
		return fmt.Errorf("a %v, expected the integer %v", n.Kind(), v)
	}
	if i, err := table.BigInt(n); err != nil || i.Cmp(v) != 0 {
		return fmt.Errorf("%v (%v), expected %v", i, err, v)
	}
	return nil
}

func sameList(n datamodel.Node, v []any, note func(string)) error {
	if n.Kind() != datamodel.Kind_List || n.Length() != int64(len(v)) {
		return fmt.Errorf("a %v of %d, expected a list of %d", n.Kind(), n.Length(), len(v))
	}
	for it := n.ListIterator(); !it.Done(); {
		i, item, err := it.Next()
		if err != nil {
			return err
		}
		if err := same(item, v[i], note); err != nil {
			return fmt.Errorf("%d: %w", i, err)
		}
	}
	return nil
}

func sameMap(n datamodel.Node, v map[string]any, note func(string)) error {
	if n.Kind() != datamodel.Kind_Map || n.Length() != int64(len(v)) {
		return fmt.Errorf("a %v of %d, expected a map of %d", n.Kind(), n.Length(), len(v))
	}
	it := n.MapIterator()
	for _, key := range slices.Sorted(maps.Keys(v)) { // the order of the block
		k, value, err := it.Next()
		if err != nil {
			return err
		}
		if s, err := k.AsString(); err != nil || s != spell(key) {
			return fmt.Errorf("key %q (%v), expected %q", s, err, spell(key))
		}
		if found, err := n.LookupByString(spell(key)); err != nil || found != value {
			return fmt.Errorf("key %q leads elsewhere by its name (%v)", spell(key), err)
		}
		if !isPlain(key) {
			note(rowKey)
		}
		if err := same(value, v[key], note); err != nil {
			return fmt.Errorf("%q: %w", key, err)
		}
	}
	return nil
}

// toNode makes the data that the codec has to encode to what the oracle makes of v. Maps come in the order that keys gives.
// keys is called outside of qp, which takes panics for errors: rapid ends a draw by one.
func toNode(v any, keys func(map[string]any) []string) datamodel.Node {
	switch v := v.(type) {
	case string:
		if utf8.ValidString(v) {
			return basicnode.NewString(v)
		}
		return basicnode.NewBytes([]byte(v))
	case int64:
		return basicnode.NewInt(v)
	case *big.Int:
		if v.IsInt64() {
			return basicnode.NewInt(v.Int64())
		}
		return basicnode.NewUint(v.Uint64())
	case []any:
		items := make([]datamodel.Node, len(v))
		for i := range v {
			items[i] = toNode(v[i], keys)
		}
		return must(qp.BuildList(basicnode.Prototype.Any, int64(len(v)), func(l datamodel.ListAssembler) {
			for _, item := range items {
				qp.ListEntry(l, qp.Node(item))
			}
		}))
	case map[string]any:
		order, values := keys(v), map[string]datamodel.Node{}
		for _, key := range order {
			values[key] = toNode(v[key], keys)
		}
		return must(qp.BuildMap(basicnode.Prototype.Any, int64(len(v)), func(m datamodel.MapAssembler) {
			for _, key := range order {
				qp.MapEntry(m, spell(key), qp.Node(values[key]))
			}
		}))
	}
	panic(fmt.Sprintf("no value of the oracle is a %T", v))
}

// backwards is an order in which a block never has the keys of a map.
func backwards(m map[string]any) []string {
	keys := slices.Sorted(maps.Keys(m))
	slices.Reverse(keys)
	return keys
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
