package manifest_test

import (
	"bytes"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/ipld/go-ipld-prime/fluent/qp"
	"github.com/ipld/go-ipld-prime/node/basicnode"
	"pgregory.net/rapid"

	"github.com/iprt/iprt/host/manifest"
	"github.com/iprt/iprt/internal/wasmtest"
)

// The pieces of a good manifest, in canonical order of their keys; tests replace one of them.
var good = []any{
	"iprt", wasmtest.CBORUint(1),
	"name", wasmtest.CBORString("bencode"),
	"roles", role("codec/v1", "code", wasmtest.CBORUint(99), "name", wasmtest.CBORString("bencode")),
	"license", wasmtest.CBORString("MIT"),
	"version", wasmtest.CBORString("1.2.3"),
	"optional", wasmtest.CBORStrings("iprt:config/v1", "iprt:log/v1"),
	"requires", wasmtest.CBORStrings("iprt:core/v1"),
}

func role(name string, pairs ...any) []byte {
	return wasmtest.CBORMap(name, wasmtest.CBORMap(pairs...))
}

// with is the good manifest with the value of a key replaced, or a key added at a place.
func with(key string, value []byte) []byte {
	pairs := append([]any(nil), good...)
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i] == key {
			pairs[i+1] = value
			return wasmtest.CBORMap(pairs...)
		}
		if k := pairs[i].(string); len(k) > len(key) || len(k) == len(key) && k > key {
			pairs = append(pairs[:i:i], append([]any{key, value}, pairs[i:]...)...)
			return wasmtest.CBORMap(pairs...)
		}
	}
	return wasmtest.CBORMap(append(pairs, key, value)...)
}

func without(key string) []byte {
	var pairs []any
	for i := 0; i < len(good); i += 2 {
		if good[i] != key {
			pairs = append(pairs, good[i], good[i+1])
		}
	}
	return wasmtest.CBORMap(pairs...)
}

