package codectest_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/codecs/codectest"
	"github.com/iprt/iprt/host/ipldbind/table"
)

// isRefusal tells a refusal by the guest from a trap and from a broken promise.
func isRefusal(err error) bool {
	var e *codectest.Error
	return errors.As(err, &e) && (e.Status == abi.StatusInvalid || e.Status == abi.StatusLimit) && e.Text != ""
}

// sample is a block of some variety for each codec.
func sample(t testing.TB, codec string) []byte {
	if codec == "bencode" {
		return []byte("d3:bari-42e4:listl4:spam2:\xff\xfe0:d1:\xff1:xee4:spaml0:i18446744073709551615eee")
	}
	return unhex(t, "a7 6161 01 6162 3903e7 6163 83 f4f5f6 6164 fb3ff8000000000000 6165 43010203 626c6b d82a 5825 00"+someCID+" 63 6d6170 a1 60 63e6b0b4")
}

// TestCutAnywhere cuts a block at every offset: each prefix is refused, and the whole block works again right after.
func TestCutAnywhere(t *testing.T) {
	for _, name := range []string{"bencode", "dag-cbor"} {
		c, block := open(t, name), sample(t, name)
		for n := range block {
			if _, err := c.DecodeTable(t.Context(), block[:n]); !isRefusal(err) {
				t.Errorf("%s cut at %d: %v", name, n, err)
			}
			if node, err := c.Decode(t.Context(), block); err != nil {
				t.Fatalf("%s after a failed call: %v", name, err)
			} else if again, err := c.Encode(t.Context(), node); err != nil || !bytes.Equal(again, block) {
				t.Fatalf("%s after a failed call: %x, %v", name, again, err)
			}
		}
	}
}

// TestEveryByteFlipped changes each byte of a block to each value: a refusal, or a table that the host accepts and that encodes
// to the same bytes. There is one exception: bencode decodes to bytes or a string, but both encode to the same.
func TestEveryByteFlipped(t *testing.T) {
	for _, name := range []string{"bencode", "dag-cbor"} {
		c, block := open(t, name), sample(t, name)
		accepted := 0
		for i := range block {
			for v := range 256 {
				mutant := bytes.Clone(block)
				mutant[i] = byte(v)
				n, err := c.Decode(t.Context(), mutant)
				if err != nil {
					if !isRefusal(err) {
						t.Fatalf("%s: %x: %v", name, mutant, err)
					}
					continue
				}
				accepted++
				if again, err := c.Encode(t.Context(), n); err != nil || !bytes.Equal(again, mutant) {
					t.Fatalf("%s: %x encodes to %x, %v", name, mutant, again, err)
				}
			}
		}
		if accepted < 256 {
			t.Errorf("%s: only %d mutants accepted", name, accepted)
		}
	}
}

// TestDepth nests to the limit and beyond.
func TestDepth(t *testing.T) {
	nest := func(open, leaf, end string, n int) []byte {
		return []byte(strings.Repeat(open, n) + leaf + strings.Repeat(end, n))
	}
	for _, tc := range []struct {
		codec, name, open, leaf, end string
	}{
		{"dag-cbor", "lists", "\x81", "\x80", ""},
		{"dag-cbor", "maps", "\xa1\x60", "\xa0", ""},
		{"bencode", "lists", "l", "le", "e"},
		{"bencode", "dictionaries", "d0:", "de", "e"},
	} {
		t.Run(tc.codec+"/"+tc.name, func(t *testing.T) {
			c := open(t, tc.codec)
			block := nest(tc.open, tc.leaf, tc.end, abi.MaxDepth-1)
			n, err := c.Decode(t.Context(), block)
			if err != nil {
				t.Fatal(err)
			}
			if again, err := c.Encode(t.Context(), n); err != nil || !bytes.Equal(again, block) {
				t.Errorf("encodes differently: %v", err)
			}
			text := fmt.Sprintf("offset %d: nested deeper than 1024", abi.MaxDepth*len(tc.open))
			_, err = c.DecodeTable(t.Context(), nest(tc.open, tc.leaf, tc.end, abi.MaxDepth))
			wantRefused(t, err, abi.StatusLimit, text)
			_, err = c.DecodeTable(t.Context(), nest(tc.open, tc.leaf, tc.end, 1_000_000))
			wantRefused(t, err, abi.StatusLimit, text)
		})
	}
}

