package abi

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func finish(t *testing.T, build func(w *TableWriter)) []byte {
	t.Helper()
	var w TableWriter
	build(&w)
	table, err := w.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func TestWriterMakesValidTables(t *testing.T) {
	block := []byte("key\x01\x55\x12\x00")
	table := finish(t, func(w *TableWriter) {
		w.BeginMap(MapLengthFirst)
		w.String("a")
		w.BeginList()
		w.Null()
		w.Bool(true)
		w.Int(-1)
		w.Int(math.MinInt64)
		w.Uint(math.MaxUint64)
		w.NegInt(math.MaxUint64)
		w.Float(math.Float64frombits(0xfff8000000000123))
		w.BytesRef(0, 0)
		w.LinkRef(3, 4)
		w.Link(block[3:])
		w.End()
		w.StringRef(0, 3)
		w.BeginMap(MapUnordered)
		w.End()
		w.End()
	})
	if err := CheckTable(table, block); err != nil {
		t.Fatal(err)
	}
	r, err := NewTableReader(table, block)
	if err != nil {
		t.Fatal(err)
	}
	want := []Record{
		{KindMap, uint8(MapLengthFirst), 2, 15},
		{KindString, FlagHeap, 1, 0},
		{KindList, 0, 10, 13},
		{KindNull, 0, 0, 0},
		{KindBool, 0, 0, 1},
		{KindNint, 0, 0, 0},
		{KindNint, 0, 0, math.MaxInt64},
		{KindUint, 0, 0, math.MaxUint64},
		{KindNint, 0, 0, math.MaxUint64},
		{KindFloat, 0, 0, CanonicalNaN},
		{KindBytes, 0, 0, 0},
		{KindLink, 0, 4, 3},
		{KindLink, FlagHeap, 4, 1},
		{KindString, 0, 3, 0},
		{KindMap, 0, 0, 15},
	}
	if r.Len() != len(want) {
		t.Fatalf("%d records, expected %d", r.Len(), len(want))
	}
	for i, rec := range want {
		if got, err := r.At(i); err != nil || got != rec {
			t.Errorf("record %d is %+v (%v), expected %+v", i, got, err, rec)
		}
	}
}

func TestWriterKeepsFirstMistake(t *testing.T) {
	for _, tt := range []struct {
		name   string
		build  func(w *TableWriter)
		status Status
		text   string
	}{
		{"empty", func(*TableWriter) {}, StatusInvalid, "empty"},
		{"two roots", func(w *TableWriter) { w.Null(); w.Null() }, StatusInvalid, "more than one root"},
		{"open", func(w *TableWriter) { w.BeginList() }, StatusInvalid, "still open"},
		{"end without begin", func(w *TableWriter) { w.End() }, StatusInvalid, "End without Begin"},
		{"end after root", func(w *TableWriter) { w.Null(); w.End() }, StatusInvalid, "End without Begin"},
		{"key of another kind", func(w *TableWriter) { w.BeginMap(0); w.Uint(1) }, StatusInvalid, "uint, not a string"},
		{"key is a list", func(w *TableWriter) { w.BeginMap(0); w.BeginList() }, StatusInvalid, "list, not a string"},
		{"key without value", func(w *TableWriter) { w.BeginMap(0); w.String("a"); w.End() }, StatusInvalid, "no value"},
		{"string", func(w *TableWriter) { w.String("\xff") }, StatusInvalid, "UTF-8"},
		{"negative offset", func(w *TableWriter) { w.StringRef(-1, 1) }, StatusInvalid, "outside"},
		{"negative length", func(w *TableWriter) { w.LinkRef(1, -1) }, StatusInvalid, "outside"},
		{"first of two", func(w *TableWriter) { w.BytesRef(-1, 1); w.String("\xff"); w.End() }, StatusInvalid, "outside"},
		{"too deep", func(w *TableWriter) {
			for range MaxDepth + 1 {
				w.BeginList()
			}
		}, StatusLimit, "deeper"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var w TableWriter
			tt.build(&w)
			_, err := w.Finish()
			if !errors.Is(err, tt.status) || !strings.Contains(err.Error(), tt.text) {
				t.Fatalf("got %v, expected %s with %q", err, tt.status, tt.text)
			}
			w.Reset()
			w.Bool(false)
			if _, err := w.Finish(); err != nil {
				t.Fatalf("after Reset: %v", err)
			}
		})
	}
}

