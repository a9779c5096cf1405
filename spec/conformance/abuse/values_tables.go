package abuse

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"

	w "github.com/iprt/iprt/internal/wasmtest"
)

// record is one record of a token table; see spec/tokens.md.
type record struct {
	kind, flags byte
	n           uint32
	v           uint64
}

// Kinds of records that cases bend.
const (
	kNull, kBool, kUint, kNint, kFloat = 1, 2, 3, 4, 5
	kString, kBytes, kLink             = 6, 7, 8
	kList, kMap                        = 9, 10
)

// table is a token table of records and a heap, in order and well-formed as far as the header goes.
func table(heap []byte, records ...record) []byte {
	le := binary.LittleEndian
	b := append([]byte("ITT1"), make([]byte, 28)...)
	le.PutUint32(b[8:], uint32(len(records)))
	le.PutUint32(b[12:], 32)
	le.PutUint32(b[16:], uint32(32+16*len(records)))
	le.PutUint32(b[20:], uint32(len(heap)))
	for _, r := range records {
		b = append(b, r.kind, r.flags, 0, 0)
		b = le.AppendUint32(b, r.n)
		b = le.AppendUint64(b, r.v)
	}
	return append(b, heap...)
}

// hostileTables has codecs whose results are no token tables, or lie about what is in them.
func hostileTables(c *corpus) {
	block := []byte("the block that is decoded")
	check := func(name string, t func() []byte, want ...Outcome) {
		c.add(Values, "table/"+name, "a codec whose result is not a valid token table", func() []Step {
			return []Step{loaded("it", nil, w.Table(t())), {Do: Decode{Place: "it", Block: block}, Want: want, Times: 2}}
		})
	}
	one := func(name string, want Outcome, heap []byte, records ...record) {
		check(name, func() []byte { return table(heap, records...) }, want)
	}
	good := table([]byte("heap"), record{kMap, 0, 1, 3}, record{kString, 1, 4, 0}, record{kBytes, 0, uint32(len(block)), 0})
	check("good", func() []byte { return good }, OK)
	for _, n := range []int{0, 1, 31, 32, 47, len(good) - 1} {
		check(count("cut", n), func() []byte { return good[:n] }, Error)
	}
	hostile := []uint32{1, 2, 3, 4, 31, 33, 48, 79, 80, 255, 1 << 16, 1 << 24, 1<<31 - 1, 1 << 31, 1<<32 - 1}
	for at := 0; at < 48; at += 4 { // the header, and the first record
		for _, v := range hostile {
			b := bytes.Clone(good)
			if binary.LittleEndian.Uint32(b[at:]) == v {
				continue
			}
			binary.LittleEndian.PutUint32(b[at:], v)
			check(fmt.Sprintf("word-%d-is-%d", at, v), func() []byte { return b }, Error, Limit)
		}
	}
	hostileRecords(one)
	hostileAmounts(check, uint64(len(block)))
	for seed := range 200 {
		check(count("mutation", seed), func() []byte {
			r := rand.New(rand.NewPCG(uint64(seed), 5))
			b := bytes.Clone(good)
			for range 1 + r.IntN(3) {
				b[r.IntN(len(b))] = byte(r.UintN(256))
			}
			return b
		}, OK, Error, Limit)
	}
}

