package manifest

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/codec/dagcbor"
	"github.com/ipld/go-ipld-prime/datamodel"
	cidlink "github.com/ipld/go-ipld-prime/linking/cid"
	"github.com/ipld/go-ipld-prime/node/basicnode"

	"github.com/iprt/iprt/abi"
)

// What a section of abi.ManifestMaxSize may make the decoder allocate. A manifest of text needs about its own size; the margin is for
// structure, and keeps a list of 30,000 empty maps from becoming megabytes.
const (
	allocationBudget = 2 * abi.ManifestMaxSize
	maxDepth         = 16
)

// Parse reads the content of a manifest section. It accepts exactly the canonical encoding: known keys only, in order, each
// once, integers of minimal length, nothing after the map. The result shares no memory with section. Errors are *[Error].
func Parse(section []byte) (*Manifest, error) {
	if len(section) > abi.ManifestMaxSize {
		return nil, &Error{Got: fmt.Sprintf("%d bytes", len(section)), Want: fmt.Sprintf("at most %d", abi.ManifestMaxSize)}
	}
	nb := basicnode.Prototype.Any.NewBuilder()
	opts := dagcbor.DecodeOptions{AllowLinks: true, AllocationBudget: allocationBudget, MaxDepth: maxDepth, MaxCollectionPrealloc: 64}
	if err := opts.Decode(nb, bytes.NewReader(section)); err != nil {
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return nil, &Error{Got: fmt.Sprintf("%d bytes that end too early", len(section)), Want: "one whole DAG-CBOR map"}
		}
		return nil, &Error{Got: "bytes that do not decode", Want: "one strict DAG-CBOR map", Err: err}
	}
	m, err := fromNode(nb.Build())
	if err != nil {
		return nil, err
	}
	// The decoder reads a few forms that are not canonical (order of keys, short floats, undefined, stray tags); writing the manifest
	// again finds all of them, and gives every manifest one encoding.
	canonical, err := Encode(m)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(canonical, section) {
		return nil, &Error{Got: "a form that is not canonical", Want: "map keys sorted by length, then bytes; 64-bit floats; no undefined; no tags but links"}
	}
	return m, nil
}

// fields walks the entries of a map node and hands each to the function of its key.
type fields map[string]func(key string, v datamodel.Node) error

func (f fields) read(path string, n datamodel.Node, required ...string) error {
	if n.Kind() != datamodel.Kind_Map {
		return wrongKind(path, n, datamodel.Kind_Map)
	}
	for it := n.MapIterator(); !it.Done(); {
		k, v, err := it.Next()
		if err != nil {
			return &Error{Key: path, Got: "an unreadable map", Want: "a map", Err: err}
		}
		key, err := k.AsString()
		if err != nil {
			return &Error{Key: path, Got: "a key that is no string", Want: "string keys", Err: err}
		}
		read, ok := f[key]
		if !ok {
			return &Error{Key: path, Got: "unknown key " + quote(key), Want: "only the keys of the format"}
		}
		if err := read(join(path, key), v); err != nil {
			return err
		}
	}
	for _, key := range required {
		if _, err := n.LookupByString(key); err != nil {
			return &Error{Key: join(path, key), Got: "nothing", Want: "a value: the key is required"}
		}
	}
	return nil
}

func fromNode(n datamodel.Node) (*Manifest, error) {
	m := &Manifest{}
	err := fields{
		"iprt": func(key string, v datamodel.Node) error {
			var version uint64
			if err := readUint(&version)(key, v); err != nil {
				return err
			}
			if version != abi.ManifestVersion {
				return &Error{Key: key, Got: fmt.Sprint(version), Want: fmt.Sprintf("%d, the version this host reads", abi.ManifestVersion)}
			}
			return nil
		},
		"name":     readString(&m.Name),
		"version":  readString(&m.Version),
		"license":  readString(&m.License),
		"roles":    m.readRoles,
		"requires": readStrings(&m.Requires),
		"optional": readStrings(&m.Optional),
		"grants": func(key string, v datamodel.Node) error {
			m.Grants = map[string]datamodel.Node{}
			return entries(key, v, func(_, k string, v datamodel.Node) error { m.Grants[k] = v; return nil })
		},
		"limits": func(key string, v datamodel.Node) error {
			m.Limits = map[string]uint64{}
			return entries(key, v, func(path, k string, v datamodel.Node) error {
				var limit uint64
				err := readUint(&limit)(path, v)
				m.Limits[k] = limit
				return err
			})
		},
		"vectors": m.readVectors,
		"meta":    func(_ string, v datamodel.Node) error { m.Meta = v; return nil },
	}.read("", n, "iprt", "name", "version", "license", "roles", "requires", "optional")
	if err != nil {
		return nil, err
	}
	return m, nil
}