func TestWriterReuse(t *testing.T) {
	var w TableWriter
	build := func() []byte {
		w.Reset()
		w.Grow(2, 3)
		w.BeginList()
		w.String("abc")
		w.End()
		table, err := w.Finish()
		if err != nil {
			t.Fatal(err)
		}
		return table
	}
	first := slices.Clone(build())
	for range 3 {
		if got := build(); !slices.Equal(got, first) {
			t.Fatalf("got %x, expected %x", got, first)
		}
	}
	if n := testing.AllocsPerRun(100, func() { build() }); n > 0 {
		t.Errorf("a reused writer allocates %v times", n)
	}
}

func TestReaderNeverPanics(t *testing.T) {
	good := finish(t, func(w *TableWriter) {
		w.BeginMap(MapUnordered)
		w.String("k")
		w.BeginList()
		w.Int(-5)
		w.BytesRef(1, 2)
		w.End()
		w.End()
	})
	block := []byte("block")
	rng := rand.New(rand.NewPCG(1, 2))
	valid := 0
	for range 20000 {
		table := slices.Clone(good)
		for range 1 + rng.IntN(3) {
			table[rng.IntN(len(table))] = byte(rng.Uint32())
		}
		table = table[:len(table)-rng.IntN(2)*rng.IntN(len(table))]
		if CheckTable(table, block) == nil {
			valid++
		}
		r, err := NewTableReader(table, block)
		if err != nil {
			continue
		}
		for i := -1; i <= r.Len(); i++ {
			rec, err := r.At(i)
			if err != nil {
				continue
			}
			if next, err := r.Next(i); err != nil || next <= i || next > r.Len() {
				t.Fatalf("record %d: next is %d, %v", i, next, err)
			}
			_, _ = r.Data(rec)
			_, _ = rec.Int()
		}
	}
	if valid == 0 || valid == 20000 {
		t.Errorf("%d of the mutations are valid, so they test nothing", valid)
	}
}

func TestRecordInt(t *testing.T) {
	for _, tt := range []struct {
		rec  Record
		want int64
		ok   bool
	}{
		{Record{Kind: KindUint, Value: math.MaxInt64}, math.MaxInt64, true},
		{Record{Kind: KindUint, Value: math.MaxInt64 + 1}, 0, false},
		{Record{Kind: KindNint, Value: 0}, -1, true},
		{Record{Kind: KindNint, Value: math.MaxInt64}, math.MinInt64, true},
		{Record{Kind: KindNint, Value: math.MaxInt64 + 1}, 0, false},
		{Record{Kind: KindBool, Value: 1}, 1, false},
	} {
		if got, ok := tt.rec.Int(); got != tt.want && tt.ok || ok != tt.ok {
			t.Errorf("%+v gives %d, %t", tt.rec, got, ok)
		}
	}
}

func TestKeyOrder(t *testing.T) {
	for _, tt := range []struct {
		keys []string
		want MapOrder
	}{
		{nil, MapLengthFirst},
		{[]string{"b", "aa"}, MapLengthFirst},
		{[]string{"aa", "b"}, MapBytewise},
		{[]string{"a", "b"}, MapLengthFirst},
		{[]string{"a", "a"}, MapUnordered},
		{[]string{"b", "aa", "a"}, MapUnordered},
	} {
		var keys [][]byte
		for _, k := range tt.keys {
			keys = append(keys, []byte(k))
		}
		if got := KeyOrder(keys); got != tt.want {
			t.Errorf("%q: got %d, expected %d", tt.keys, got, tt.want)
		}
	}
}

// FuzzTable: whatever the checker accepts, a reader walks from end to end.
func FuzzTable(f *testing.F) {
	for _, build := range []func(w *TableWriter){
		func(w *TableWriter) { w.Null() },
		func(w *TableWriter) { w.BeginMap(MapBytewise); w.String("a"); w.Float(1); w.End() },
		func(w *TableWriter) { w.BeginList(); w.StringRef(0, 2); w.Link([]byte{1, 0x55, 0, 0}); w.End() },
	} {
		var w TableWriter
		build(&w)
		table, err := w.Finish()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(table, []byte("hi"))
	}
	f.Fuzz(func(t *testing.T, table, block []byte) {
		if block == nil {
			block = []byte{}
		}
		if err := CheckTable(table, block); err != nil {
			if !errors.Is(err, StatusInvalid) && !errors.Is(err, StatusLimit) {
				t.Fatal(err)
			}
			return
		}
		r, err := NewTableReader(table, block)
		if err != nil {
			t.Fatal(err)
		}
		if next, err := r.Next(0); err != nil || next != r.Len() {
			t.Fatalf("the root ends at %d of %d: %v", next, r.Len(), err)
		}
		for i := range r.Len() {
			rec, err := r.At(i)
			if err != nil {
				t.Fatal(err)
			}
			if rec.Kind == KindString || rec.Kind == KindBytes || rec.Kind == KindLink {
				if _, err := r.Data(rec); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}
