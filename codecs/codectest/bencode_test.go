package codectest_test

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/ipld/go-ipld-prime/fluent/qp"
	"github.com/ipld/go-ipld-prime/node/basicnode"
	"pgregory.net/rapid"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host/ipldbind/table"
)

// TestBencodeRejects is one block for every reason to refuse one.
func TestBencodeRejects(t *testing.T) {
	const (
		early    = "block ends too early"
		longer   = "longer than the rest of the block"
		noColon  = "length does not end in a colon"
		noDigits = "integer without digits"
		noEnd    = "integer does not end in e"
		zero     = "integer with a leading zero, or -0"
		range64  = "integer outside -2^64 to 2^64-1"
		expected = "expected a digit, i, l or d"
		unsorted = "keys not sorted"
	)
	c := open(t, "bencode")
	for _, tc := range []struct{ name, block, text string }{
		{"empty", "", "offset 0: " + early},
		{"two values", "i1ei2e", "offset 3: bytes after the end of the value"},
		{"line feed at the end", "i1e\n", "offset 3: bytes after the end of the value"},
		{"white space", " i1e", "offset 0: " + expected},
		{"end alone", "e", "offset 0: " + expected},
		{"unknown letter", "x", "offset 0: " + expected},
		{"upper case", "I1e", "offset 0: " + expected},

		{"i", "i", "offset 0: " + noDigits},
		{"ie", "ie", "offset 0: " + noDigits},
		{"i-e", "i-e", "offset 0: " + noDigits},
		{"i+1e", "i+1e", "offset 0: " + noDigits},
		{"i--1e", "i--1e", "offset 0: " + noDigits},
		{"i1", "i1", "offset 0: " + noEnd},
		{"i1.5e", "i1.5e", "offset 0: " + noEnd},
		{"i1-e", "i1-e", "offset 0: " + noEnd},
		{"i-0e", "i-0e", "offset 0: " + zero},
		{"i00e", "i00e", "offset 0: " + zero},
		{"i01e", "i01e", "offset 0: " + zero},
		{"i-01e", "i-01e", "offset 0: " + zero},
		{"2^64", "i18446744073709551616e", "offset 0: " + range64},
		{"2^64+4", "i18446744073709551620e", "offset 0: " + range64},
		{"-2^64-1", "i-18446744073709551617e", "offset 0: " + range64},
		{"-2^65", "i-36893488147419103232e", "offset 0: " + range64},
		{"-2^64*10", "i-184467440737095516160e", "offset 0: " + range64},
		{"10^40", "i1" + strings.Repeat("0", 40) + "e", "offset 0: " + range64},
		{"-10^40", "i-1" + strings.Repeat("0", 40) + "e", "offset 0: " + range64},

		{"no colon", "0", "offset 0: " + noColon},
		{"no colon in a list", "l1ae", "offset 1: " + noColon},
		{"other than colon", "0x", "offset 0: " + noColon},
		{"negative length", "-1:a", "offset 0: " + expected},
		{"leading zero", "01:a", "offset 0: length with a leading zero"},
		{"two zeros", "00:", "offset 0: length with a leading zero"},
		{"a byte short", "4:spa", "offset 0: " + longer},
		{"all short", "1:", "offset 0: " + longer},
		{"2^32", "4294967296:a", "offset 0: " + longer},
		{"2^64", "18446744073709551616:a", "offset 0: " + longer},
		{"2^32+1 in the list", "l4294967297:ae", "offset 1: " + longer},
		{"thousand digits", strings.Repeat("9", 1000) + ":", "offset 0: " + longer},

		{"open list", "l", "offset 1: " + early},
		{"open dictionary", "d", "offset 1: " + early},
		{"key alone", "d1:a", "offset 4: " + early},
		{"dictionary ends after a key", "d1:ae", "offset 4: dictionary ends after a key"},
		{"integer as key", "di1ei2ee", "offset 1: key is not a byte string"},
		{"list as key", "dlei2ee", "offset 1: key is not a byte string"},
		{"unsorted", "d1:bi1e1:ai2ee", "offset 7: " + unsorted},
		{"length-first, not bytewise", "d1:bi1e2:aai2ee", "offset 7: " + unsorted},
		{"prefix last", "d2:aai1e1:ai2ee", "offset 8: " + unsorted},
		{"unsorted in byte 9", "d9:aaaaaaaabi1e9:aaaaaaaaai2ee", "offset 15: " + unsorted},
		{"unsorted, not UTF-8", "d1:\xffi1e1:\xfei2ee", "offset 7: " + unsorted},
		{"duplicate", "d1:ai1e1:ai2ee", "offset 7: duplicate key"},
		{"duplicate empty", "d0:i1e0:i2ee", "offset 6: duplicate key"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := c.DecodeTable(t.Context(), []byte(tc.block))
			wantRefused(t, err, abi.StatusInvalid, tc.text)
			_, err = c.LinksTable(t.Context(), []byte(tc.block))
			wantRefused(t, err, abi.StatusInvalid, tc.text)
		})
	}
}

