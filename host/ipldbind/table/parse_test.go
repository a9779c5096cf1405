package table

import (
	"errors"
	"strings"
	"testing"

	"github.com/iprt/iprt/abi"
)

// cidv1 is a raw sha2-256 CID of 36 bytes; cidv0 is the multihash in it.
var (
	cidv1 = "\x01\x55\x12\x20" + strings.Repeat("\xaa", 32)
	cidv0 = cidv1[2:]
)

// TestParse has a case for each rule of the format. An empty want accepts.
func TestParse(t *testing.T) {
	block := []byte("block")
	one := raw{records: [][]byte{u(1)}}.bytes()
	withHeap := raw{records: [][]byte{str(4, 0)}, heap: []byte("heap")}.bytes()
	records := func(heap string, recs ...[]byte) []byte { return raw{records: recs, heap: []byte(heap)}.bytes() }
	null := rec(abi.KindNull, 0, 0, 0)
	tests := []struct {
		name   string
		table  []byte
		want   string
		record int
	}{
		{"uint", one, "", 0},
		{"string in the heap", withHeap, "", 0},
		{"string in the block", records("", rec(abi.KindString, 0, 5, 0)), "", 0},
		{"empty string at the end", records("", rec(abi.KindString, 0, 0, 5)), "", 0},
		{"every scalar in a list", records("", list(6, 7), null, rec(abi.KindBool, 0, 0, 1), u(1<<64-1),
			rec(abi.KindNint, 0, 0, 1<<64-1), rec(abi.KindFloat, 0, 0, abi.CanonicalNaN), rec(abi.KindBytes, 0, 3, 2)), "", 0},
		{"links", records(cidv1+cidv0, list(2, 3), lnk(36, 0), lnk(34, 36)), "", 0},
		{"nested empty containers", records("", list(2, 4), list(1, 3), bmap(0, 0, 3), bmap(2, 0, 4)), "", 0},
		{"gap before records and heap", append(patch(patch(patch(withHeap, abi.TableRecordsOffAt, 64), abi.TableHeapOffAt, 81), 40, 9),
			append(append(make([]byte, 12), str(4, 0)...), "-heap"...)...), "", 0},
		{"heap before records", patch(patch(patch(append(one[:abi.TableHeaderSize:abi.TableHeaderSize], append([]byte("heap    "), str(4, 0)...)...),
			abi.TableRecordsOffAt, 40), abi.TableHeapOffAt, 32), abi.TableHeapLenAt, 4), "", 0},

		{"empty", nil, "fewer than the 32", -1},
		{"cut header", one[:31], "fewer than the 32", -1},
		{"magic", patch(one, abi.TableMagicAt, 1), "magic", -1},
		{"flags", patch(one, abi.TableFlagsAt, 1), "unknown flags", -1},
		{"reserved 0", patch(one, abi.TableReserved0At, 1), "reserved", -1},
		{"reserved 1", patch(one, abi.TableReserved1At, 1), "reserved", -1},
		{"no records", patch(one, abi.TableRecordsAt, 0), "no records", -1},
		{"more records than there are", patch(one, abi.TableRecordsAt, 2), "not inside", -1},
		{"2^32-1 records", patch(one, abi.TableRecordsAt, 1<<32-1), "not inside", -1},
		{"records over the header", patch(one, abi.TableRecordsOffAt, 24), "not inside", -1},
		{"records unaligned", patch(append(one, 0, 0, 0, 0, 0, 0, 0, 0), abi.TableRecordsOffAt, 36), "not inside", -1},
		{"records wrap", patch(one, abi.TableRecordsOffAt, 1<<32-8), "not inside", -1},
		{"heap outside", patch(withHeap, abi.TableHeapOffAt, 49), "not inside", -1},
		{"heap wraps", patch(withHeap, abi.TableHeapOffAt, 1<<32-2), "not inside", -1},
		{"heap over the header", patch(withHeap, abi.TableHeapOffAt, 28), "not inside", -1},
		{"heap over the records", patch(withHeap, abi.TableHeapOffAt, 47), "overlaps", -1},
		{"2^30 bytes of heap", patch(withHeap, abi.TableHeapLenAt, 1<<30), "not inside", -1},
		{"heap too large for the block", raw{records: [][]byte{u(1)}, heap: make([]byte, 1<<20+16*5+1)}.bytes(), "1048656 allowed for a block of 5", -1},
		{"too many records for the block", raw{records: manyNulls(64 + 4*5)}.bytes(), "84 allowed for a block of 5", -1},

		{"kind 0", records("", rec(0, 0, 0, 0)), "unknown kind 0", 0},
		{"kind 11", records("", rec(11, 0, 0, 0)), "unknown kind 11", 0},
		{"reserved bytes", patch(one, 32, uint32(abi.KindUint)|1<<16), "reserved", 0},
		{"flags of a scalar", records("", rec(abi.KindUint, 1, 0, 1)), "unknown flags", 0},
		{"length of a scalar", records("", rec(abi.KindBool, 0, 1, 1)), "length 1", 0},
		{"value of null", records("", rec(abi.KindNull, 0, 0, 1)), "null has value", 0},
		{"bool of 2", records("", rec(abi.KindBool, 0, 0, 2)), "not 0 or 1", 0},
		{"other NaN", records("", rec(abi.KindFloat, 0, 0, abi.CanonicalNaN+1)), "NaN", 0},
		{"negative NaN", records("", rec(abi.KindFloat, 0, 0, 0xfff8<<48)), "NaN", 0},
		{"flags of a string", records("", rec(abi.KindString, 2, 0, 0)), "unknown flags", 0},
		{"string past the block", records("", rec(abi.KindString, 0, 5, 1)), "outside the 5 bytes of the block", 0},
		{"string past the heap", records("heap", str(1, 4)), "outside the 4 bytes of the heap", 0},
		{"offset above 32 bits", records("heap", str(1, 1<<32)), "outside", 0},
		{"offset that wraps", records("heap", str(2, 1<<64-1)), "outside", 0},
		{"bad UTF-8", records("\xff", str(1, 0)), "UTF-8", 0},
		{"surrogate", records("\xed\xa0\x80", str(3, 0)), "UTF-8", 0},
		{"cut CID", records(cidv1, lnk(35, 0)), "CID", 0},
		{"CID with a tail", records(cidv1+"x", lnk(37, 0)), "CID", 0},
		{"CIDv0 with a tail", records(cidv0+"x", lnk(35, 0)), "CIDv0", 0},
		{"CID of version 2", records("\x02"+cidv1[1:], lnk(36, 0)), "version", 0},
		{"empty link", records(cidv1, lnk(0, 0)), "CID", 0},

		{"two roots", records("", u(1), u(2)), "follows the end", 1},
		{"list ends early", records("", list(1, 1)), "1 children do not fit", 0},
		{"list that ends at itself", records("", list(0, 0)), "end index 0", 0},
		{"list past the table", records("", list(1, 3), null), "end index 3", 0},
		{"list with 64-bit end", records("", list(1, 1<<32|2), null), "end index", 0},
		{"list past its parent", records("", list(1, 3), list(1, 4), null, null), "end index 4 is not within", 1},
		{"child past its parent", records("", list(2, 4), list(1, 4), null, null), "its 1 entries end at record 3", 1},
		{"count over its end", records("", list(2, 2), null), "2 children do not fit", 0},
		{"map count that wraps", records("", bmap(0, 1<<31, 2), null), "do not fit", 0},
		{"end after its children", records("", list(1, 3), null, null), "its 1 entries end at record 2", 0},
		{"count of 0 before an end", records("", list(0, 2), null), "its 0 entries", 0},
		{"container cut off", records("", list(3, 4), list(2, 4), null, null), "ends before", 0},
		{"flags of a list", records("", rec(abi.KindList, 1, 0, 1)), "unknown flags", 0},
		{"order 3", records("", bmap(3, 0, 1)), "unknown flags", 0},
		{"key that is no string", records("", bmap(0, 1, 3), u(1), u(2)), "map key has kind 3", 1},
		{"key that is a list", records("", bmap(0, 1, 3), list(0, 2), u(2)), "map key has kind 9", 1},

		{"bytewise", records("abb", bmap(1, 2, 5), str(1, 0), null, str(2, 1), null), "", 0},
		{"bytewise broken", records("ab", bmap(1, 2, 5), str(1, 1), null, str(1, 0), null), "bytewise", 3},
		{"bytewise duplicate", records("a", bmap(1, 2, 5), str(1, 0), null, str(1, 0), null), "bytewise", 3},
		{"bytewise length-first", records("aab", bmap(1, 2, 5), str(1, 2), null, str(2, 0), null), "bytewise", 3},
		{"length-first", records("aab", bmap(2, 2, 5), str(1, 2), null, str(2, 0), null), "", 0},
		{"length-first broken", records("ab", bmap(2, 2, 5), str(2, 0), null, str(1, 0), null), "length-first", 3},
		{"length-first duplicate", records("a", bmap(2, 2, 5), str(1, 0), null, str(1, 0), null), "length-first", 3},
		{"unordered", records("ab", bmap(0, 2, 5), str(1, 1), null, str(1, 0), null), "", 0},
		{"unordered duplicate", records("ab", bmap(0, 3, 7), str(1, 1), null, str(1, 0), null, str(1, 1), null), "twice", 5},
		{"unordered duplicate neighbours", records("a", bmap(0, 2, 5), str(1, 0), null, str(1, 0), null), "twice", 3},
		{"duplicate of a key before a nested map", records("ab", bmap(0, 3, 11),
			str(1, 1), bmap(0, 2, 7), str(1, 1), null, str(1, 0), null, str(1, 0), null, str(1, 1), null), "twice", 9},
		{"same key in a nested map", records("a", bmap(0, 1, 5), str(1, 0), bmap(0, 1, 5), str(1, 0), null), "", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse(tt.table, block, Limits{})
			if tt.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			var te *Error
			if !errors.As(err, &te) {
				t.Fatalf("got %v, want an error with %q", err, tt.want)
			}
			if !strings.Contains(te.Reason, tt.want) || te.Record != tt.record {
				t.Errorf("got record %d: %s; want record %d: … %s …", te.Record, te.Reason, tt.record, tt.want)
			}
		})
	}
}

