package table

import (
	"bytes"
	"errors"
	"testing"

	"github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/ipld/go-ipld-prime/node/basicnode"

	"github.com/iprt/iprt/abi"
)

// FuzzTable parses arbitrary bytes.
func FuzzTable(f *testing.F) {
	for _, n := range []datamodel.Node{mapNode(12), mixedList(3), basicnode.NewUint(1 << 63)} {
		b := must(Build(n))
		f.Add(b, []byte("block"))
	}
	f.Add(raw{records: [][]byte{list(2, 3), rec(abi.KindNint, 0, 0, 1<<64-1), rec(abi.KindString, 0, 2, 1)}}.bytes(), []byte("block"))
	f.Add(raw{records: [][]byte{bmap(0, 2, 5), str(1, 1), u(1), str(1, 0), u(1)}, heap: []byte("ab")}.bytes(), []byte{})
	f.Fuzz(checkParse)
}

// FuzzRecords makes each record of three bytes, within small ranges, so that most tables are nearly right.
func FuzzRecords(f *testing.F) {
	kind := func(k abi.Kind, flags byte) byte { return byte(k) | flags<<4 }
	f.Add([]byte{kind(abi.KindList, 0), 2, 3, kind(abi.KindUint, 0), 0, 7, kind(abi.KindString, 1), 3, 2})
	f.Add([]byte{kind(abi.KindMap, 2), 2, 5, kind(abi.KindString, 0), 1, 0, kind(abi.KindNull, 0), 0, 0, kind(abi.KindString, 0), 2, 0, kind(abi.KindLink, 1), 36, 0})
	f.Add([]byte{kind(abi.KindMap, 0), 2, 5, kind(abi.KindString, 0), 1, 4, kind(abi.KindNull, 0), 0, 0, kind(abi.KindString, 0), 1, 1, kind(abi.KindBool, 0), 0, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		r := raw{heap: []byte(cidv1 + cidv0 + "text \u00e9")}
		for ; len(b) >= 3; b = b[3:] {
			r.records = append(r.records, rec(abi.Kind(b[0]&15), b[0]>>4, uint32(b[1]), uint64(b[2])))
		}
		checkParse(t, r.bytes(), []byte("the block, \u00e9"))
	})
}

// checkParse compares Parse with the reference in package abi. What is accepted is walked whole, and must come back unchanged through Build,
// which makes the same of the view and of a copy.
func checkParse(t *testing.T, b, block []byte) {
	block = append([]byte{}, block...) // never nil, which abi takes for an encode table
	tab, err := Parse(b, block, Limits{})
	if ref := abi.CheckTable(b, block); (ref == nil) != (err == nil) {
		t.Fatalf("the reference says %v, Parse says %v", ref, err)
	}
	if err != nil {
		var te *Error
		if !errors.As(err, &te) || te.Record < -1 || te.Reason == "" {
			t.Fatalf("%T %v", err, err)
		}
		return
	}
	if n := walk(t, tab.Root()); n != tab.Len() {
		t.Fatalf("walked %d records of %d", n, tab.Len())
	}
	_, _ = tab.Links()
	built, err := Build(tab.Root())
	if err != nil {
		t.Fatalf("build: %v", err)
	}
	nb := basicnode.Prototype.Any.NewBuilder()
	var re *RangeError
	switch err := tab.Assemble(nb); {
	case err != nil && !errors.As(err, &re):
		t.Fatalf("assemble: %v", err)
	case err == nil && len(built) < shareFrom && !bytes.Equal(must(Build(nb.Build())), built):
		t.Fatal("the view and a copy of it are built to different tables")
	}
	if err := abi.CheckTable(built, nil); err != nil {
		t.Fatalf("the reference refuses what was built: %v", err)
	}
	again, err := Parse(built, make([]byte, len(built)), Limits{})
	if err != nil {
		t.Fatalf("parse of what was built: %v", err)
	}
	if rebuilt := must(Build(again.Root())); !bytes.Equal(rebuilt, built) {
		t.Fatal("a second round changes the table")
	}
}

// walk reads everything below n, in both ways there are to reach a child, and counts records.
func walk(t *testing.T, n datamodel.Node) int {
	count := 1
	switch n.Kind() {
	case datamodel.Kind_Map:
		seen := int64(0)
		for it := n.MapIterator(); !it.Done(); seen++ {
			k, v, err := it.Next()
			if err != nil {
				t.Fatal(err)
			}
			found, err := n.LookupByNode(k)
			if err != nil || found != v {
				t.Fatalf("look-up of a key finds another node: %v", err)
			}
			count += 1 + walk(t, v)
		}
		if seen != n.Length() {
			t.Fatalf("%d entries of %d", seen, n.Length())
		}
	case datamodel.Kind_List:
		for it := n.ListIterator(); !it.Done(); {
			i, v, err := it.Next()
			if err != nil {
				t.Fatal(err)
			}
			if found, err := n.LookupByIndex(i); err != nil || found != v {
				t.Fatalf("look-up of item %d finds another node: %v", i, err)
			}
			count += walk(t, v)
		}
	case datamodel.Kind_Link:
		if _, err := n.AsLink(); err != nil {
			t.Fatal(err)
		}
	case datamodel.Kind_Int:
		if _, err := BigInt(n); err != nil {
			t.Fatal(err)
		}
	case datamodel.Kind_Invalid:
		t.Fatal("a node of no kind")
	}
	return count
}

// FuzzCID compares the check of links with cid.Cast.
func FuzzCID(f *testing.F) {
	for _, s := range []string{"", cidv0, cidv1, cidv0 + "x", "\x01\x55\x00\x00", "\x01\x80\x00\x00\x00", "\x12\x20", "\x01\x55\x12\xff\xff\xff\xff\x0f"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := cid.Cast(b)
		if (err == nil) != (checkCID(b) == "") {
			t.Fatalf("%x: cid.Cast says %v, checkCID says %q", b, err, checkCID(b))
		}
		if err == nil && c.KeyString() != string(b) {
			t.Fatalf("%x is encoded again as %x", b, c.KeyString())
		}
	})
}
