package codectest_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ipld/go-ipld-prime/codec/raw"
	"github.com/ipld/go-ipld-prime/node/basicnode"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/codecs/codectest"
	"github.com/iprt/iprt/host/ipldbind/table"
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

// FuzzBencode holds the codec to the reference on any block.
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

// holdBencode holds the codec to validBencode, and what it takes to coming back byte for byte.
func holdBencode(t testing.TB, c *codectest.Codec, block []byte) error {
	n, err := c.Decode(t.Context(), block)
	if valid := validBencode(block); err != nil {
		if valid || !isRefusal(err) {
			return err
		}
		return nil
	} else if !valid {
		return errors.New("taken, but not valid")
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

// FuzzRaw holds the codec to go-ipld-prime's raw on any block, both ways.
func FuzzRaw(f *testing.F) {
	f.Add([]byte{})
	f.Add(sample(f, "raw"))
	c := open(f, "raw")
	f.Fuzz(func(t *testing.T, block []byte) {
		want := basicnode.Prototype.Bytes.NewBuilder()
		if err := raw.Decode(want, bytes.NewReader(block)); err != nil {
			t.Fatal(err)
		}
		n, err := c.Decode(t.Context(), block)
		if err != nil || !equal(n, want.Build()) {
			t.Fatalf("%x: another node, %v", block, err)
		}
		again, err := c.Encode(t.Context(), n)
		if err != nil || !bytes.Equal(again, block) {
			t.Fatalf("%x encodes to %x, %v", block, again, err)
		}
		if links, err := c.Links(t.Context(), block); err != nil || len(links) != 0 {
			t.Fatalf("%x: links %v, %v", block, links, err)
		}
	})
}

// FuzzEncode gives the encoders any table at all: a block or a refusal. Tables that a host lets through are encoded, if the format
// can hold the data, and dag-cbor gives the data back.
func FuzzEncode(f *testing.F) {
	f.Add(mapTable(f, 0, "c", "bb", "", "a", "\x00ff", "\x000001"))
	dag, ben := open(f, "dag-cbor"), open(f, "bencode")
	for codec, c := range map[string]*codectest.Codec{"dag-cbor": dag, "bencode": ben} {
		n, err := c.Decode(f.Context(), sample(f, codec))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(must(table.Build(n)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		checked, hostErr := table.Parse(b, nil, table.Limits{})
		block, err := dag.EncodeTable(t.Context(), b)
		switch {
		case err != nil && !isRefusal(err):
			t.Fatalf("%x: %v", b, err)
		case hostErr == nil && err != nil && !strings.Contains(err.Error(), "NaN") && !refersToBlock(b):
			t.Fatalf("%x: a good table, refused: %v", b, err)
		case err == nil:
			n, err := dag.Decode(t.Context(), block)
			if err != nil || hostErr == nil && !equal(n, checked.Root()) {
				t.Fatalf("%x encodes to %x, which is other data, %v", b, block, err)
			}
		}
		block, err = ben.EncodeTable(t.Context(), b)
		if err != nil && !isRefusal(err) || err == nil && !validBencode(block) {
			t.Fatalf("%x encodes to %q, %v", b, block, err)
		}
	})
}

// refersToBlock reports whether a table that a host lets through has data in the block that it was decoded from, if only no bytes of
// it. A table to encode has no such block.
func refersToBlock(b []byte) bool {
	const header, record = 32, 16
	count, at := binary.LittleEndian.Uint32(b[8:]), binary.LittleEndian.Uint32(b[12:])
	for i := range count {
		r := b[max(at, header)+i*record:]
		if kind := abi.Kind(r[0]); (kind == abi.KindString || kind == abi.KindBytes || kind == abi.KindLink) && r[1]&1 == 0 {
			return true
		}
	}
	return false
}
