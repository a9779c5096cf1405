package ipldbind_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/ipld/go-ipld-prime/codec/dagcbor"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host"
	"github.com/iprt/iprt/host/ipldbind"
	"github.com/iprt/iprt/host/ipldbind/table"
)

// TestErrors holds every error to its code, and to texts and hints that name what they are about.
func TestErrors(t *testing.T) {
	cause := &table.Error{Status: abi.StatusInvalid, Record: 3, Reason: "the reason"}
	codec := &ipldbind.CodecError{Op: "decode", Multicodec: 0x71, Module: aModule, Err: cause}
	for _, tt := range []struct {
		err        error
		code       string
		text, hint string
	}{
		{cause, "invalid-table", "record 3: the reason", "report it"},
		{&table.Error{Status: abi.StatusLimit, Record: -1, Reason: "the reason"}, "table-limit", "header: the reason", ""},
		{&table.RangeError{N: 1<<64 - 1}, "integer-range", "-1-18446744073709551615", ""},
		{&table.BuildError{Reason: "the reason"}, "unencodable-node", "the reason", ""},
		{codec, "invalid-table", aModule.String(), "report it"},
		{&ipldbind.CodecError{Op: "encode", Err: errFake}, "codec", errFake.Error(), ""},
		{&ipldbind.SizeError{What: "block", Size: 5, Max: 4}, "block-too-large", "at most 4", ""},
		{&ipldbind.RoleError{Module: aModule, Name: "a name"}, "not-a-codec", "a name", ""},
		{&ipldbind.ConflictError{Multicodec: 5, Have: aModule, Want: aFile}, "codec-conflict", aFile.String(), aModule.String()},
		{&ipldbind.UnknownCodecError{Multicodec: 5}, "unknown-codec", "0x5", "load"},
		{&ipldbind.UnknownCodecError{Multicodec: private}, "unknown-codec", "envelope", "load"},
		{&ipldbind.LinkError{Link: "the link", Reason: "the reason"}, "bad-link", "the link: the reason", ""},
		{&ipldbind.NotEnvelopeError{Reason: "the reason"}, "not-an-envelope", "the reason", ""},
		{&ipldbind.EnvelopeError{Envelope: aCBOR, Reason: "the reason", Err: codec}, "bad-envelope", aCBOR.String(), "report it"},
		{&ipldbind.EnvelopeError{Reason: "the reason"}, "bad-envelope", "envelope: the reason", ""},
		{&ipldbind.PolicyError{Module: aModule, Envelope: aCBOR, Err: errFake}, "refused-by-policy", aModule.String(), "--allow " + aModule.String()},
		{&ipldbind.BudgetError{What: "blocks", Limit: 7}, "resolve-limit", "7 blocks", ""},
		{&ipldbind.PathError{Root: aCBOR, Path: "a/b", Step: 1, Err: errFake}, "no-such-path", `step 2, "b"`, ""},
		{&ipldbind.PathError{Root: aCBOR, Err: errFake}, "no-such-path", aCBOR.String() + ": ", ""},
		{&ipldbind.PathError{Root: aCBOR, Path: "a", Step: 1, Err: codec}, "invalid-table", "at its end", "report it"},
	} {
		if got := tt.err.(interface{ Code() string }).Code(); got != tt.code {
			t.Errorf("%T: code %q, want %q", tt.err, got, tt.code)
		}
		if !strings.Contains(tt.err.Error(), tt.text) {
			t.Errorf("%T: %q does not contain %q", tt.err, tt.err, tt.text)
		}
		if h, ok := tt.err.(interface{ Hint() string }); ok && !strings.Contains(h.Hint(), tt.hint) || !ok && tt.hint != "" {
			t.Errorf("%T: hint %q", tt.err, tt.hint)
		}
	}
	if !errors.Is(codec, abi.StatusInvalid) {
		t.Error("a codec error does not unwrap to its status")
	}
	trap := &ipldbind.CodecError{Err: &host.TrapError{Kind: host.TrapExit}}
	if trap.Code() != "module-trap" {
		t.Errorf("code of a trap: %q", trap.Code())
	}
}

// TestDecodeAllocations bounds what a view costs, which must not depend on how much is in the block.
func TestDecodeAllocations(t *testing.T) {
	codec := shipped(t, "dag-cbor")
	for _, n := range []int{30, 3000} {
		var block bytes.Buffer
		if err := dagcbor.Encode(entries(n), &block); err != nil {
			t.Fatal(err)
		}
		allocs := testing.AllocsPerRun(100, func() {
			if _, err := codec.Decode(t.Context(), block.Bytes(), nil); err != nil {
				t.Fatal(err)
			}
		})
		if allocs > 4 {
			t.Errorf("%d entries: %.0f allocations", n, allocs)
		}
	}
}

// TestEncodeAllocations: into a buffer that is large enough, encoding allocates for iterators and no more.
func TestEncodeAllocations(t *testing.T) {
	codec := shipped(t, "dag-cbor")
	n := node("a", make([]byte, 100_000), "b", 1) // long enough to be shared
	buf := make([]byte, 0, 200_000)
	allocs := testing.AllocsPerRun(100, func() {
		if _, err := codec.AppendEncode(t.Context(), buf, n, nil); err != nil {
			t.Fatal(err)
		}
	})
	if allocs > 6 {
		t.Errorf("%.0f allocations", allocs)
	}
}