func TestParseGood(t *testing.T) {
	m, err := manifest.Parse(wasmtest.CBORMap(good...))
	if err != nil {
		t.Fatal(err)
	}
	c, ok := m.Codec()
	if m.Name != "bencode" || m.Version != "1.2.3" || m.License != "MIT" || !ok || c.Code != 99 || c.Name != "bencode" {
		t.Errorf("%+v, codec %+v", m, c)
	}
	if !m.Lists("iprt:core/v1") || !m.Lists("iprt:log/v1") || m.Lists("iprt:kv/v1") {
		t.Errorf("lists: %q %q", m.Requires, m.Optional)
	}
	for name, b := range map[string][]byte{
		"other role": with("roles", role("transport/v2")),
		"limits":     with("limits", wasmtest.CBORMap("memory", wasmtest.CBORUint(1<<20))),
		"grants":     with("grants", wasmtest.CBORMap("iprt:log/v1", wasmtest.CBORMap())),
		"meta":       with("meta", wasmtest.CBORMap("home", wasmtest.CBORString("x"), "tags", wasmtest.CBORStrings("a"))),
		"prerelease": with("version", wasmtest.CBORString("0.1.0-rc.1+build.007")),
		"empty list": with("requires", wasmtest.CBORList()),
	} {
		if _, err := manifest.Parse(b); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	str, uint, list := wasmtest.CBORString, wasmtest.CBORUint, wasmtest.CBORStrings
	deep := append(bytes.Repeat([]byte{0x81}, 1000), 0xf6)
	for _, c := range []struct {
		name, key, want string
		in              []byte
	}{
		{"empty", "", "end too early", nil},
		{"not a map", "", "kind list", list("a")},
		{"truncated", "", "end too early", wasmtest.CBORMap(good...)[:40]},
		{"trailing bytes", "", "do not decode", append(wasmtest.CBORMap(good...), 0)},
		{"too large", "", "at most 65536", with("meta", wasmtest.CBORMap("x", str(strings.Repeat("x", 70000))))},
		{"unknown key", "", `"extra"`, with("extra", uint(1))},
		{"missing key", "license", "required", without("license")},
		{"missing lists", "requires", "required", without("requires")},
		{"missing version of the format", "iprt", "required", without("iprt")},
		{"future format", "iprt", "found 2", with("iprt", uint(2))},
		{"format as text", "iprt", "kind string", with("iprt", str("1"))},
		{"keys out of order", "", "canonical", wasmtest.CBORMap(append(good[2:len(good):len(good)], good[:2]...)...)},
		{"duplicate key", "", "duplicate", wasmtest.CBORMap(append([]any{"iprt", uint(1)}, good...)...)},
		{"long integer", "", "do not decode", with("iprt", []byte{0x18, 1})},
		{"indefinite", "", "do not decode", []byte{0xbf, 0xff}},
		{"another tag", "", "no tags", with("meta", wasmtest.CBORMap("x", []byte{0xc1, 0}))},
		{"short float", "", "canonical", with("meta", wasmtest.CBORMap("x", []byte{0xf9, 0x3c, 0}))},
		{"undefined", "", "canonical", with("meta", wasmtest.CBORMap("x", []byte{0xf7}))},
		{"claimed map of 2^60", "", "do not decode", []byte{0xbb, 0x10, 0, 0, 0, 0, 0, 0, 0}},
		{"claimed string of 2^60", "", "do not decode", []byte{0x7b, 0x10, 0, 0, 0, 0, 0, 0, 0}},
		{"depth", "", "do not decode", with("meta", wasmtest.CBORMap("x", deep))},
		{"30,000 empty maps", "", "too many resources", with("meta", wasmtest.CBORMap("x", wasmtest.CBORList(bytes.Split(bytes.Repeat([]byte{0xa0}, 30000), nil)...)))},
		{"text that is not UTF-8", "meta.x", "UTF-8", with("meta", wasmtest.CBORMap("x", str("\xff")))},

		{"name in capitals", "name", `"Bencode"`, with("name", str("Bencode"))},
		{"empty name", "name", `""`, with("name", str(""))},
		{"long name", "name", "65 bytes", with("name", str(strings.Repeat("x", 65)))},
		{"name with escape", "name", `\x1b`, with("name", str("a\x1b[2J"))},
		{"version", "version", "1.2", with("version", str("1.2"))},
		{"version with v", "version", "v1.2.3", with("version", str("v1.2.3"))},
		{"version with zero", "version", "01.2.3", with("version", str("01.2.3"))},
		{"empty prerelease", "version", "1.2.3-", with("version", str("1.2.3-"))},
		{"license with newline", "license", `\n`, with("license", str("MIT\n"))},
		{"no roles", "roles", "0 roles", with("roles", wasmtest.CBORMap())},
		{"role without version", "roles.codec", `"codec"`, with("roles", role("codec"))},
		{"role version 0", "roles.codec/v0", "codec/v0", with("roles", role("codec/v0"))},
		{"codec without code", "roles.codec/v1.code", "required", with("roles", role("codec/v1", "name", str("x")))},
		{"codec with more", "roles.codec/v1", `"more"`, with("roles", role("codec/v1", "code", uint(1), "more", uint(1), "name", str("x")))},
		{"codec code 0", "roles.codec/v1.code", "found 0", with("roles", role("codec/v1", "code", uint(0), "name", str("x")))},
		{"codec code 2^63", "roles.codec/v1.code", "out of range", with("roles", role("codec/v1", "code", uint(1<<63), "name", str("x")))},
		{"negative code", "roles.codec/v1.code", "out of range", with("roles", role("codec/v1", "code", []byte{0x20}, "name", str("x")))},
		{"role that is no map", "roles.codec/v1", "kind int", with("roles", wasmtest.CBORMap("codec/v1", uint(1)))},
		{"other role that is no map", "roles.x/v1", "no map", with("roles", wasmtest.CBORMap("x/v1", uint(1)))},
		{"unsorted", "optional", "sorted", with("optional", list("iprt:log/v1", "iprt:config/v1"))},
		{"repeated", "requires", "sorted", with("requires", list("iprt:core/v1", "iprt:core/v1"))},
		{"required and optional", "optional", "not required", with("optional", list("iprt:core/v1"))},
		{"WASI listed", "requires", "WASI is not listed", with("requires", list("wasi_snapshot_preview1"))},
		{"no namespace", "requires", "log/v1", with("requires", list("log/v1"))},
		{"list of numbers", "requires[0]", "kind int", with("requires", wasmtest.CBORList(uint(1)))},
		{"grant not listed", "grants", "iprt:kv/v1", with("grants", wasmtest.CBORMap("iprt:kv/v1", wasmtest.CBORMap()))},
		{"empty grants", "grants", "empty", with("grants", wasmtest.CBORMap())},
		{"empty vectors", "vectors", "empty", with("vectors", wasmtest.CBORList())},
		{"vectors of text", "vectors[0]", "kind string", with("vectors", list("bafy"))},
		{"limit as text", "limits.memory", "kind string", with("limits", wasmtest.CBORMap("memory", str("1 MiB")))},
		{"meta that is no map", "meta", "kind list", with("meta", list("x"))},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := manifest.Parse(c.in)
			var e *manifest.Error
			if !errors.As(err, &e) {
				t.Fatalf("got %+v, %v", m, err)
			}
			if e.Key != c.key || !strings.Contains(err.Error(), c.want) {
				t.Errorf("key %q, %v; want key %q and %q", e.Key, err, c.key, c.want)
			}
		})
	}
}

