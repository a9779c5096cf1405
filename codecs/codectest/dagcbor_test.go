package codectest_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/codecs/codectest"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// wantRefused checks that err is the guest's own refusal with this status and text.
func wantRefused(t testing.TB, err error, status abi.Status, text string) {
	t.Helper()
	var e *codectest.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, expected %v: %s", err, status, text)
	}
	if e.Status != status || e.Text != text {
		t.Errorf("got %v: %s\nexpected %v: %s", e.Status, e.Text, status, text)
	}
}

const (
	someCID   = "01551220 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
	someCIDv0 = "1220 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
)

// TestDagCBORRejects is one block for every reason to refuse one.
func TestDagCBORRejects(t *testing.T) {
	const (
		ends      = "block ends too early"
		longer    = "longer than the rest of the block"
		shortest  = "not in its shortest form"
		inHead    = "block ends inside a head"
		notLink   = "link is not 0x00 and a binary CID"
		notUTF8   = "string is not valid UTF-8"
		otherTag  = "tag other than 42"
		otherVal  = "simple value not false, true or null"
		notFinite = "float is NaN or infinite"
	)
	c := open(t, "dag-cbor")
	for _, tc := range []struct{ name, block, text string }{
		{"empty", "", "offset 0: " + ends},
		{"two values", "0102", "offset 1: bytes after the end of the value"},

		{"1 byte for 23", "1817", "offset 0: " + shortest},
		{"2 bytes for 255", "1900ff", "offset 0: " + shortest},
		{"4 bytes for 65535", "1a0000ffff", "offset 0: " + shortest},
		{"8 bytes for 2^32-1", "1b00000000ffffffff", "offset 0: " + shortest},
		{"long negative", "3817", "offset 0: " + shortest},
		{"long length of bytes", "580100", "offset 0: " + shortest},
		{"long length of a string", "780161", "offset 0: " + shortest},
		{"long length of a list", "980101", "offset 0: " + shortest},
		{"long length of a map", "b800", "offset 0: " + shortest},
		{"long tag", "d9002a 41 00", "offset 0: " + shortest},
		{"cut 1-byte head", "18", "offset 0: " + inHead},
		{"cut 8-byte head", "1b00000001000000", "offset 0: " + inHead},
		{"reserved 28", "1c", "offset 0: reserved head"},
		{"reserved 30", "9e", "offset 0: reserved head"},

		{"indefinite bytes", "5f4100ff", "offset 0: indefinite length"},
		{"indefinite string", "7f6161ff", "offset 0: indefinite length"},
		{"indefinite list", "9f01ff", "offset 0: indefinite length"},
		{"indefinite map", "bf616101ff", "offset 0: indefinite length"},
		{"break", "ff", "offset 0: " + otherVal},

		{"bytes too long", "42 00", "offset 0: " + longer},
		{"string too long", "81 6561626364", "offset 1: " + longer},
		{"bytes of 2^64-1", "5bffffffffffffffff", "offset 0: " + longer},
		{"string of 2^32", "7b0000000100000000", "offset 0: " + longer},
		{"list of 2^60", "9b1000000000000000", "offset 0: " + longer},
		{"map of 2^63", "bb8000000000000000", "offset 0: " + longer},
		{"map of 2^32-1", "baffffffff", "offset 0: " + longer},
		{"list of 3 in 2 bytes", "830102", "offset 0: " + longer},
		{"map of 2 in 3 bytes", "a2 6161 01", "offset 0: " + longer},
		{"promises add up", "82 81 01", "offset 1: " + longer},
		{"end in a list", "82 6161", "offset 3: " + ends},
		{"end for a key", "a2 6161 6162", "offset 5: " + ends},
		{"end for a value", "a1 6161", "offset 3: " + ends},

		{"not UTF-8", "61ff", "offset 0: " + notUTF8},
		{"overlong slash", "62c0af", "offset 0: " + notUTF8},
		{"overlong 3", "63e09f80", "offset 0: " + notUTF8},
		{"overlong 4", "64f08f8080", "offset 0: " + notUTF8},
		{"surrogate", "63eda080", "offset 0: " + notUTF8},
		{"past U+10FFFF", "64f4908080", "offset 0: " + notUTF8},
		{"cut sequence", "62e6b0", "offset 0: " + notUTF8},
		{"not UTF-8 after 8", "69 6161616161616161 80", "offset 0: " + notUTF8},
		{"key not UTF-8", "a1 61ff 01", "offset 1: " + notUTF8},

		{"bytes as key", "a1 4161 01", "offset 1: map key is not a string"},
		{"integer as key", "a1 01 01", "offset 1: map key is not a string"},
		{"tagged key", "a1 d82a 6161 01", "offset 1: map key is not a string"},
		{"duplicate key", "a2 6161 01 6161 02", "offset 4: duplicate map key"},
		{"duplicate empty key", "a2 60 01 60 02", "offset 3: duplicate map key"},
		{"bytewise, not length-first", "a2 626161 01 6162 02", "offset 5: map keys not in length-first order"},
		{"unsorted", "a2 6162 01 6161 02", "offset 4: map keys not in length-first order"},
		{"unsorted in byte 9", "a2 69 616161616161616162 01 69 616161616161616161 02", "offset 12: map keys not in length-first order"},
		{"unsorted, not ASCII", "a2 62c3a9 01 62c3a8 02", "offset 5: map keys not in length-first order"},
		{"unsorted after a nested map", "a2 6162 a1 617a 01 6161 02", "offset 7: map keys not in length-first order"},

		{"undefined", "f7", "offset 0: " + otherVal},
		{"simple 0", "e0", "offset 0: " + otherVal},
		{"simple 32", "f820", "offset 0: " + otherVal},
		{"half float", "f93c00", "offset 0: float not of 64 bits"},
		{"single float", "fa3f800000", "offset 0: float not of 64 bits"},
		{"cut float", "fb3ff00000000000", "offset 0: block ends inside a head"},
		{"NaN", "fb7ff8000000000000", "offset 0: " + notFinite},
		{"negative NaN", "fbfff8000000000000", "offset 0: " + notFinite},
		{"signalling NaN", "fb7ff0000000000001", "offset 0: " + notFinite},
		{"infinity", "fb7ff0000000000000", "offset 0: " + notFinite},
		{"-infinity", "fbfff0000000000000", "offset 0: " + notFinite},

		{"tag 0", "c0 6161", "offset 0: " + otherTag},
		{"bignum", "c2 4101", "offset 0: " + otherTag},
		{"self-describe", "d9d9f7 01", "offset 0: " + otherTag},
		{"tag 2^64-1", "dbffffffffffffffff 01", "offset 0: " + otherTag},
		{"tag at the end", "d82a", "offset 2: " + ends},
		{"tag 42 on a string", "d82a 6161", "offset 2: tag 42 is not on bytes"},
		{"tag 42 twice", "d82a d82a 4100", "offset 2: tag 42 is not on bytes"},
		{"link too long", "d82a 4200", "offset 2: " + longer},
		{"link of nothing", "d82a 40", "offset 2: " + notLink},
		{"link without a CID", "d82a 4100", "offset 2: " + notLink},
		{"link without multibase", "d82a 5824" + someCID, "offset 2: " + notLink},
		{"link in base58 multibase", "d82a 5825 7a" + someCID, "offset 2: " + notLink},
		{"CID version 2", "d82a 45 00 02 55 00 00", "offset 2: " + notLink},
		{"CID version 0 explicit", "d82a 45 00 00 55 00 00", "offset 2: " + notLink},
		{"CID with a byte more", "d82a 46 00 01 55 00 00 00", "offset 2: " + notLink},
		{"CID with a short digest", "d82a 46 00 01 55 00 02 00", "offset 2: " + notLink},
		{"CID with a long varint", "d82a 46 00 01 d500 00 00", "offset 2: " + notLink},
		{"CID with a varint of 10 bytes", "d82a 4e 00 01 ffffffffffffffffff01 00 00", "offset 2: " + notLink},
		{"CID with a digest of 2^63", "d82a 4d 00 01 55 00 ffffffffffffffffff 01", "offset 2: " + notLink},
		{"CIDv0 with a byte more", "d82a 5824 00" + someCIDv0 + "00", "offset 2: " + notLink},
		{"CIDv0 cut", "d82a 43 00 12 20", "offset 2: " + notLink},
	} {
		t.Run(tc.name, func(t *testing.T) {
			block := unhex(t, tc.block)
			_, err := c.DecodeTable(t.Context(), block)
			wantRefused(t, err, abi.StatusInvalid, tc.text)
			_, err = c.LinksTable(t.Context(), block)
			wantRefused(t, err, abi.StatusInvalid, tc.text)
		})
	}
}

