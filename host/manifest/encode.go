package manifest

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/codec/dagcbor"
	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/ipld/go-ipld-prime/fluent/qp"
	cidlink "github.com/ipld/go-ipld-prime/linking/cid"
	"github.com/ipld/go-ipld-prime/node/basicnode"

	"github.com/iprt/iprt/abi"
)

// Encode writes the one encoding of a manifest, the content of its section. A manifest that [Parse] would refuse is refused
// here, with the same *[Error].
func Encode(m *Manifest) ([]byte, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	n, err := m.node()
	if err != nil {
		return nil, &Error{Got: "a value that cannot be built", Want: "data of the IPLD data model", Err: err}
	}
	var buf bytes.Buffer
	if err := dagcbor.Encode(n, &buf); err != nil {
		return nil, &Error{Got: "a value that cannot be encoded", Want: "data that DAG-CBOR has a form for", Err: err}
	}
	if buf.Len() > abi.ManifestMaxSize {
		return nil, &Error{Got: fmt.Sprintf("%d bytes", buf.Len()), Want: fmt.Sprintf("at most %d", abi.ManifestMaxSize)}
	}
	return buf.Bytes(), nil
}

// check has every rule that goes beyond kinds and keys.
func (m *Manifest) check() error {
	switch {
	case !isName(m.Name):
		return bad("name", m.Name, nameRule)
	case !isSemver(m.Version):
		return bad("version", m.Version, "a semantic version such as 1.2.3")
	case !isText(m.License):
		return bad("license", m.License, "1 to 256 printable characters, such as an SPDX expression")
	}
	for _, check := range []func() error{m.checkRoles, m.checkInterfaces, m.checkExtras} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

const nameRule = "1 to 64 characters of a-z, 0-9 and -"

func (m *Manifest) checkRoles() error {
	if len(m.Roles) == 0 || len(m.Roles) > 16 {
		return &Error{Key: "roles", Got: fmt.Sprintf("%d roles", len(m.Roles)), Want: "1 to 16"}
	}
	for _, name := range slices.Sorted(maps.Keys(m.Roles)) {
		r := m.Roles[name]
		key := join("roles", name)
		if !isRole(name) {
			return &Error{Key: key, Got: "role " + quote(name), Want: "a name and a version, such as codec/v1"}
		}
		switch {
		case name != abi.RoleCodec:
			if r.Codec != nil || r.Params == nil || r.Params.Kind() != datamodel.Kind_Map {
				return &Error{Key: key, Got: "no map", Want: "a map of parameters, which may be empty"}
			}
			if err := checkFree(key, r.Params, 2); err != nil {
				return err
			}
		case r.Codec == nil || r.Params != nil:
			return &Error{Key: key, Got: "no codec", Want: "code and name of a codec"}
		case r.Codec.Code == 0 || r.Codec.Code > math.MaxInt64:
			return &Error{Key: key + ".code", Got: strconv.FormatUint(r.Codec.Code, 10), Want: "a multicodec code, 1 to 2^63−1"}
		case !isName(r.Codec.Name):
			return bad(key+".name", r.Codec.Name, nameRule)
		}
	}
	return nil
}

func (m *Manifest) checkInterfaces() error {
	for _, l := range []struct {
		key  string
		list []string
	}{{"requires", m.Requires}, {"optional", m.Optional}} {
		if len(l.list) > maxItems {
			return tooMany(l.key, int64(len(l.list)))
		}
		for i, s := range l.list {
			if !isInterface(s) {
				return bad(l.key, s, "an interface such as iprt:log/v1 (WASI is not listed)")
			}
			if i > 0 && l.list[i-1] >= s {
				return bad(l.key, s, "a sorted list without duplicates; this one comes after "+quote(l.list[i-1]))
			}
		}
	}
	for _, s := range m.Optional {
		if contains(m.Requires, s) {
			return bad("optional", s, "interfaces that are not required already")
		}
	}
	return nil
}

func (m *Manifest) checkExtras() error {
	// An absent key and an empty value would be two encodings of one manifest.
	for _, v := range []struct {
		key   string
		empty bool
	}{
		{"grants", m.Grants != nil && len(m.Grants) == 0},
		{"limits", m.Limits != nil && len(m.Limits) == 0},
		{"vectors", m.Vectors != nil && len(m.Vectors) == 0},
		{"meta", m.Meta != nil && m.Meta.Length() == 0},
	} {
		if v.empty {
			return &Error{Key: v.key, Got: "an empty value", Want: "content, or no such key"}
		}
	}
	if n := max(len(m.Grants), len(m.Limits), len(m.Vectors)); n > maxItems {
		return tooMany("grants, limits or vectors", int64(n))
	}
	for _, iface := range slices.Sorted(maps.Keys(m.Grants)) {
		if !m.Lists(iface) {
			return bad("grants", iface, "interfaces that requires or optional lists")
		}
		if err := checkFree(join("grants", iface), m.Grants[iface], 2); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.Limits)) {
		if !isName(name) {
			return bad("limits", name, nameRule)
		}
		if v := m.Limits[name]; v > math.MaxInt64 {
			return &Error{Key: join("limits", name), Got: strconv.FormatUint(v, 10), Want: "0 to 2^63−1"}
		}
	}
	for _, c := range m.Vectors {
		if !c.Defined() {
			return &Error{Key: "vectors", Got: "an undefined CID", Want: "CIDs"}
		}
	}
	if m.Meta == nil {
		return nil
	}
	if m.Meta.Kind() != datamodel.Kind_Map {
		return wrongKind("meta", m.Meta, datamodel.Kind_Map)
	}
	return checkFree("meta", m.Meta, 1)
}

