package abuse

import (
	"bytes"
	"fmt"

	"github.com/ipfs/go-cid"

	w "github.com/iprt/iprt/internal/wasmtest"
)

// bencode is the multicodec code of the shipped bencode codec.
const bencode = 0x63

// contentCBOR has blocks for the shipped codecs that claim more than they hold, nest without end, or are not canonical.
func contentCBOR(c *corpus) {
	large := func(name string, block func() []byte, want ...Outcome) { // emitted when it is needed
		c.add(Content, "dag-cbor/"+name, "a block that claims more than it holds, or is not canonical", func() []Step {
			return []Step{{Do: Decode{Codec: cid.DagCBOR, Block: block()}, Want: want, Times: 2}}
		})
	}
	cbor := func(name string, block []byte, want ...Outcome) { large(name, func() []byte { return block }, want...) }
	for major := byte(2); major <= 5; major++ {
		for _, n := range []uint64{1, 1 << 16, 1 << 31, 1<<32 - 1, 1 << 32, 1 << 60, 1<<63 - 1, 1 << 63, 1<<64 - 1} {
			head := w.CBORUint(n)
			head[0] |= major << 5
			cbor(fmt.Sprintf("claim/%d-of-%d", n, major), head, Error)
			cbor(fmt.Sprintf("claim-inside/%d-of-%d", n, major), w.Cat([]byte{0x82, 0x00}, head), Error)
		}
		for info := byte(28); info < 32; info++ {
			cbor(fmt.Sprintf("indefinite/%d-%d", major, info), []byte{major<<5 | info, 0xff}, Error)
		}
	}
	for _, n := range []int{1_000, 1_023, 1_024, 1_025, 100_000, 1_000_000, 3_000_000} {
		deep := func(open ...byte) func() []byte {
			return func() []byte { return w.Cat(bytes.Repeat(open, n), []byte{0}) }
		}
		large(count("deep/lists", n), deep(0x81), OK, Error, Limit, Trap)
		large(count("deep/maps", n), deep(0xa1, 0x61, 'a'), OK, Error, Limit, Trap)
		large(count("deep/tags", n), deep(0xd8, 42), Error, Limit)
	}
	large("deep/10^7", func() []byte { return bytes.Repeat([]byte{0x81}, 10_000_000) }, Limit, Error)
	for _, n := range []int{100_000, 2 << 20, 4<<20 - 8} {
		for _, item := range []byte{0xa0, 0x80, 0xf6, 0x40, 0x60} {
			large(fmt.Sprintf("many/%d-of-%#x", n, item), func() []byte { return w.Cat(arrayHead(n), bytes.Repeat([]byte{item}, n)) }, OK, Limit, Error)
		}
	}
	for _, b := range []struct {
		name  string
		block []byte
	}{
		{"empty", nil}, {"two-values", []byte{0, 0}}, {"break", []byte{0xff}}, {"undefined", []byte{0xf7}}, {"simple", []byte{0xe0}}, {"simple-byte", []byte{0xf8, 32}},
		{"half-float", []byte{0xf9, 0x3c, 0}}, {"single-float", []byte{0xfa, 0x3f, 0x80, 0, 0}}, {"nan", []byte{0xfb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0}}, {"infinity", []byte{0xfb, 0x7f, 0xf0, 0, 0, 0, 0, 0, 0}},
		{"uint-1-byte", []byte{0x18, 23}}, {"uint-2-bytes", []byte{0x19, 0, 255}}, {"uint-4-bytes", []byte{0x1a, 0, 0, 255, 255}}, {"uint-8-bytes", []byte{0x1b, 0, 0, 0, 0, 255, 255, 255, 255}},
		{"nint-long", []byte{0x38, 1}}, {"list-long", []byte{0x98, 1, 0}}, {"text-long", []byte{0x78, 1, 'a'}}, {"map-long", []byte{0xb8, 1, 0x61, 'a', 0}},
		{"tag-long", w.Cat([]byte{0xd9, 0, 42}, cborLink(sum(cid.Raw, nil))[2:])}, {"tag-0", []byte{0xc0, 0}}, {"tag-2", []byte{0xc2, 0x41, 1}}, {"tag-41", []byte{0xd8, 41, 0x41, 0}}, {"tag-43", []byte{0xd8, 43, 0x41, 0}},
		{"tag-2^63", []byte{0xdb, 0x80, 0, 0, 0, 0, 0, 0, 0, 0}}, {"link-text", []byte{0xd8, 42, 0x61, 'a'}}, {"link-empty", []byte{0xd8, 42, 0x40}}, {"link-no-prefix", w.Cat([]byte{0xd8, 42}, w.CBORBytes(sum(cid.Raw, nil).Bytes()))},
		{"link-only-prefix", []byte{0xd8, 42, 0x41, 0}}, {"link-garbage", []byte{0xd8, 42, 0x44, 0, 0xff, 0xff, 0xff}}, {"link-and-more", w.Cat([]byte{0xd8, 42}, w.CBORBytes(w.Cat([]byte{0}, sum(cid.Raw, nil).Bytes(), []byte{0})))},
		{"key-int", []byte{0xa1, 0, 0}}, {"key-bytes", []byte{0xa1, 0x41, 'a', 0}}, {"key-null", []byte{0xa1, 0xf6, 0}}, {"key-twice", []byte{0xa2, 0x61, 'a', 0, 0x61, 'a', 0}},
		{"keys-unsorted", []byte{0xa2, 0x61, 'b', 0, 0x61, 'a', 0}}, {"keys-by-bytes", []byte{0xa2, 0x62, 'a', 'a', 0, 0x61, 'b', 0}}, {"map-odd", []byte{0xa1, 0x61, 'a'}},
		{"utf8", []byte{0x61, 0xff}}, {"utf8-surrogate", []byte{0x63, 0xed, 0xa0, 0x80}}, {"utf8-key", []byte{0xa1, 0x61, 0xff, 0}}, {"reserved-28", []byte{0x1c}}, {"reserved-30", []byte{0x1e}},
	} {
		cbor("invalid/"+b.name, b.block, Error)
	}
	contentOthers(c)
}

