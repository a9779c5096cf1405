//go:build !wasip1

package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/sdk/sdktest"
)

func TestDecode(t *testing.T) {
	c := new(sdktest.Host).Codec(csvCodec{})
	for _, tt := range []struct{ name, block, want, encoded string }{
		{"empty", "", `[]`, ""},
		{"one field", "a\n", `[["a"]]`, "a\n"},
		{"no last line feed", "a,b", `[["a", "b"]]`, "a,b\n"},
		{"ragged", "a,b\nc\n", `[["a", "b"], ["c"]]`, "a,b\nc\n"},
		{"blank lines are not records", "a\n\n\nb\n", `[["a"], ["b"]]`, "a\nb\n"},
		{"lone empty field", "\"\"\n", `[[""]]`, "\"\"\n"},
		{"empty fields", ",\n", `[["", ""]]`, ",\n"},
		{"carriage returns end lines", "a\r\nb\r\n", `[["a"], ["b"]]`, "a\nb\n"},
		{"needless quotes", "\"a\",b\n", `[["a", "b"]]`, "a,b\n"},
		{"quoted", "\"x,\"\"y\"\"\nz\"\n", `[["x,\"y\"\u000az"]]`, "\"x,\"\"y\"\"\nz\"\n"},
		{"unicode", "naïve,日本\n", `[["naïve", "日本"]]`, "naïve,日本\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			table, err := c.Decode([]byte(tt.block), nil)
			if err != nil {
				t.Fatal(err)
			}
			if got := sdktest.Dump(table, []byte(tt.block)); got != tt.want {
				t.Errorf("got %s, expected %s", got, tt.want)
			}
			block, err := c.Encode(table, nil)
			if err != nil {
				t.Fatal(err)
			}
			if string(block) != tt.encoded {
				t.Errorf("encoded %q, expected %q", block, tt.encoded)
			}
			again, err := c.Decode(block, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got := sdktest.Dump(again, block); got != tt.want {
				t.Errorf("decoded again: %s, expected %s", got, tt.want)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	c := new(sdktest.Host).Codec(csvCodec{})
	decode := func(block string, params []byte) error {
		_, err := c.Decode([]byte(block), params)
		return err
	}
	encode := func(build func(w *abi.TableWriter)) error {
		_, err := c.Encode(sdktest.Table(build), nil)
		return err
	}
	row := func(field func(w *abi.TableWriter)) func(w *abi.TableWriter) {
		return func(w *abi.TableWriter) { w.BeginList(); w.BeginList(); field(w); w.End(); w.End() }
	}
	for _, tt := range []struct {
		name string
		err  error
		text string
	}{
		{"open quote", decode("\"a", nil), "quote"},
		{"bare quote", decode("a\"b", nil), "quote"},
		{"two carriage returns", decode("x\n\"a\r\r\n\"", nil), "record on line 2"},
		{"not UTF-8", decode("a\xffb", nil), "not valid UTF-8"},
		{"parameters", decode("a", []byte{0xa0}), "no parameters"},
		{"root is a map", encode(func(w *abi.TableWriter) { w.BeginMap(abi.MapUnordered); w.End() }), "root is a map"},
		{"row is a string", encode(func(w *abi.TableWriter) { w.BeginList(); w.String("a"); w.End() }), "row 1 is a string"},
		{"row is empty", encode(row(func(*abi.TableWriter) {})), "row 1 is empty"},
		{"field is an integer", encode(row(func(w *abi.TableWriter) { w.Int(1) })), "holds a uint"},
		{"field would change", encode(row(func(w *abi.TableWriter) { w.String("a\r\nb") })), "carriage return"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if !errors.Is(tt.err, abi.StatusInvalid) || !strings.Contains(tt.err.Error(), tt.text) {
				t.Fatalf("got %v, expected INVALID with %q", tt.err, tt.text)
			}
		})
	}
}

// FuzzRoundTrip holds the promise of the README: what decodes, encodes to a
// block that decodes to the same data, and that block is a fixed point.
func FuzzRoundTrip(f *testing.F) {
	for _, s := range []string{"", "a,b\nc", "\"\"\n", "\"x\"\"\ny\",z\r\n", "\"\r\r\n\"", " a, b\n", "\\.\n", "a\rb\n", "\"a\r\"\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, block []byte) {
		c := new(sdktest.Host).Codec(csvCodec{})
		table, err := c.Decode(block, nil)
		if err != nil {
			if !errors.Is(err, abi.StatusInvalid) {
				t.Fatal(err)
			}
			return
		}
		want := sdktest.Dump(table, block)
		canonical, err := c.Encode(table, nil)
		if err != nil {
			t.Fatalf("%s decodes, but does not encode: %v", want, err)
		}
		table, err = c.Decode(canonical, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := sdktest.Dump(table, canonical); got != want {
			t.Fatalf("%q reads as %s, expected %s", canonical, got, want)
		}
		again, err := c.Encode(table, nil)
		if err != nil || string(again) != string(canonical) {
			t.Fatalf("%q is encoded as %q: %v", canonical, again, err)
		}
	})
}