// checkFree checks data that the format does not look into: it must survive encoding, and its strings are text.
func checkFree(path string, n datamodel.Node, depth int) error {
	if n == nil || n.IsAbsent() {
		return &Error{Key: path, Got: "nothing", Want: "a value, or null"}
	}
	if depth > maxDepth {
		return &Error{Key: path, Got: "data nested deeper", Want: fmt.Sprintf("at most %d levels", maxDepth)}
	}
	switch n.Kind() {
	case datamodel.Kind_String:
		if s, err := n.AsString(); err != nil || !utf8.ValidString(s) {
			return &Error{Key: path, Got: "a string that is not UTF-8", Want: "text"}
		}
	case datamodel.Kind_Float:
		if f, err := n.AsFloat(); err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
			return &Error{Key: path, Got: "a float that is no number", Want: "a finite one: DAG-CBOR has no others"}
		}
	case datamodel.Kind_List:
		for it := n.ListIterator(); !it.Done(); {
			i, v, err := it.Next()
			if err != nil {
				return &Error{Key: path, Got: "an unreadable list", Want: "a list", Err: err}
			}
			if err := checkFree(fmt.Sprintf("%s[%d]", path, i), v, depth+1); err != nil {
				return err
			}
		}
	case datamodel.Kind_Map:
		for it := n.MapIterator(); !it.Done(); {
			k, v, err := it.Next()
			if err != nil {
				return &Error{Key: path, Got: "an unreadable map", Want: "a map", Err: err}
			}
			key, err := k.AsString()
			if err != nil || !utf8.ValidString(key) {
				return &Error{Key: path, Got: "a key that is not UTF-8", Want: "text"}
			}
			if err := checkFree(join(path, key), v, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

func bad(key, got, want string) error { return &Error{Key: key, Got: quote(got), Want: want} }

// node builds the map; the encoder sorts its keys.
func (m *Manifest) node() (datamodel.Node, error) {
	return qp.BuildMap(basicnode.Prototype.Map, -1, func(ma datamodel.MapAssembler) {
		qp.MapEntry(ma, "iprt", qp.Int(abi.ManifestVersion))
		qp.MapEntry(ma, "name", qp.String(m.Name))
		qp.MapEntry(ma, "version", qp.String(m.Version))
		qp.MapEntry(ma, "license", qp.String(m.License))
		qp.MapEntry(ma, "roles", mapOf(m.Roles, func(r Role) qp.Assemble {
			if r.Codec == nil {
				return qp.Node(r.Params)
			}
			return qp.Map(2, func(ma datamodel.MapAssembler) {
				qp.MapEntry(ma, "code", qp.Int(int64(r.Codec.Code)))
				qp.MapEntry(ma, "name", qp.String(r.Codec.Name))
			})
		}))
		qp.MapEntry(ma, "requires", listOf(m.Requires, qp.String))
		qp.MapEntry(ma, "optional", listOf(m.Optional, qp.String))
		if m.Grants != nil {
			qp.MapEntry(ma, "grants", mapOf(m.Grants, qp.Node))
		}
		if m.Limits != nil {
			qp.MapEntry(ma, "limits", mapOf(m.Limits, func(v uint64) qp.Assemble { return qp.Int(int64(v)) }))
		}
		if m.Vectors != nil {
			qp.MapEntry(ma, "vectors", listOf(m.Vectors, func(c cid.Cid) qp.Assemble { return qp.Link(cidlink.Link{Cid: c}) }))
		}
		if m.Meta != nil {
			qp.MapEntry(ma, "meta", qp.Node(m.Meta))
		}
	})
}

func mapOf[V any](m map[string]V, f func(V) qp.Assemble) qp.Assemble {
	return qp.Map(int64(len(m)), func(ma datamodel.MapAssembler) {
		for k, v := range m {
			qp.MapEntry(ma, k, f(v))
		}
	})
}

func listOf[V any](list []V, f func(V) qp.Assemble) qp.Assemble {
	return qp.List(int64(len(list)), func(la datamodel.ListAssembler) {
		for _, v := range list {
			qp.ListEntry(la, f(v))
		}
	})
}
