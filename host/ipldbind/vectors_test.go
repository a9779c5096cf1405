package ipldbind_test

import (
	"bytes"
	"testing"

	"github.com/ipld/go-ipld-prime/codec/dagcbor"
	"github.com/ipld/go-ipld-prime/node/basicnode"

	"github.com/iprt/iprt/host/ipldbind"
	"github.com/iprt/iprt/spec"
)

// TestEnvelopeVectors runs the vectors of the specification, decoded natively and by the shipped codec; loading them fails if any are missing.
func TestEnvelopeVectors(t *testing.T) {
	vectors, err := spec.Vectors("envelope")
	if err != nil {
		t.Fatal(err)
	}
	codec := shipped(t, "dag-cbor")
	for _, v := range vectors {
		t.Run(v.Name, func(t *testing.T) {
			nb := basicnode.Prototype.Any.NewBuilder()
			if err := dagcbor.Decode(nb, bytes.NewReader(v.Body)); err != nil {
				t.Fatal(err)
			}
			view, err := codec.Decode(t.Context(), v.Body, nil)
			if err != nil {
				t.Fatal(err)
			}
			_, native := ipldbind.ParseEnvelope(nb.Build())
			_, module := ipldbind.ParseEnvelope(view)
			for decoder, err := range map[string]error{"native": native, "module": module} {
				if got := map[bool]string{true: "envelope", false: "data"}[err == nil]; got != v.Expect {
					t.Errorf("%s decoder: got %s (%v), expected %s: %s", decoder, got, err, v.Expect, v.About)
				}
			}
		})
	}
}
