package codectest_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/iprt/iprt/abi"
)

// rec is a record of a table made by hand, right or wrong.
type rec struct {
	kind  abi.Kind
	flags uint8
	n     uint32
	v     uint64
}

// handTable is the table of these records and this heap.
func handTable(heap string, recs ...rec) []byte {
	le := binary.LittleEndian
	t := make([]byte, abi.TableHeaderSize+abi.RecordSize*len(recs))
	le.PutUint32(t[abi.TableMagicAt:], abi.TableMagic)
	le.PutUint32(t[abi.TableRecordsAt:], uint32(len(recs)))
	le.PutUint32(t[abi.TableRecordsOffAt:], abi.TableHeaderSize)
	le.PutUint32(t[abi.TableHeapOffAt:], uint32(len(t)))
	le.PutUint32(t[abi.TableHeapLenAt:], uint32(len(heap)))
	for i, r := range recs {
		b := t[abi.TableHeaderSize+abi.RecordSize*i:]
		b[abi.RecordKindAt], b[abi.RecordFlagsAt] = byte(r.kind), r.flags
		le.PutUint32(b[abi.RecordNAt:], r.n)
		le.PutUint64(b[abi.RecordValueAt:], r.v)
	}
	return append(t, heap...)
}

// mapTable is the table of a map with these keys, each with the value 0.
func mapTable(t testing.TB, order abi.MapOrder, keys ...string) []byte {
	t.Helper()
	recs, heap := []rec{{abi.KindMap, uint8(order), uint32(len(keys)), uint64(1 + 2*len(keys))}}, strings.Builder{}
	for _, k := range keys {
		recs = append(recs, rec{abi.KindString, abi.FlagHeap, uint32(len(k)), uint64(heap.Len())}, rec{kind: abi.KindUint})
		heap.WriteString(k)
	}
	return handTable(heap.String(), recs...)
}

// TestDagCBORSorts: whatever the order of a map, it goes out length first.
func TestDagCBORSorts(t *testing.T) {
	c := open(t, "dag-cbor")
	for _, tc := range []struct {
		name  string
		order abi.MapOrder
		keys  []string
		want  string
	}{
		{"empty", abi.MapUnordered, nil, "a0"},
		{"one", abi.MapUnordered, []string{"a"}, "a1 6161 00"},
		{"in order", abi.MapLengthFirst, []string{"b", "aa"}, "a2 6162 00 626161 00"},
		{"bytewise", abi.MapBytewise, []string{"aa", "b"}, "a2 6162 00 626161 00"},
		{"unordered", abi.MapUnordered, []string{"c", "b", "", "aaa", "aa", "a"}, "a6 60 00 6161 00 6162 00 6163 00 626161 00 63616161 00"},
		{"in order, not promised", abi.MapUnordered, []string{"a", "b"}, "a2 6161 00 6162 00"},
		{"by unsigned bytes", abi.MapUnordered, []string{"é", "zz"}, "a2 627a7a 00 62c3a9 00"},
		{"by byte 9", abi.MapUnordered, []string{"aaaaaaaab", "aaaaaaaaa"}, "a2 69616161616161616161 00 69616161616161616162 00"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := c.EncodeTable(t.Context(), mapTable(t, tc.order, tc.keys...))
			if err != nil || !bytes.Equal(got, unhex(t, tc.want)) {
				t.Errorf("got %x, %v\nexpected %x", got, err, unhex(t, tc.want))
			}
		})
	}
}

// TestDagCBORSortsNested sorts maps in maps, where the sorted entries carry whole subtrees along.
func TestDagCBORSortsNested(t *testing.T) {
	var w abi.TableWriter
	w.BeginMap(abi.MapUnordered)
	w.String("z")
	w.BeginMap(abi.MapUnordered)
	w.String("y")
	w.BeginList()
	w.Int(1)
	w.BeginMap(abi.MapBytewise)
	w.String("aa")
	w.Null()
	w.String("b")
	w.Bool(true)
	w.End()
	w.End()
	w.String("x")
	w.Int(-1)
	w.End()
	w.String("a")
	w.BeginList()
	w.End()
	w.End()
	table, err := w.Finish()
	if err != nil {
		t.Fatal(err)
	}
	got, err := open(t, "dag-cbor").EncodeTable(t.Context(), table)
	want := unhex(t, "a2 6161 80 617a a2 6178 20 6179 82 01 a2 6162 f5 626161 f6")
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("got %x, %v\nexpected %x", got, err, want)
	}
}