// TestDagCBORAccepts are blocks at the edges; each has to come back byte for byte.
func TestDagCBORAccepts(t *testing.T) {
	c := open(t, "dag-cbor")
	for _, block := range []string{
		"00", "17", "1818", "18ff", "190100", "19ffff", "1a00010000", "1affffffff", "1b0000000100000000", "1bffffffffffffffff",
		"20", "37", "3818", "38ff", "3b7fffffffffffffff", "3b8000000000000000", "3bffffffffffffffff",
		"40", "4100", "60", "6161", "63e6b0b4", "64f0908591", "6300 0001", "68 6161616161616161", "69 616161616161616161",
		"80", "8100", "8281008100", "a0", "a1 60 f6", "a2 60 f4 6161 f5", "a2 6162 01 626161 02", "a2 62c3a8 01 62c3a9 02",
		"a3 6161 a1 617a 01 6162 80 6163 a0",
		"fb0000000000000000", "fb8000000000000000", "fb0000000000000001", "fb7fefffffffffffff", "fbffefffffffffffff",
		"d82a 5825 00" + someCID, "d82a 5823 00" + someCIDv0, "d82a 45 00 01 55 00 00",
		"d82a 56 00 01 ffffffffffffffff7f ffffffffffffffff7f 01 aa", "82 d82a 45 00 01 71 00 00 d82a 45 00 01 71 00 00",
	} {
		block := unhex(t, block)
		n, err := c.Decode(t.Context(), block)
		if err != nil {
			t.Errorf("%x: %v", block, err)
			continue
		}
		if again, err := c.Encode(t.Context(), n); err != nil || !bytes.Equal(again, block) {
			t.Errorf("%x: encodes to %x, %v", block, again, err)
		}
	}
}

func TestDagCBORLinks(t *testing.T) {
	c := open(t, "dag-cbor")
	a, b := "d82a 45 00 01 71 00 00", "d82a 5825 00"+someCID
	for _, tc := range []struct {
		name, block string
		want        []string
	}{
		{"none", "a1 6161 83 01 02 03", nil},
		{"root", a, []string{"bafyqaaa"}},
		{"document order, repetitions kept", "84" + a + "a2 6162" + b + "626161 81" + a + "40" + a,
			[]string{"bafyqaaa", "bafkreie7q3iidccmpvszul7kudcvvuavuo7u6gzlbobczuk5nqk3b4akba", "bafyqaaa", "bafyqaaa"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			links, err := c.Links(t.Context(), unhex(t, tc.block))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, l := range links {
				got = append(got, l.String())
			}
			if strings.Join(got, " ") != strings.Join(tc.want, " ") {
				t.Errorf("got %v, expected %v", got, tc.want)
			}
		})
	}
}
