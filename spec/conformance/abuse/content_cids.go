package abuse

import (
	"bytes"
	"fmt"

	"github.com/ipfs/go-cid"
	mh "github.com/multiformats/go-multihash"

	w "github.com/iprt/iprt/internal/wasmtest"
)

// fetches is a step that fetches a file.
func fetches(c cid.Cid, want ...Outcome) Step {
	return Step{Do: Fetch{CID: c.String()}, Want: want}
}

// gets is a step that fetches one block, and holds it to its bytes.
func gets(c cid.Cid, block []byte, want ...Outcome) Step {
	return Step{Do: Fetch{CID: c.String(), Block: true}, Want: want, Check: exactly(block)}
}

// exactly is the check that no other bytes came out.
func exactly(want []byte) func(Result) error {
	return func(r Result) error {
		if !bytes.Equal(r.Output, want) {
			return fmt.Errorf("%d wrong bytes were delivered", len(r.Output))
		}
		return nil
	}
}

// contentCIDs has bytes that do not match, and CIDs that prove nothing.
func contentCIDs(c *corpus) {
	block := []byte("honest content of a block")
	lies := []struct {
		name  string
		bytes []byte
		zeros int // behind them
	}{
		{"flipped", append([]byte{block[0] ^ 1}, block[1:]...), 0}, {"cut", block[:10], 0}, {"longer", block, 1}, {"empty", nil, 0},
		{"other", []byte("something else"), 0}, {"large", block, 2<<20 - len(block)}, {"too-large", nil, 3 << 20}, {"enormous", nil, 64 << 20},
	}
	for _, codec := range []uint64{cid.Raw, cid.DagProtobuf, cid.DagCBOR} {
		for _, l := range lies {
			good := sum(codec, block)
			refused := Error.Of("hash-mismatch")
			c.offer(Content, fmt.Sprintf("mismatch/%s-%#x", l.name, codec), "bytes that do not match the CID",
				func() *Offer { o := &Offer{}; o.claim(good, w.Cat(l.bytes, make([]byte, l.zeros))); return o },
				Step{Do: Fetch{CID: good.String(), Block: true}, Want: []Outcome{refused, Error.Of("not-found")}, Times: 2})
		}
	}
	for _, hash := range []uint64{mh.SHA2_256, mh.SHA2_512, mh.BLAKE3, mh.BLAKE2B_MIN + 31} {
		good := hashed(cid.Raw, hash, -1, block)
		c.offer(Content, fmt.Sprintf("hash/strict-%#x", hash), "nothing: a hash function that can be trusted",
			func() *Offer { o := &Offer{}; o.claim(good, block); return o }, gets(good, block, OK), fetches(good, OK))
	}
	weak := Error.Of("cid-refused")
	for _, hash := range []uint64{mh.SHA1, mh.MD5, mh.MURMUR3X64_64, mh.KECCAK_256, mh.SHA3_256, mh.BLAKE2S_MIN + 31, mh.DBL_SHA2_256, 0xb401, 0x1234, 0x300001, 1 << 62} {
		bad := made(cid.Raw, hash, bytes.Repeat([]byte{7}, 32))
		c.offer(Content, fmt.Sprintf("hash/code-%#x", hash), "a hash function that is weak, or unknown", func() *Offer { o := &Offer{}; o.claim(bad, block); return o },
			gets(bad, nil, weak), fetches(bad, weak))
	}
	for _, n := range []int{0, 1, 4, 20, 31, 65, 1_000} {
		digest := make([]byte, n)
		copy(digest, hashed(cid.Raw, mh.SHA2_512, -1, block).Hash()[2:])
		bad := made(cid.Raw, mh.SHA2_512, digest)
		c.offer(Content, count("hash/digest", n), "a digest that is too short to prove anything, or too long", func() *Offer { o := &Offer{}; o.claim(bad, block); return o },
			gets(bad, nil, weak), fetches(bad, weak))
	}
	contentIdentity(c)
	contentModules(c)
}

// contentIdentity has CIDs that carry the bytes themselves.
func contentIdentity(c *corpus) {
	code := w.Codec()
	weak := Error.Of("cid-refused")
	for _, codec := range []uint64{cid.Raw, cid.DagProtobuf} {
		inline := made(codec, mh.IDENTITY, code)
		c.offer(Content, fmt.Sprintf("identity/code-%#x", codec), "code that a CID carries itself", func() *Offer { return &Offer{Most: -1} }, fetches(inline, weak), gets(inline, nil, weak))
		small := made(codec, mh.IDENTITY, []byte("small"))
		c.offer(Content, fmt.Sprintf("identity/small-%#x", codec), "a file that a CID carries itself", func() *Offer { return &Offer{Most: -1} }, fetches(small, weak), gets(small, []byte("small"), OK))
	}
	for _, n := range []int{0, 127, 128, 129, 10_000} {
		b := make([]byte, n)
		want := OK
		if n > 128 {
			want = weak
		}
		c.offer(Content, count("identity/data", n), "data that a CID carries itself", func() *Offer { return &Offer{Most: -1} }, gets(made(cid.DagCBOR, mh.IDENTITY, b), b, want))
	}
	for _, text := range []string{"", "Q", "bafy", "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52z", "/ipfs/x", "\x1b[2J", "z" + string(bytes.Repeat([]byte{'1'}, 10_000)), "../../etc/passwd", "bafkrei\x00"} {
		c.add(Content, fmt.Sprintf("cid-text/%.20q", text), "text that is no CID", func() []Step {
			return []Step{{Do: Fetch{CID: text}, Want: []Outcome{Error}}, {Do: Resolve{Root: text}, Want: []Outcome{Error}}}
		})
	}
}

// contentModules fetches the same bytes under several names, and code that is no file.
func contentModules(c *corpus) {
	code := w.Codec()
	file := pbFile(nil, uint64(len(code)), pbChild{cid: sum(cid.Raw, code), size: uint64(len(code))})
	v1 := sum(cid.DagProtobuf, file)
	v0 := cid.NewCidV0(v1.Hash())
	same := func(c cid.Cid) Step { s := fetches(c, OK); s.Check = exactly(code); return s }
	c.offer(Content, "same-bytes", "the same bytes under CIDv0, CIDv1 and as a raw block", func() *Offer {
		o := &Offer{}
		o.put(cid.Raw, code)
		o.put(cid.DagProtobuf, file)
		o.claim(hashed(cid.Raw, mh.SHA2_512, -1, code), code)
		return o
	}, same(v0), same(v1), same(sum(cid.Raw, code)), same(hashed(cid.Raw, mh.SHA2_512, -1, code)))
	for _, codec := range []uint64{cid.DagCBOR, cid.DagJSON, cid.GitRaw, 0x300010, 1 << 40} {
		c.offer(Content, fmt.Sprintf("not-a-file/%#x", codec), "a block of another codec where a file is due",
			func() *Offer { o := &Offer{}; o.put(codec, code); return o }, fetches(sum(codec, code), Error.Of("not-a-file")))
	}
}