func TestBencodeIntegers(t *testing.T) {
	c := open(t, "bencode")
	for _, s := range []string{
		"0", "9", "10", "-1", "-9", "-10", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809",
		"18446744073709551609", "18446744073709551610", "18446744073709551615", "-18446744073709551615", "-18446744073709551616",
	} {
		block := []byte("i" + s + "e")
		n, err := c.Decode(t.Context(), block)
		if err != nil {
			t.Errorf("%s: %v", s, err)
			continue
		}
		if got, err := table.BigInt(n); err != nil || got.String() != s {
			t.Errorf("%s decodes to %v, %v", s, got, err)
		}
		if again, err := c.Encode(t.Context(), n); err != nil || !bytes.Equal(again, block) {
			t.Errorf("%s encodes to %s, %v", s, again, err)
		}
	}
}

// TestBencodeKeys: keys that are no strings are spelled in hexadecimal, and the promise of order ends there.
func TestBencodeKeys(t *testing.T) {
	c := open(t, "bencode")
	for _, tc := range []struct {
		block string
		keys  []string
		order abi.MapOrder
	}{
		{"de", nil, abi.MapBytewise},
		{"d0:0:e", []string{""}, abi.MapBytewise},
		{"d2:aa0:1:b0:e", []string{"aa", "b"}, abi.MapBytewise},
		{"d1:a0:2:\xc3\xa90:e", []string{"a", "é"}, abi.MapBytewise},
		{"d1:\x000:e", []string{"\x0000"}, abi.MapUnordered},
		{"d3:\x00ab0:e", []string{"\x00006162"}, abi.MapUnordered},
		{"d2:a\x000:e", []string{"a\x00"}, abi.MapBytewise},
		{"d1:\xff0:e", []string{"\x00ff"}, abi.MapUnordered},
		{"d0:0:1:\x000:1:a0:2:\xc3\x280:1:\xfe0:e", []string{"", "\x0000", "a", "\x00c328", "\x00fe"}, abi.MapUnordered},
		{"d4:\x00fff0:1:\xff0:e", []string{"\x0000666666", "\x00ff"}, abi.MapUnordered},
	} {
		block := []byte(tc.block)
		raw, err := c.DecodeTable(t.Context(), block)
		if err != nil {
			t.Errorf("%q: %v", tc.block, err)
			continue
		}
		if got := abi.MapOrder(raw[abi.TableHeaderSize+abi.RecordFlagsAt]); got != tc.order {
			t.Errorf("%q promises order %d, expected %d", tc.block, got, tc.order)
		}
		n, err := c.Decode(t.Context(), block)
		if err != nil {
			t.Errorf("%q: %v", tc.block, err)
			continue
		}
		if got := keysOf(t, n); !slices.Equal(got, tc.keys) {
			t.Errorf("%q has keys %q, expected %q", tc.block, got, tc.keys)
		}
		if again, err := c.Encode(t.Context(), n); err != nil || !bytes.Equal(again, block) {
			t.Errorf("%q encodes to %q, %v", tc.block, again, err)
		}
	}
}

