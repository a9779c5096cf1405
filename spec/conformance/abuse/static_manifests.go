package abuse

import (
	"bytes"
	"fmt"
	"math/rand/v2"

	w "github.com/iprt/iprt/internal/wasmtest"
)

// manifest is a good one with one key replaced, added, or, with a nil value, left out.
func manifest(key string, value []byte) []byte {
	fields := []struct {
		key   string
		value []byte
	}{
		{"iprt", w.CBORUint(1)}, {"name", w.CBORString("echo")},
		{"roles", w.CBORMap("codec/v1", w.CBORMap("code", w.CBORUint(0x300010), "name", w.CBORString("echo")))},
		{"license", w.CBORString("MIT")}, {"version", w.CBORString("1.0.0")}, {"optional", w.CBORStrings()}, {"requires", w.CBORStrings()},
	}
	var pairs []any
	found := false
	for _, f := range fields {
		if f.key == key {
			found = true
			f.value = value
		}
		if f.value != nil {
			pairs = append(pairs, f.key, f.value)
		}
	}
	if !found && key != "" {
		pairs = append(pairs, key, value)
	}
	return w.CBORMap(pairs...)
}

// staticManifests has manifests that are malformed, or that say what the module is not.
func staticManifests(c *corpus) {
	bad := func(name string, m []byte) {
		c.load(Static, "manifest/"+name, "a manifest that is malformed, or claims what is not so", func() []byte { return w.Codec(w.ManifestBytes(m)) }, Reject)
	}
	c.load(Static, "manifest/good", "nothing: the manifest that is bent below is a good one", func() []byte { return w.Codec(w.ManifestBytes(manifest("", nil))) }, OK)
	for _, n := range []int{0, 2, 3, 100} {
		c.codec(Static, count("manifest/times", n), "no manifest, or more than one", Reject, w.Manifests(n))
	}
	good := manifest("", nil)
	bad("empty", []byte{})
	bad("empty-map", []byte{0xa0})
	bad("bytes-after", w.Cat(good, []byte{0}))
	bad("two-maps", w.Cat(good, good))
	bad("too-long", manifest("meta", w.CBORMap("x", w.CBORBytes(make([]byte, 70_000)))))
	for n := 1; n < len(good); n += 7 {
		bad(count("cut", n), good[:n])
	}
	for _, key := range []string{"iprt", "name", "roles", "license", "version", "optional", "requires"} {
		bad("without-"+key, manifest(key, nil))
		bad("null-"+key, manifest(key, []byte{0xf6}))
		bad("list-"+key, manifest(key, w.CBORList(w.CBORUint(1))))
		bad("bytes-"+key, manifest(key, w.CBORBytes([]byte("x"))))
	}
	for _, v := range []uint64{0, 2, 1<<64 - 1} {
		bad(fmt.Sprintf("version-%d", v), manifest("iprt", w.CBORUint(v)))
	}
	for i, name := range []string{"", "UPPER", "a b", "../x", "a\x1b[31m", "\xff", string(bytes.Repeat([]byte{'a'}, 65)), "naïve"} {
		bad(count("name", i), manifest("name", w.CBORString(name)))
	}
	for i, v := range []string{"", "1", "1.0", "v1.0.0", "1.0.0.0", "01.0.0", "1.0.0\n"} {
		bad(count("semver", i), manifest("version", w.CBORString(v)))
	}
	bad("unknown-key", manifest("zzzzzzzzz", w.CBORUint(1)))
	bad("requires-twice", manifest("requires", w.CBORStrings(log, log)))
	bad("requires-unsorted", manifest("requires", w.CBORStrings(log, core)))
	bad("float", manifest("iprt", []byte{0xfb, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0}))
	bad("long-integer", manifest("iprt", []byte{0x18, 1}))
	bad("indefinite", manifest("requires", []byte{0x9f, 0xff}))
	bad("array-of-2^60", manifest("requires", []byte{0x9b, 0x10, 0, 0, 0, 0, 0, 0, 0}))
	bad("text-of-2^62", manifest("name", []byte{0x7b, 0x40, 0, 0, 0, 0, 0, 0, 0}))
	bad("deep", manifest("meta", w.Cat(bytes.Repeat([]byte{0x81}, 60_000), []byte{0})))
	bad("deep-roles", manifest("roles", w.Cat(bytes.Repeat([]byte{0xa1, 0x61, 'a'}, 20_000), []byte{0})))
	bad("code-of-string", manifest("roles", w.CBORMap("codec/v1", w.CBORMap("code", w.CBORString("x"), "name", w.CBORString("echo")))))
	bad("role-unknown-key", manifest("roles", w.CBORMap("codec/v1", w.CBORMap("code", w.CBORUint(1), "name", w.CBORString("e"), "other", w.CBORUint(1)))))
	bad("role-not-exported", manifest("roles", w.CBORMap("transport/v1", w.CBORMap())))
	// Requiring an interface that nothing grants is a refusal for want of a grant; one that no host has, for want of the interface.
	c.load(Static, "manifest/requires-unknown", "a manifest that requires an interface of nobody", func() []byte {
		return w.Codec(w.ManifestBytes(manifest("requires", w.CBORStrings("acme:x/v1"))))
	}, Reject)
}

// staticMutations has good modules with random damage. Whatever they are then, the host lives and says so.
func staticMutations(c *corpus) {
	const seeds = 400
	for seed := range seeds {
		c.add(Static, count("mutation", seed), "a good module with random damage", func() []Step {
			r := rand.New(rand.NewPCG(uint64(seed), 3))
			b := bytes.Clone(rich())
			for range 1 + r.IntN(4) {
				mutate(r, &b)
			}
			return []Step{
				{Do: Load{Place: "it", Wasm: b}, Want: Anything()},
				{Do: Call{Place: "it", Export: "decode", Input: []byte("some input")}, Want: Anything(), Within: patience},
				{Do: Call{Place: "it", Export: "encode", Input: []byte("some input")}, Want: Anything(), Within: patience},
			}
		})
	}
}

// mutate changes a byte, or takes out, doubles or moves a few.
func mutate(r *rand.Rand, b *[]byte) {
	s := *b
	at, n := r.IntN(len(s)), 1+r.IntN(4)
	end := min(at+n, len(s))
	switch r.IntN(5) {
	case 0:
		s[at] ^= 1 << r.IntN(8)
	case 1:
		s[at] = byte(r.UintN(256))
	case 2:
		s = append(s[:at:at], s[end:]...)
	case 3:
		s = append(s[:end:end], s[at:]...)
	default:
		s[at] = []byte{0, 1, 0x7f, 0x80, 0xff, 0x0b, 0x40}[r.IntN(7)]
	}
	if len(s) > 0 {
		*b = s
	}
}