// hostileRecords has single records and small trees that break a rule.
func hostileRecords(one func(name string, want Outcome, heap []byte, records ...record)) {
	for _, kind := range []byte{0, 11, 12, 127, 255} {
		one(count("kind", int(kind)), Error, nil, record{kind, 0, 0, 0})
	}
	for kind := byte(kNull); kind <= kMap; kind++ {
		for _, flags := range []byte{1, 2, 3, 4, 128, 255} {
			valid := flags == 1 && kind >= kString && kind <= kBytes || kind == kMap && flags <= 2
			if !valid {
				one(fmt.Sprintf("flags/%d-of-kind-%d", flags, kind), Error, nil, record{kind, flags, 0, map[bool]uint64{true: 1}[kind >= kList]})
			}
		}
	}
	one("null-value", Error, nil, record{kNull, 0, 0, 1})
	one("null-length", Error, nil, record{kNull, 0, 1, 0})
	one("bool-2", Error, nil, record{kBool, 0, 0, 2})
	one("nan-payload", Error, nil, record{kFloat, 0, 0, 0x7ff8000000000001})
	one("nan-negative", Error, nil, record{kFloat, 0, 0, 0xfff8000000000000})
	one("nan-signalling", Error, nil, record{kFloat, 0, 0, 0x7ff0000000000001})
	one("nint-most", OK, nil, record{kNint, 0, 0, 1<<64 - 1})
	one("uint-most", OK, nil, record{kUint, 0, 0, 1<<64 - 1})
	for i, s := range []string{"\xff", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "a\x80"} {
		one(count("utf8", i), Error, []byte(s), record{kString, 1, uint32(len(s)), 0})
		one(count("utf8-key", i), Error, []byte(s), record{kMap, 0, 1, 3}, record{kString, 1, uint32(len(s)), 0}, record{kNull, 0, 0, 0})
	}
	for i, l := range [][]byte{{}, {1}, {0, 1, 2}, bytes.Repeat([]byte{0xff}, 40), {1, 0x55, 0x12, 0x20}, {1, 0x55, 0x12, 0x80, 0x80, 0x80, 0x80, 0x08}, w.Cat([]byte{1, 0x55, 0, 4}, []byte("abc"))} {
		one(count("link", i), Error, l, record{kLink, 1, uint32(len(l)), 0})
	}
	for _, r := range []record{
		{kBytes, 0, 26, 0}, {kBytes, 0, 1, 25}, {kBytes, 1, 1, 0}, {kBytes, 0, 1, 1 << 32}, {kBytes, 0, 1<<32 - 1, 1}, {kBytes, 0, 16, 1<<32 - 8},
		{kBytes, 0, 1<<32 - 1, 1<<64 - 1}, {kString, 0, 0, 1<<64 - 1}, {kBytes, 1, 1, 1 << 63},
	} {
		one(fmt.Sprintf("outside/%d-at-%d-of-%d", r.n, r.v, r.flags), Error, nil, r)
	}
	key := record{kString, 1, 1, 0}
	next := record{kString, 1, 1, 1}
	null := record{kNull, 0, 0, 0}
	one("key-twice", Error, []byte("ab"), record{kMap, 0, 2, 5}, key, null, key, null)
	one("key-twice-apart", Error, []byte("ab"), record{kMap, 0, 3, 7}, next, null, key, null, next, null)
	one("key-order", Error, []byte("ab"), record{kMap, 1, 2, 5}, next, null, key, null)
	one("key-order-length", Error, []byte("ab"), record{kMap, 2, 2, 5}, record{kString, 1, 2, 0}, null, key, null)
	one("key-null", Error, nil, record{kMap, 0, 1, 3}, null, null)
	one("key-list", Error, nil, record{kMap, 0, 1, 3}, record{kList, 0, 0, 2}, null)
	one("key-without-value", Error, []byte("a"), record{kMap, 0, 1, 2}, key)
	for _, v := range []uint64{0, 1, 2, 4, 100, 1 << 32, 1<<32 + 3, 1<<64 - 1} {
		one(fmt.Sprintf("end/list-%d", v), Error, nil, record{kList, 0, 2, v}, null, null)
		one(fmt.Sprintf("end/inner-%d", v), Error, nil, record{kList, 0, 1, 3}, record{kList, 0, 1, v + map[bool]uint64{true: 1}[v == 3]}, null)
	}
	for _, n := range []uint32{0, 1, 3, 1 << 16, 1 << 31, 1<<32 - 1} {
		one(count("list-of", int(n)), Error, nil, record{kList, 0, n, 3}, null, null)
		one(count("map-of", int(n)), Error, []byte("a"), record{kMap, 0, n, 6}, key, null, null, null, null)
	}
	one("two-roots", Error, nil, null, null)
}

// hostileAmounts has small codecs that make a lot of a small block.
func hostileAmounts(check func(name string, t func() []byte, want ...Outcome), block uint64) {
	for _, n := range []int{100, 1_023, 1_024, 1_025, 100_000} {
		check(count("deep", n), func() []byte {
			records := make([]record, n, n+1)
			for i := range records {
				records[i] = record{kList, 0, 1, uint64(n + 1)}
			}
			return table(nil, append(records, record{kNull, 0, 0, 0})...)
		}, OK, Error, Limit)
	}
	for _, n := range []int{200, 100_000, 500_000} {
		check(count("records", n), func() []byte {
			list := make([]record, n+1)
			for i := range list {
				list[i] = record{kNull, 0, 0, 0}
			}
			list[0] = record{kList, 0, uint32(n), uint64(n + 1)}
			return table(nil, list...)
		}, Limit)
	}
	check("heap", func() []byte { return table(make([]byte, 3<<20), record{kBytes, 1, 3 << 20, 0}) }, Limit)
	check("payload", func() []byte { // every record is the same megabyte: 1 KiB that becomes 1 GiB
		list := []record{{kList, 0, 120, 121}}
		for range 120 {
			list = append(list, record{kBytes, 1, 1 << 20, 0})
		}
		return table(make([]byte, 1<<20), list...)
	}, Limit)
	check("key-set", func() []byte { // keys in an order that takes a set to hold them against each other
		list := []record{{kMap, 0, 60, 121}}
		for i := range 60 {
			list = append(list, record{kString, 0, uint32(block) - uint32(i%20), uint64(i % 3)}, record{kNull, 0, 0, 0})
		}
		return table(nil, list...)
	}, OK, Error, Limit)
}