func TestPurity(t *testing.T) {
	for want, imports := range map[manifest.Purity][]string{
		manifest.Pure0:   nil,
		manifest.Pure:    {"wasi_snapshot_preview1", "iprt:core/v1", "iprt:core/v1"},
		manifest.Granted: {"iprt:core/v1", "iprt:log/v1"},
	} {
		if got := manifest.PurityOf(imports); got != want {
			t.Errorf("%q: %v, want %v", imports, got, want)
		}
	}
	for _, m := range []string{"iprt:core/v2", "env", "", "wasi_unstable"} {
		if got := manifest.PurityOf([]string{m}); got != manifest.Granted {
			t.Errorf("%q: %v, want granted", m, got)
		}
	}
	var zero manifest.Purity
	if zero != manifest.Granted || zero.String() != "granted" {
		t.Errorf("the zero value is %v", zero)
	}
}

func TestEncodeParse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[a-z0-9-]{1,64}`)
		ifaces := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z]{1,8}:[a-z]{1,8}/v[1-9]`), 0, 6, rapid.ID).Draw(t, "interfaces")
		cut := rapid.IntRange(0, len(ifaces)).Draw(t, "cut")
		m := &manifest.Manifest{
			Name: name.Draw(t, "name"), Version: "1.0.0", License: "MIT",
			Roles:    map[string]manifest.Role{"codec/v1": {Codec: &manifest.Codec{Code: rapid.Uint64Range(1, 1<<63-1).Draw(t, "code"), Name: name.Draw(t, "codec")}}},
			Requires: sorted(ifaces[:cut]), Optional: sorted(ifaces[cut:]),
		}
		if rapid.Bool().Draw(t, "full") {
			fill(m, ifaces)
		}
		b, err := manifest.Encode(m)
		if err != nil {
			t.Fatal(err)
		}
		back, err := manifest.Parse(b)
		if err != nil {
			t.Fatal(err)
		}
		again, err := manifest.Encode(back)
		if err != nil || !bytes.Equal(b, again) {
			t.Fatalf("%v\n% x\n% x", err, b, again)
		}
		if back.Name != m.Name || len(back.Requires) != cut || len(back.Vectors) != len(m.Vectors) || (back.Meta == nil) != (m.Meta == nil) {
			t.Fatalf("%+v\n%+v", m, back)
		}
	})
}

func fill(m *manifest.Manifest, ifaces []string) {
	node, err := qp.BuildMap(basicnode.Prototype.Any, -1, func(ma datamodel.MapAssembler) { qp.MapEntry(ma, "k", qp.Null()) })
	if err != nil {
		panic(err)
	}
	m.Meta = node
	m.Roles["transport/v1"] = manifest.Role{Params: node}
	m.Limits = map[string]uint64{"memory": 1 << 20}
	m.Vectors = []cid.Cid{cid.MustParse("bafkqaaa")}
	if len(ifaces) > 0 {
		m.Grants = map[string]datamodel.Node{ifaces[0]: node}
	}
}

