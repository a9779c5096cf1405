package codectest_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/iprt/iprt/codecs/codectest"
)

// seedDagCBOR gives a fuzzer the public fixtures, if they are here, and a block of each kind.
func seedDagCBOR(f *testing.F) {
	for _, d := range differences {
		f.Add(unhex(f, d.example))
	}
	f.Add(sample(f, "dag-cbor"))
	files, err := filepath.Glob(filepath.Join("..", "..", "..", "shared", "fixtures", "codec-fixtures", "fixtures", "*", "*.dag-cbor"))
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		if b, err := os.ReadFile(file); err == nil && len(b) < 4096 {
			f.Add(b)
		}
	}
}

// FuzzDagCBOR compares the codec with go-ipld-prime on any block.
func FuzzDagCBOR(f *testing.F) {
	seedDagCBOR(f)
	c := open(f, "dag-cbor")
	f.Fuzz(func(t *testing.T, block []byte) {
		if _, err := holdToNative(t, c, block); err != nil {
			t.Fatalf("%x: %v", block, err)
		}
	})
}

// FuzzBencode decodes any block: refused, or the host takes the table and it encodes to the same bytes.
func FuzzBencode(f *testing.F) {
	for _, s := range []string{"i-18446744073709551616e", "0:", "le", "de", "d1:a1:be", "l4:spami42ee", "d1:\x00i1e1:\xffleee"} {
		f.Add([]byte(s))
	}
	f.Add(sample(f, "bencode"))
	c := open(f, "bencode")
	f.Fuzz(func(t *testing.T, block []byte) {
		if err := holdBencode(t, c, block); err != nil {
			t.Fatalf("%q: %v", block, err)
		}
	})
}

func holdBencode(t testing.TB, c *codectest.Codec, block []byte) error {
	n, err := c.Decode(t.Context(), block)
	if err != nil {
		if !isRefusal(err) {
			return err
		}
		return nil
	}
	again, err := c.Encode(t.Context(), n)
	if err != nil || !bytes.Equal(again, block) {
		return fmt.Errorf("encodes to %q, %v", again, err)
	}
	if links, err := c.Links(t.Context(), block); err != nil || len(links) != 0 {
		return fmt.Errorf("links %v, %v", links, err)
	}
	return nil
}

// FuzzEncode gives the encoders any table at all: a block or a refusal. What dag-cbor makes of it, it decodes.
func FuzzEncode(f *testing.F) {
	f.Add(mapTable(f, 0, "c", "bb", "", "a", "\x00ff", "\x000001"))
	dag := open(f, "dag-cbor")
	for _, name := range []string{"bencode", "dag-cbor"} {
		t, err := open(f, name).DecodeTable(f.Context(), sample(f, name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(t)
	}
	ben := open(f, "bencode")
	f.Fuzz(func(t *testing.T, table []byte) {
		for _, c := range []*codectest.Codec{dag, ben} {
			block, err := c.EncodeTable(t.Context(), table)
			if err != nil {
				if !isRefusal(err) {
					t.Fatalf("%x: %v", table, err)
				}
				continue
			}
			if _, err := c.Decode(t.Context(), block); err != nil {
				t.Fatalf("%x encodes to %x: %v", table, block, err)
			}
		}
	})
}