func keysOf(t *testing.T, n datamodel.Node) []string {
	t.Helper()
	var keys []string
	for it := n.MapIterator(); !it.Done(); {
		k, _, err := it.Next()
		if err != nil {
			t.Fatal(err)
		}
		s, err := k.AsString()
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, s)
	}
	return keys
}

// TestBencodeEncodesKeys: maps from elsewhere go out sorted by the bytes that are written, or are refused.
func TestBencodeEncodesKeys(t *testing.T) {
	const notHex = ": key that begins with U+0000 is not the hexadecimal form of one that needs it"
	c := open(t, "bencode")
	for _, tc := range []struct {
		keys []string
		want string // the block, or the refusal
	}{
		{[]string{"b", "aa"}, "d2:aai0e1:bi0ee"},
		{[]string{"b", "\x00ff", "a"}, "d1:ai0e1:bi0e1:\xffi0ee"},
		{[]string{"\x00ff", "\x0000", "", "é"}, "d0:i0e1:\x00i0e2:éi0e1:\xffi0ee"},
		{[]string{"\x0000aa", "\x0000"}, "d1:\x00i0e2:\x00\xaai0ee"},
		{[]string{"", "\x0080", "\x01"}, "d0:i0e1:\x01i0e1:\x80i0ee"}, // the empty key sorts before the other form
		{[]string{"\x00"}, "record 1" + notHex},                       // the empty key needs no other form
		{[]string{"\x0061"}, "record 1" + notHex},                     // nor does "a"
		{[]string{"\x00c3a9"}, "record 1" + notHex},                   // nor "é"
		{[]string{"\x00f"}, "record 1" + notHex},                      // half a byte
		{[]string{"\x00FF"}, "record 1" + notHex},                     // upper case
		{[]string{"\x00fg"}, "record 1" + notHex},                     // no digit
		{[]string{"\x00\xc3\xa9"}, "record 1" + notHex},               // no digit either
		{[]string{"a", "\x00ffzz"}, "record 3" + notHex},              // behind others
		{[]string{"a", "b", "a"}, "record 5: duplicate map key"},
		{[]string{"\x00ff", "\x00ff"}, "record 3: duplicate map key"},
	} {
		for _, order := range []abi.MapOrder{abi.MapUnordered, abi.MapLengthFirst} {
			got, err := c.EncodeTable(t.Context(), mapTable(t, order, tc.keys...))
			if strings.HasPrefix(tc.want, "record") {
				wantRefused(t, err, abi.StatusInvalid, tc.want)
			} else if err != nil || string(got) != tc.want {
				t.Errorf("%q: %q, %v, expected %q", tc.keys, got, err, tc.want)
			}
		}
	}
}

func TestBencodeStringsAndBytes(t *testing.T) {
	c := open(t, "bencode")
	for _, tc := range []struct {
		block string
		kind  datamodel.Kind
	}{
		{"0:", datamodel.Kind_String},
		{"4:spam", datamodel.Kind_String},
		{"1:\x00", datamodel.Kind_String},
		{"3:水", datamodel.Kind_String},
		{"9:aaaaaaaa\x80", datamodel.Kind_Bytes},
		{"2:\xc3(", datamodel.Kind_Bytes},
		{"3:\xed\xa0\x80", datamodel.Kind_Bytes},
	} {
		n, err := c.Decode(t.Context(), []byte(tc.block))
		if err != nil || n.Kind() != tc.kind {
			t.Errorf("%q: %v, %v", tc.block, n, err)
			continue
		}
		if again, err := c.Encode(t.Context(), n); err != nil || string(again) != tc.block {
			t.Errorf("%q encodes to %q, %v", tc.block, again, err)
		}
	}
	// Bytes that are UTF-8 come back as a string.
	if got, err := c.Encode(t.Context(), basicnode.NewBytes([]byte("spam"))); err != nil || string(got) != "4:spam" {
		t.Errorf("%q, %v", got, err)
	}
}