// TestEncodeRefuses gives the encoders what they cannot express, and tables that no host lets through.
func TestEncodeRefuses(t *testing.T) {
	const (
		noTable  = "offset 0: not a token table"
		differ   = "record 0: count and end index disagree"
		badEnd   = "record 0: end index out of bounds"
		outside  = "record 0: data outside the heap"
		expected = "record 1: expected key and value"
	)
	heapString := func(n uint32, v uint64) rec { return rec{abi.KindString, abi.FlagHeap, n, v} }
	float := func(f float64) []byte { return handTable("", rec{kind: abi.KindFloat, v: math.Float64bits(f)}) }
	null := rec{kind: abi.KindNull}
	codecs := openAll(t)
	for _, tc := range []struct {
		codec, name string
		table       []byte
		text        string
	}{
		{"dag-cbor", "NaN", float(math.NaN()), "record 0: float is NaN or infinite"},
		{"dag-cbor", "infinity", float(math.Inf(1)), "record 0: float is NaN or infinite"},
		{"dag-cbor", "-infinity", float(math.Inf(-1)), "record 0: float is NaN or infinite"},
		{"dag-cbor", "duplicate keys", mapTable(t, abi.MapUnordered, "b", "a", "b"), "record 5: duplicate map key"},
		{"dag-cbor", "duplicate keys, in order", mapTable(t, abi.MapLengthFirst, "a", "a"), "record 3: duplicate map key"},
		{"dag-cbor", "broken promise", mapTable(t, abi.MapLengthFirst, "b", "a"), "record 3: keys out of order"},
		{"bencode", "null", handTable("", null), "record 0: bencode has no null"},
		{"bencode", "bool", handTable("", rec{kind: abi.KindBool, v: 1}), "record 0: bencode has no bool"},
		{"bencode", "float", float(1), "record 0: bencode has no float"},
		{"bencode", "link", handTable("\x01\x55\x00\x00", rec{abi.KindLink, abi.FlagHeap, 4, 0}), "record 0: bencode has no link"},
		{"bencode", "null in a list", handTable("", rec{abi.KindList, 0, 1, 2}, null), "record 1: bencode has no null"},
		{"bencode", "duplicate keys", mapTable(t, abi.MapUnordered, "b", "a", "b"), "record 5: duplicate map key"},
		{"bencode", "broken promise", mapTable(t, abi.MapBytewise, "b", "a"), "record 3: keys out of order"},
		{"bencode", "key is an integer that points far away", handTable("", rec{abi.KindMap, 1, 2, 5}, rec{abi.KindUint, 0, 9, 1<<32 - 1}, null, null, null), expected},
		{"raw", "string", handTable("a", heapString(1, 0)), "record 0: raw holds bytes, not string"},
		{"raw", "map", mapTable(t, abi.MapUnordered), "record 0: raw holds bytes, not map"},
		{"raw", "integer", handTable("", rec{kind: abi.KindNint}), "record 0: raw holds bytes, not integer"},
		{"raw", "no table", nil, noTable},

		{"dag-cbor", "nothing", nil, noTable},
		{"dag-cbor", "not a table", make([]byte, 48), noTable},
		{"dag-cbor", "no records", handTable(""), differ},
		{"dag-cbor", "two roots", handTable("", null, null), differ},
		{"dag-cbor", "kind 0", handTable("", rec{}), "record 0: unknown kind"},
		{"dag-cbor", "kind 11", handTable("", rec{kind: 11}), "record 0: unknown kind"},
		{"dag-cbor", "data in the block", handTable("a", rec{abi.KindString, 0, 1, 0}), outside},
		{"dag-cbor", "data past the heap", handTable("a", heapString(2, 0)), outside},
		{"dag-cbor", "data far past the heap", handTable("a", heapString(1, 1<<32)), outside},
		{"dag-cbor", "data that wraps", handTable("a", heapString(math.MaxUint32, 1)), outside},
		{"dag-cbor", "not UTF-8", handTable("\xff", heapString(1, 0)), "record 0: string is not valid UTF-8"},
		{"dag-cbor", "not a CID", handTable("\x01", rec{abi.KindLink, abi.FlagHeap, 1, 0}), "record 0: link is not a CID"},
		{"dag-cbor", "end before itself", handTable("", rec{abi.KindList, 0, 0, 0}), badEnd},
		{"dag-cbor", "end past the table", handTable("", rec{abi.KindList, 0, 0, 2}), badEnd},
		{"dag-cbor", "too few items", handTable("", rec{abi.KindList, 0, 2, 2}, null), differ},
		{"dag-cbor", "too many items", handTable("", rec{abi.KindList, 0, 0, 2}, null), differ},
		{"dag-cbor", "inner end past the outer", handTable("", rec{abi.KindList, 0, 1, 2}, rec{abi.KindList, 0, 1, 3}, null), differ},
		{"dag-cbor", "key without a value", handTable("a", rec{abi.KindMap, 2, 1, 2}, heapString(1, 0)), expected},
		{"dag-cbor", "key is no string", handTable("a", rec{abi.KindMap, 2, 1, 3}, null, null), expected},
		{"dag-cbor", "unsorted key is no string", handTable("a", rec{abi.KindMap, 0, 2, 5}, heapString(1, 0), null, null, null), differ},
		{"dag-cbor", "unsorted, too few entries", handTable("a", rec{abi.KindMap, 0, 2, 3}, heapString(1, 0), null), differ},
		{"dag-cbor", "unsorted, too many entries", handTable("ab", rec{abi.KindMap, 0, 2, 7}, heapString(1, 0), null, heapString(1, 1), null, heapString(1, 0), null), differ},
		{"dag-cbor", "unsorted, end past the outer", handTable("a", rec{abi.KindList, 0, 1, 2}, rec{abi.KindMap, 0, 1, 4}, heapString(1, 0), null), differ},
	} {
		t.Run(tc.codec+"/"+tc.name, func(t *testing.T) {
			_, err := codecs[tc.codec].EncodeTable(t.Context(), tc.table)
			wantRefused(t, err, abi.StatusInvalid, tc.text)
		})
	}
}