func TestEncodeRefuses(t *testing.T) {
	deep := basicnode.NewBool(true)
	for range 20 {
		inner := deep
		list, err := qp.BuildList(basicnode.Prototype.Any, 1, func(la datamodel.ListAssembler) { qp.ListEntry(la, qp.Node(inner)) })
		if err != nil {
			t.Fatal(err)
		}
		deep = list
	}
	asMap := func(n datamodel.Node) datamodel.Node {
		m, err := qp.BuildMap(basicnode.Prototype.Any, 1, func(ma datamodel.MapAssembler) { qp.MapEntry(ma, "k", qp.Node(n)) })
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	for _, c := range []struct {
		name, key string
		edit      func(*manifest.Manifest)
	}{
		{"zero", "name", func(m *manifest.Manifest) { *m = manifest.Manifest{} }},
		{"no codec", "roles.codec/v1", func(m *manifest.Manifest) { m.Roles["codec/v1"] = manifest.Role{} }},
		{"codec with params", "roles.codec/v1", func(m *manifest.Manifest) {
			m.Roles["codec/v1"] = manifest.Role{Codec: &manifest.Codec{Code: 1, Name: "x"}, Params: asMap(deep)}
		}},
		{"role without params", "roles.x/v1", func(m *manifest.Manifest) { m.Roles["x/v1"] = manifest.Role{} }},
		{"role too deep", "", func(m *manifest.Manifest) { m.Roles["x/v1"] = manifest.Role{Params: asMap(deep)} }},
		{"17 roles", "roles", func(m *manifest.Manifest) {
			for i := range 17 {
				m.Roles[string(rune('a'+i))+"/v1"] = manifest.Role{Params: asMap(basicnode.NewBool(true))}
			}
		}},
		{"undefined grant", "grants.iprt:core/v1", func(m *manifest.Manifest) { m.Grants = map[string]datamodel.Node{"iprt:core/v1": nil} }},
		{"limit of 2^63", "limits.memory", func(m *manifest.Manifest) { m.Limits = map[string]uint64{"memory": 1 << 63} }},
		{"limit in capitals", "limits", func(m *manifest.Manifest) { m.Limits = map[string]uint64{"Memory": 1} }},
		{"undefined vector", "vectors", func(m *manifest.Manifest) { m.Vectors = []cid.Cid{{}} }},
		{"meta is a list", "meta", func(m *manifest.Manifest) { m.Meta = deep }},
		{"not a number", "meta.k", func(m *manifest.Manifest) { m.Meta = asMap(basicnode.NewFloat(math.NaN())) }},
		{"too large", "", func(m *manifest.Manifest) { m.Meta = asMap(basicnode.NewBytes(make([]byte, 70000))) }},
		{"200 interfaces", "requires", func(m *manifest.Manifest) { m.Requires = make([]string, 200) }},
	} {
		m := &manifest.Manifest{
			Name: "x", Version: "1.0.0", License: "MIT", Requires: []string{"iprt:core/v1"},
			Roles: map[string]manifest.Role{"codec/v1": {Codec: &manifest.Codec{Code: 1, Name: "x"}}},
		}
		c.edit(m)
		_, err := manifest.Encode(m)
		var e *manifest.Error
		if !errors.As(err, &e) || c.key != "" && e.Key != c.key {
			t.Errorf("%s: %v, want key %q", c.name, err, c.key)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(wasmtest.CBORMap(good...))
	f.Add(with("meta", wasmtest.CBORMap("x", []byte{0xf9, 0x3c, 0})))
	f.Add([]byte{0xbb, 0x10, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := manifest.Parse(b)
		if err != nil {
			return
		}
		again, err := manifest.Encode(m)
		if err != nil || !bytes.Equal(b, again) {
			t.Fatalf("%v\n% x\n% x", err, b, again)
		}
	})
}

func sorted(s []string) []string {
	s = slices.Clone(s)
	slices.Sort(s)
	return s
}
