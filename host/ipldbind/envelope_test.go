package ipldbind_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/ipld/go-ipld-prime/node/basicnode"

	"github.com/iprt/iprt/host/ipldbind"
)

var (
	aModule = sum(cid.Raw, []byte("module"))
	aFile   = sum(cid.DagProtobuf, []byte("module as a file"))
	aRaw    = sum(cid.Raw, []byte("raw"))
	aCBOR   = sum(cid.DagCBOR, []byte("cbor"))
)

func TestParseEnvelope(t *testing.T) {
	data := []byte("data")
	tests := []struct {
		name string
		n    datamodel.Node
		want string // of the reason; "" is an envelope
	}{
		{"smallest", node("iprt", 1, "codec", aModule, "data", data), ""},
		{"module as a file", node("iprt", 1, "codec", aFile, "data", data), ""},
		{"raw data", node("iprt", 1, "codec", aModule, "data", aRaw), ""},
		{"all keys", node("iprt", 1, "codec", aModule, "data", data, "links", []cid.Cid{aRaw, aRaw}, "params", 1,
			"codecs", node("3145729", aModule, "9223372036854775807", aFile)), ""},
		{"no links", node("iprt", 1, "codec", aModule, "data", data, "links", []cid.Cid{}), ""},
		{"null params", node("iprt", 1, "codec", aModule, "data", data, "params", datamodel.Null), ""},

		{"no map", basicnode.NewInt(1), "not a map"},
		{"empty", node(), "not a map of 3 to 6"},
		{"without iprt", node("codec", aModule, "data", data, "params", 1), "missing"},
		{"without codec", node("iprt", 1, "data", data, "params", 1), "missing"},
		{"without data", node("iprt", 1, "codec", aModule, "params", 1), "missing"},
		{"another key", node("iprt", 1, "codec", aModule, "data", data, "extra", 1), `no key "extra"`},
		{"a key in capitals", node("IPRT", 1, "codec", aModule, "data", data), `no key "IPRT"`},
		{"seven keys", node("iprt", 1, "codec", aModule, "data", data, "links", []cid.Cid{}, "params", 1, "codecs", node(), "x", 1), "3 to 6"},
		{"version 2", node("iprt", 2, "codec", aModule, "data", data), "not the integer 1"},
		{"version as text", node("iprt", "1", "codec", aModule, "data", data), "not the integer 1"},
		{"version as float", node("iprt", basicnode.NewFloat(1), "codec", aModule, "data", data), "not the integer 1"},
		{"version above int64", node("iprt", basicnode.NewUint(1<<63), "codec", aModule, "data", data), "not the integer 1"},
		{"codec that is no link", node("iprt", 1, "codec", "x", "data", data), "codec is not a link"},
		{"codec in DAG-CBOR", node("iprt", 1, "codec", aCBOR, "data", data), "codec 0x71"},
		{"data as text", node("iprt", 1, "codec", aModule, "data", "text"), "data is neither"},
		{"data in DAG-CBOR", node("iprt", 1, "codec", aModule, "data", aCBOR), "data is neither"},
		{"links that are no list", node("iprt", 1, "codec", aModule, "data", data, "links", aRaw), "links is not a list"},
		{"link that is no link", node("iprt", 1, "codec", aModule, "data", data, "links", node("a", 1)), "links is not a list"},
		{"codecs that is no map", node("iprt", 1, "codec", aModule, "data", data, "codecs", 1), "codecs is not a map"},
		{"codec that is no module", node("iprt", 1, "codec", aModule, "data", data, "codecs", node("1", aCBOR)), "codecs/1"},
	}
	for _, key := range []string{"", "0", "01", "+1", "-1", "1 ", "0x1", "9223372036854775808", "a", "1e3", "１"} {
		tests = append(tests, struct {
			name string
			n    datamodel.Node
			want string
		}{"code " + key, node("iprt", 1, "codec", aModule, "data", data, "codecs", node(key, aModule)), "of codecs is not"})
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e, err := ipldbind.ParseEnvelope(tt.n)
			var not *ipldbind.NotEnvelopeError
			switch {
			case tt.want == "" && (err != nil || e == nil):
				t.Errorf("got %v", err)
			case tt.want != "" && (!errors.As(err, &not) || !strings.Contains(not.Reason, tt.want)):
				t.Errorf("got %v, want … %s …", err, tt.want)
			}
		})
	}
}