// manyNulls is a list of n nulls: n+1 records.
func manyNulls(n uint32) [][]byte {
	recs := [][]byte{list(n, uint64(n)+1)}
	for range n {
		recs = append(recs, rec(abi.KindNull, 0, 0, 0))
	}
	return recs
}

// nested is depth lists, one inside the other.
func nested(depth uint32) []byte {
	var recs [][]byte
	for i := range depth {
		n := uint32(1)
		if i == depth-1 {
			n = 0
		}
		recs = append(recs, list(n, uint64(depth)))
	}
	return raw{records: recs}.bytes()
}

func TestParseDepth(t *testing.T) {
	block := make([]byte, 300)
	if _, err := Parse(nested(abi.MaxDepth), block, Limits{}); err != nil {
		t.Errorf("depth %d: %v", abi.MaxDepth, err)
	}
	if _, err := Parse(nested(abi.MaxDepth+1), block, Limits{}); err == nil {
		t.Errorf("depth %d was accepted", abi.MaxDepth+1)
	}
}

func TestParseConfiguredLimits(t *testing.T) {
	big := make([]byte, 1<<10)
	table := raw{records: manyNulls(100), heap: make([]byte, 100)}.bytes()
	for _, tt := range []struct {
		limits Limits
		ok     bool
	}{
		{Limits{}, true},
		{Limits{Records: 101, Heap: 100}, true},
		{Limits{Records: 100}, false},
		{Limits{Heap: 99}, false},
	} {
		if _, err := Parse(table, big, tt.limits); (err == nil) != tt.ok {
			t.Errorf("%+v: %v", tt.limits, err)
		}
	}
}

// TestParseAliasBomb is 4,096 byte strings that all are the same MiB of heap: 1 KiB of block that stands for 4 GiB.
func TestParseAliasBomb(t *testing.T) {
	block := make([]byte, 1<<10)
	heap := make([]byte, 1<<20)
	recs := [][]byte{list(4096, 4097)}
	for range 4096 {
		recs = append(recs, rec(abi.KindString, abi.FlagHeap, 1<<20, 0))
	}
	_, err := Parse(raw{records: recs, heap: heap}.bytes(), block, Limits{})
	if err == nil || !strings.Contains(err.Error(), "together") {
		t.Fatalf("got %v, want a refusal of the sum", err)
	}
}

// TestParseKeepsNothing overwrites the table after Parse, as a guest does with its next call.
func TestParseKeepsNothing(t *testing.T) {
	b := raw{records: [][]byte{str(4, 0)}, heap: []byte("heap")}.bytes()
	view, err := Parse(b, nil, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	clear(b)
	if s, err := view.Root().AsString(); s != "heap" || err != nil {
		t.Errorf("got %q, %v", s, err)
	}
}