// arrayHead is the head of a list of n items.
func arrayHead(n int) []byte {
	head := w.CBORUint(uint64(n))
	head[0] |= 4 << 5
	return head
}

// contentOthers has the same for codecs that are not CBOR.
func contentOthers(c *corpus) {
	for _, b := range []struct {
		name  string
		block []byte
		want  []Outcome
	}{
		{"empty", nil, []Outcome{Error}}, {"open", []byte("l"), []Outcome{Error}}, {"deep-1000000", bytes.Repeat([]byte("l"), 1_000_000), []Outcome{Error, Limit, Trap}},
		{"deep-closed", w.Cat(bytes.Repeat([]byte("l"), 500_000), bytes.Repeat([]byte("e"), 500_000)), []Outcome{OK, Error, Limit, Trap}},
		{"deep-dict", bytes.Repeat([]byte("d1:a"), 500_000), []Outcome{Error, Limit, Trap}}, {"claim", []byte("99999999999999999999:x"), []Outcome{Error}},
		{"claim-2^32", []byte("4294967297:x"), []Outcome{Error}}, {"claim-2^64", []byte("18446744073709551617:x"), []Outcome{Error}}, {"integer-long", w.Cat([]byte("i"), bytes.Repeat([]byte("9"), 1_000_000), []byte("e")), []Outcome{Error, Limit}},
		{"zeros", []byte("i00e"), []Outcome{Error}}, {"minus-zero", []byte("i-0e"), []Outcome{Error}}, {"keys-unsorted", []byte("d1:bi0e1:ai0ee"), []Outcome{Error}},
		{"keys-twice", []byte("d1:ai0e1:ai0ee"), []Outcome{Error}}, {"after", []byte("i0ei0e"), []Outcome{Error}}, {"many-empty", w.Cat([]byte("l"), bytes.Repeat([]byte("0:"), 2_000_000), []byte("e")), []Outcome{OK, Limit, Error}},
	} {
		c.add(Content, "bencode/"+b.name, "a block that claims more than it holds, or is not canonical", func() []Step {
			return []Step{{Do: Decode{Codec: bencode, Block: b.block}, Want: b.want, Times: 2}}
		})
	}
	for _, n := range []int{4 << 20, 4<<20 + 1, 64 << 20} {
		want := Limit
		if n <= 4<<20 {
			want = OK
		}
		c.add(Content, count("raw", n), "a block larger than any block", func() []Step {
			return []Step{{Do: Decode{Codec: cid.Raw, Block: make([]byte, n)}, Want: []Outcome{want}}}
		})
	}
}