// TestEncodeDepth gives the encoders a table that is too deep, which no host makes.
func TestEncodeDepth(t *testing.T) {
	deep := func(n int) []byte {
		recs := make([]rec, n)
		for i := range recs {
			recs[i] = rec{abi.KindList, 0, 1, uint64(n)}
		}
		recs[n-1].n = 0
		return handTable("", recs...)
	}
	for _, name := range []string{"bencode", "dag-cbor"} {
		c := open(t, name)
		if _, err := c.EncodeTable(t.Context(), deep(abi.MaxDepth)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		_, err := c.EncodeTable(t.Context(), deep(abi.MaxDepth+1))
		wantRefused(t, err, abi.StatusLimit, "record 1024: nested deeper than 1024")
	}
}

// TestNoParameters: none of these codecs takes any.
func TestNoParameters(t *testing.T) {
	for _, c := range openAll(t) {
		for _, call := range []string{"decode", "encode", "links"} {
			_, err := c.CallWithParams(t.Context(), call, []byte{0xa0}, []byte{0xa0})
			wantRefused(t, err, abi.StatusInvalid, "the codec takes no parameters")
		}
	}
}

// TestLittleMemory: what does not fit is LIMIT, not a trap, and what fits works afterwards.
func TestLittleMemory(t *testing.T) {
	zeros := func(n int) []byte { return append([]byte{0x99, byte(n >> 8), byte(n)}, make([]byte, n)...) }
	for _, tc := range []struct {
		codec      string
		big, small []byte
	}{
		{"dag-cbor", zeros(60_000), zeros(1000)},
		{"bencode", []byte("l" + strings.Repeat("0:", 60_000) + "e"), []byte("l" + strings.Repeat("0:", 1000) + "e")},
	} {
		c := openSmall(t, tc.codec, 6<<16)
		for range 3 {
			_, err := c.DecodeTable(t.Context(), tc.big)
			wantRefused(t, err, abi.StatusLimit, "out of memory")
			if n, err := c.Decode(t.Context(), tc.small); err != nil || n.Length() != 1000 {
				t.Errorf("%s: %v", tc.codec, err)
			}
		}
	}
}

// TestSharedHeapBomb encodes a small table that stands for four gigabytes, because its records share one string.
func TestSharedHeapBomb(t *testing.T) {
	recs := []rec{{abi.KindList, 0, 4096, 4097}}
	for range 4096 {
		recs = append(recs, rec{abi.KindString, abi.FlagHeap, 1 << 20, 0})
	}
	bomb := handTable(strings.Repeat("a", 1<<20), recs...)
	for _, name := range []string{"bencode", "dag-cbor"} {
		c := open(t, name)
		_, err := c.EncodeTable(t.Context(), bomb)
		wantRefused(t, err, abi.StatusLimit, "out of memory")
		if _, err := c.DecodeTable(t.Context(), sample(t, name)); err != nil {
			t.Errorf("%s afterwards: %v", name, err)
		}
	}
}

// TestBiggestBlocks decodes and encodes the worst that fits into a block of 2 MiB, within the memory that the codecs
// declare: a record for every byte or two.
func TestBiggestBlocks(t *testing.T) {
	const size = 2 << 20
	list := append([]byte{0x9a, 0, 0x1f, 0xff, 0xfb}, make([]byte, size-5)...)
	maps := append([]byte{0x9a, 0, 0x1f, 0xff, 0xfb}, bytes.Repeat([]byte{0xa0}, size-5)...)
	strs := []byte("l" + strings.Repeat("0:", size/2-1) + "e")
	ints := []byte("l" + strings.Repeat("i0e", size/3-1) + "e")
	for _, tc := range []struct {
		codec, name string
		block       []byte
		records     int
	}{
		{"dag-cbor", "integers", list, size - 4},
		{"dag-cbor", "empty maps", maps, size - 4},
		{"bencode", "empty strings", strs, size / 2},
		{"bencode", "integers", ints, size / 3},
	} {
		t.Run(tc.codec+"/"+tc.name, func(t *testing.T) {
			c := open(t, tc.codec)
			raw, err := c.DecodeTable(t.Context(), tc.block)
			if err != nil {
				t.Fatal(err)
			}
			checked, err := table.Parse(raw, tc.block, table.Limits{})
			if err != nil || checked.Len() != tc.records {
				t.Fatalf("%d records, expected %d, %v", checked.Len(), tc.records, err)
			}
			if again, err := c.Encode(t.Context(), checked.Root()); err != nil || !bytes.Equal(again, tc.block) {
				t.Errorf("encodes differently: %v", err)
			}
		})
	}
}
