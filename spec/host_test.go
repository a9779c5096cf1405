package spec_test

import (
	"bytes"
	"errors"
	"strconv"
	"testing"

	"github.com/ipld/go-ipld-prime/codec/dagcbor"
	"github.com/ipld/go-ipld-prime/node/basicnode"

	"github.com/iprt/iprt/host/ipldbind"
	"github.com/iprt/iprt/host/ipldbind/table"
	"github.com/iprt/iprt/host/manifest"
)

// What the Go host makes of the vectors. Its WASI has them in its own tests.

func TestHostTokens(t *testing.T) {
	for _, v := range vectors(t, "tokens") {
		if v.Header["encode"] == "yes" {
			continue // hosts make such tables and do not read them
		}
		t.Run(v.Name, func(t *testing.T) {
			_, err := table.Parse(v.Body, blockOf(t, v), table.Limits{})
			if ok := err == nil; ok != (v.Expect == "ok") {
				t.Errorf("got %v, expected %s: %s", err, v.Expect, v.About)
			}
		})
	}
}

func TestHostManifest(t *testing.T) {
	for _, v := range vectors(t, "manifest") {
		t.Run(v.Name, func(t *testing.T) {
			m, err := manifest.Parse(v.Body)
			if ok := err == nil; ok != (v.Expect == "ok") {
				t.Fatalf("got %v, expected %s: %s", err, v.Expect, v.About)
			}
			if err != nil {
				return
			}
			if again, err := manifest.Encode(m); err != nil || !bytes.Equal(again, v.Body) {
				t.Errorf("written again: %x, %v", again, err)
			}
		})
	}
}

func TestHostEnvelope(t *testing.T) {
	for _, v := range vectors(t, "envelope") {
		t.Run(v.Name, func(t *testing.T) {
			nb := basicnode.Prototype.Any.NewBuilder()
			if err := dagcbor.Decode(nb, bytes.NewReader(v.Body)); err != nil {
				t.Fatal(err)
			}
			got := "envelope"
			if _, err := ipldbind.ParseEnvelope(nb.Build()); err != nil {
				var not *ipldbind.NotEnvelopeError
				if !errors.As(err, &not) {
					t.Fatal(err)
				}
				got = "data"
			}
			if got != v.Expect {
				t.Errorf("got %s, expected %s: %s", got, v.Expect, v.About)
			}
		})
	}
}

// blockOf gives the block that a vector's table was decoded from.
func blockOf(t *testing.T, v vector) []byte {
	t.Helper()
	if n := v.Header["block-zeros"]; n != "" {
		zeros, err := strconv.Atoi(n)
		if err != nil {
			t.Fatal(err)
		}
		return make([]byte, zeros)
	}
	block, err := v.Hex("block")
	if err != nil {
		t.Fatal(err)
	}
	return append([]byte{}, block...)
}