// TestEncodeSurvivesNoise mutates good tables in every way that a seed finds: a status or a block, never a trap.
func TestEncodeSurvivesNoise(t *testing.T) {
	good := mapTable(t, abi.MapUnordered, "c", "bb", "", "a", "\x00ff", "\x000001")
	rng := rand.New(rand.NewPCG(1, 2))
	for _, name := range []string{"dag-cbor", "bencode"} {
		c := open(t, name)
		encoded := 0
		for range 5000 {
			table := bytes.Clone(good)
			for range 1 + rng.IntN(3) {
				at := abi.TableHeaderSize + rng.IntN(len(table)-abi.TableHeaderSize)
				table[at] = byte(rng.Uint32() >> rng.IntN(32))
			}
			if _, err := c.EncodeTable(t.Context(), table); err == nil {
				encoded++
			} else if !isRefusal(err) {
				t.Fatalf("%s: %x: %v", name, table, err)
			}
		}
		if encoded == 0 {
			t.Errorf("%s: no mutation was encoded", name)
		}
	}
}

// TestSortIsNotQuadratic sorts a hundred thousand keys in the orders that break bad sorts.
func TestSortIsNotQuadratic(t *testing.T) {
	const n = 100_000
	codecs := openAll(t)
	for _, order := range []struct {
		name string
		key  func(i int) int
	}{
		{"ascending", func(i int) int { return i }},
		{"descending", func(i int) int { return n - 1 - i }},
		{"organ pipe", func(i int) int {
			if i < n/2 {
				return 2 * i
			}
			return 2*(n-1-i) + 1
		}},
		{"interleaved", func(i int) int { return i%2*n/2 + i/2 }},
	} {
		keys := make([]string, n)
		for i := range keys {
			keys[i] = fmt.Sprintf("%06d", order.key(i))
		}
		table := mapTable(t, abi.MapUnordered, keys...)
		for _, name := range []string{"dag-cbor", "bencode"} {
			t.Run(name+"/"+order.name, func(t *testing.T) {
				// Twenty comparisons an entry take 30 ms; n² of them would take minutes.
				if _, err := codecs[name].EncodeTable(t.Context(), table); err != nil {
					t.Error(err)
				}
			})
		}
	}
}