// bencodeLeaf is any leaf that bencode gives back as it was.
var bencodeLeaf = rapid.OneOf(
	rapid.Map(rapid.Int64(), basicnode.NewInt),
	rapid.Map(rapid.Uint64Min(1<<63), func(v uint64) datamodel.Node { return basicnode.NewUint(v) }),
	rapid.Map(rapid.String(), basicnode.NewString),
	rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) datamodel.Node { return basicnode.NewBytes(append(b, 0xff)) }),
)

// bencodeKey is any key that bencode can write.
var bencodeKey = rapid.OneOf(
	rapid.String().Filter(func(s string) bool { return !strings.HasPrefix(s, "\x00") }),
	rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return "\x00" + hex.EncodeToString(append(b, 0xff)) }),
	rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return "\x00" + hex.EncodeToString(append([]byte{0}, b...)) }),
)

// TestBencodeGenerated: data comes back as it was, blocks byte for byte, and mutants are refused or come back too.
func TestBencodeGenerated(t *testing.T) {
	c := open(t, "bencode")
	rapid.Check(t, func(rt *rapid.T) {
		n := anyNode(bencodeLeaf, bencodeKey).Draw(rt, "node")
		block, err := c.Encode(t.Context(), n)
		if err != nil {
			rt.Fatal(err)
		}
		if want := bencode(nil, n); !bytes.Equal(block, want) {
			rt.Fatalf("encodes to\n%q, expected\n%q", block, want)
		}
		again, err := c.Decode(t.Context(), block)
		if err != nil || !equal(n, again) {
			rt.Fatalf("%q decodes to other data, %v", block, err)
		}
		mutant := mutated(block).Draw(rt, "mutant")
		if err := holdBencode(t, c, mutant); err != nil {
			rt.Fatalf("%q: %v", mutant, err)
		}
	})
}

// TestBencodeTorrent decodes what a torrent of two files looks like, version 2 piece layers included.
func TestBencodeTorrent(t *testing.T) {
	block := []byte("d8:announce20:http://tracker/announce4:infod6:lengthi262144e4:name4:file12:piece lengthi16384e6:pieces4:\x01\x80\xff\x00e" +
		"12:piece layersd4:\xde\xad\xbe\xef3:abc4:\xf0\x00\x00\x013:\xff\x00\x01ee")
	block = bytes.Replace(block, []byte("20:http"), []byte("23:http"), 1)
	c := open(t, "bencode")
	n, err := c.Decode(t.Context(), block)
	if err != nil {
		t.Fatal(err)
	}
	want := must(qp.BuildMap(basicnode.Prototype.Any, 3, func(m datamodel.MapAssembler) {
		qp.MapEntry(m, "announce", qp.String("http://tracker/announce"))
		qp.MapEntry(m, "info", qp.Map(4, func(m datamodel.MapAssembler) {
			qp.MapEntry(m, "length", qp.Int(262144))
			qp.MapEntry(m, "name", qp.String("file"))
			qp.MapEntry(m, "piece length", qp.Int(16384))
			qp.MapEntry(m, "pieces", qp.Bytes([]byte{1, 0x80, 0xff, 0}))
		}))
		qp.MapEntry(m, "piece layers", qp.Map(2, func(m datamodel.MapAssembler) {
			qp.MapEntry(m, "\x00deadbeef", qp.String("abc"))
			qp.MapEntry(m, "\x00f0000001", qp.Bytes([]byte{0xff, 0, 1}))
		}))
	}))
	if !datamodel.DeepEqual(n, want) {
		t.Error("decodes to other data")
	}
	if again, err := c.Encode(t.Context(), n); err != nil || !bytes.Equal(again, block) {
		t.Errorf("encodes to %q, %v", again, err)
	}
}