func (m *Manifest) readRoles(key string, v datamodel.Node) error {
	m.Roles = map[string]Role{}
	return entries(key, v, func(path, role string, v datamodel.Node) error {
		if role != abi.RoleCodec {
			m.Roles[role] = Role{Params: v}
			return nil
		}
		c := &Codec{}
		m.Roles[role] = Role{Codec: c}
		return fields{"code": readUint(&c.Code), "name": readString(&c.Name)}.read(path, v, "code", "name")
	})
}

func (m *Manifest) readVectors(key string, v datamodel.Node) error {
	m.Vectors = []cid.Cid{}
	return items(key, v, func(path string, v datamodel.Node) error {
		l, err := v.AsLink()
		if err != nil {
			return wrongKind(path, v, datamodel.Kind_Link)
		}
		m.Vectors = append(m.Vectors, l.(cidlink.Link).Cid)
		return nil
	})
}

func entries(path string, n datamodel.Node, f func(path, key string, v datamodel.Node) error) error {
	if n.Kind() != datamodel.Kind_Map {
		return wrongKind(path, n, datamodel.Kind_Map)
	}
	if n.Length() > maxItems {
		return tooMany(path, n.Length())
	}
	for it := n.MapIterator(); !it.Done(); {
		k, v, err := it.Next()
		if err != nil {
			return &Error{Key: path, Got: "an unreadable map", Want: "a map", Err: err}
		}
		key, err := k.AsString()
		if err != nil {
			return &Error{Key: path, Got: "a key that is no string", Want: "string keys", Err: err}
		}
		if err := f(join(path, key), key, v); err != nil {
			return err
		}
	}
	return nil
}

func items(path string, n datamodel.Node, f func(path string, v datamodel.Node) error) error {
	if n.Kind() != datamodel.Kind_List {
		return wrongKind(path, n, datamodel.Kind_List)
	}
	if n.Length() > maxItems {
		return tooMany(path, n.Length())
	}
	for it := n.ListIterator(); !it.Done(); {
		i, v, err := it.Next()
		if err != nil {
			return &Error{Key: path, Got: "an unreadable list", Want: "a list", Err: err}
		}
		if err := f(fmt.Sprintf("%s[%d]", path, i), v); err != nil {
			return err
		}
	}
	return nil
}

func readString(to *string) func(string, datamodel.Node) error {
	return func(key string, v datamodel.Node) error {
		s, err := v.AsString()
		if err != nil {
			return wrongKind(key, v, datamodel.Kind_String)
		}
		*to = strings.Clone(s)
		return nil
	}
}

func readStrings(to *[]string) func(string, datamodel.Node) error {
	return func(key string, v datamodel.Node) error {
		return items(key, v, func(path string, v datamodel.Node) error {
			var s string
			err := readString(&s)(path, v)
			*to = append(*to, s)
			return err
		})
	}
}

func readUint(to *uint64) func(string, datamodel.Node) error {
	return func(key string, v datamodel.Node) error {
		if v.Kind() != datamodel.Kind_Int {
			return wrongKind(key, v, datamodel.Kind_Int)
		}
		i, err := v.AsInt()
		if err != nil || i < 0 {
			return &Error{Key: key, Got: "an integer out of range", Want: fmt.Sprintf("0 to %d", int64(math.MaxInt64))}
		}
		*to = uint64(i)
		return nil
	}
}

func wrongKind(path string, n datamodel.Node, want datamodel.Kind) error {
	return &Error{Key: path, Got: "a value of kind " + n.Kind().String(), Want: "kind " + want.String()}
}

func tooMany(path string, n int64) error {
	return &Error{Key: path, Got: fmt.Sprintf("%d entries", n), Want: fmt.Sprintf("at most %d", maxItems)}
}

func join(path, key string) string {
	if len(key) > maxName || !isText(key) {
		key = quote(key)
	}
	if path == "" {
		return key
	}
	return path + "." + key
}