func TestParseEnvelopeFields(t *testing.T) {
	e := must(ipldbind.ParseEnvelope(node("iprt", 1, "codec", aFile, "data", aRaw, "links", []cid.Cid{aCBOR, aRaw, aCBOR},
		"params", "p", "codecs", node("3145729", aModule))))
	if e.Codec != aFile || e.DataLink != aRaw || e.Data != nil || !e.HasLinks || !slices.Equal(e.Links, []cid.Cid{aCBOR, aRaw, aCBOR}) ||
		must(e.Params.AsString()) != "p" || len(e.Codecs) != 1 || e.Codecs[0x300001] != aModule {
		t.Errorf("got %+v", e)
	}
	e = must(ipldbind.ParseEnvelope(node("iprt", 1, "codec", aModule, "data", []byte{})))
	if e.DataLink.Defined() || len(e.Data) != 0 || e.HasLinks || e.Params != nil || e.Codecs != nil {
		t.Errorf("got %+v", e)
	}
}

func TestWriteEnvelope(t *testing.T) {
	f := newFake("f", 'f')
	c := ipldbind.NewCodec(private, f, ipldbind.Limits{})
	data := f.block(node("x", aRaw, "y", aRaw))
	block := must(ipldbind.WriteEnvelope(t.Context(), c, data, ipldbind.EnvelopeOptions{
		Module: aFile, Params: node("p", 1), Codecs: map[uint64]cid.Cid{private: aModule, 7: aFile},
	}))
	e := must(ipldbind.ParseEnvelope(must(decodeCBOR(block))))
	if e.Codec != aFile || !bytes.Equal(e.Data, data) || !slices.Equal(e.Links, []cid.Cid{aRaw, aRaw}) || len(e.Codecs) != 2 {
		t.Errorf("got %+v", e)
	}
	for i, p := range f.params {
		if !bytes.Equal(p, []byte("\xa1\x61p\x01")) {
			t.Errorf("call %d got params %x", i, p)
		}
	}
	plain := f.block(node("x", 1))
	link := sum(cid.Raw, plain)
	e = must(ipldbind.ParseEnvelope(must(decodeCBOR(must(ipldbind.WriteEnvelope(t.Context(), c, plain, ipldbind.EnvelopeOptions{DataLink: link}))))))
	if e.Codec != c.ID() || e.DataLink != link || e.HasLinks {
		t.Errorf("got %+v", e)
	}
}

func TestWriteEnvelopeRefuses(t *testing.T) {
	f := newFake("f", 'f')
	c := ipldbind.NewCodec(private, f, ipldbind.Limits{})
	data := f.block(node("x", 1))
	for name, tt := range map[string]struct {
		data []byte
		o    ipldbind.EnvelopeOptions
		want any
	}{
		"data of another format":  {[]byte("nonsense"), ipldbind.EnvelopeOptions{}, new(*ipldbind.CodecError)},
		"link to other data":      {data, ipldbind.EnvelopeOptions{DataLink: aRaw}, new(*ipldbind.EnvelopeError)},
		"link that is not raw":    {data, ipldbind.EnvelopeOptions{DataLink: sum(cid.DagCBOR, data)}, new(*ipldbind.EnvelopeError)},
		"module that is no file":  {data, ipldbind.EnvelopeOptions{Module: aCBOR}, new(*ipldbind.EnvelopeError)},
		"codec that is no file":   {data, ipldbind.EnvelopeOptions{Codecs: map[uint64]cid.Cid{1: aCBOR}}, new(*ipldbind.EnvelopeError)},
		"code 0":                  {data, ipldbind.EnvelopeOptions{Codecs: map[uint64]cid.Cid{0: aModule}}, new(*ipldbind.EnvelopeError)},
		"undefined CID in codecs": {data, ipldbind.EnvelopeOptions{Codecs: map[uint64]cid.Cid{1: cid.Undef}}, new(*ipldbind.EnvelopeError)},
		"params without encoding": {data, ipldbind.EnvelopeOptions{Params: datamodel.Absent}, new(*ipldbind.EnvelopeError)},
	} {
		t.Run(name, func(t *testing.T) {
			block, err := ipldbind.WriteEnvelope(t.Context(), c, tt.data, tt.o)
			if err == nil || !errors.As(err, tt.want) {
				t.Errorf("got %x, %v", block, err)
			}
		})
	}
}
