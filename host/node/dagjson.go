package node

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/ipld/go-ipld-prime/codec/dagjson"
	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/ipld/go-ipld-prime/node/basicnode"

	"github.com/iprt/iprt/host/node/control"
)

// DAG-JSON is how the node talks to people, not content, so it takes no module.

// parseDagJSON reads what an operator wrote.
func parseDagJSON(text []byte) (datamodel.Node, error) {
	nb := basicnode.Prototype.Any.NewBuilder()
	// The decoder of DAG-JSON lets some text pass that is not JSON, such as a
	// comma too many.
	err := json.Unmarshal(text, new(json.RawMessage))
	if err == nil {
		err = dagjson.Decode(nb, bytes.NewReader(text))
	}
	if err != nil {
		return nil, control.Errorf(control.Refused, "bad-dag-json", `it looks like {"a":1,"link":{"/":"bafy…"},"raw":{"/":{"bytes":"AQID"}}}`,
			"the input is not DAG-JSON: %w", err)
	}
	return nb.Build(), nil
}

// toDagJSON writes what package dagjson writes, and integers from 2^63 on,
// which that package refuses.
func toDagJSON(n datamodel.Node) ([]byte, error) {
	var out bytes.Buffer
	if err := writeDagJSON(&out, n); err != nil {
		return nil, fmt.Errorf("cannot be written as DAG-JSON: %w", err)
	}
	return out.Bytes(), nil
}

func writeDagJSON(out *bytes.Buffer, n datamodel.Node) error {
	switch n.Kind() {
	case datamodel.Kind_Map:
		return writeMap(out, n)
	case datamodel.Kind_List:
		out.WriteByte('[')
		for i := range n.Length() {
			if i > 0 {
				out.WriteByte(',')
			}
			v, err := n.LookupByIndex(i)
			if err == nil {
				err = writeDagJSON(out, v)
			}
			if err != nil {
				return err
			}
		}
		out.WriteByte(']')
		return nil
	case datamodel.Kind_Int:
		if u, ok := n.(datamodel.UintNode); ok {
			v, err := u.AsUint()
			if err == nil {
				out.Write(strconv.AppendUint(nil, v, 10))
				return nil
			}
		}
	}
	return dagjson.Encode(n, out)
}

// writeMap writes entries in the order of their keys' bytes.
func writeMap(out *bytes.Buffer, n datamodel.Node) error {
	entries := make(map[string]datamodel.Node, max(0, n.Length()))
	for it := n.MapIterator(); !it.Done(); {
		k, v, err := it.Next()
		if err != nil {
			return err
		}
		key, err := k.AsString()
		if err != nil {
			return err
		}
		entries[key] = v
	}
	out.WriteByte('{')
	for i, key := range slices.Sorted(maps.Keys(entries)) {
		if i > 0 {
			out.WriteByte(',')
		}
		if err := dagjson.Encode(basicnode.NewString(key), out); err != nil {
			return err
		}
		out.WriteByte(':')
		if err := writeDagJSON(out, entries[key]); err != nil {
			return err
		}
	}
	out.WriteByte('}')
	return nil
}
