package ipldbind

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/codec/dagcbor"
	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/ipld/go-ipld-prime/fluent/qp"
	cidlink "github.com/ipld/go-ipld-prime/linking/cid"
	"github.com/ipld/go-ipld-prime/node/basicnode"

	"github.com/iprt/iprt/abi"
)

// EnvelopeOptions are what [WriteEnvelope] can put into an envelope beside codec and data.
type EnvelopeOptions struct {
	// Module is the link to write instead of the codec's identity: that of a module as a UnixFS file, which is the only way for
	// modules above 2 MiB to travel. That it names the same module is up to the caller.
	Module cid.Cid

	// DataLink, if defined, is written instead of the data, which is to be stored as a raw block of its own. It must name the data.
	DataLink cid.Cid

	Params datamodel.Node     // nil for none
	Codecs map[uint64]cid.Cid // nil for none
}

// WriteEnvelope returns the DAG-CBOR block of an envelope around data. The codec has to decode the data, and the links that it
// finds are what is written as links. Errors are *[EnvelopeError], or those of the codec.
func WriteEnvelope(ctx context.Context, c *Codec, data []byte, o EnvelopeOptions) ([]byte, error) {
	params, err := encodeParams(o.Params)
	if err != nil {
		return nil, &EnvelopeError{Reason: "params cannot be encoded", Err: err}
	}
	if o.DataLink.Defined() {
		if err := checkDataLink(o.DataLink, data); err != nil {
			return nil, &EnvelopeError{Reason: "the link to the data", Err: err}
		}
	}
	if _, err := c.Decode(ctx, data, params); err != nil {
		return nil, err
	}
	links, err := c.Links(ctx, data, params)
	if err != nil {
		return nil, err
	}
	n, err := o.node(c, data, links)
	if err != nil {
		return nil, &EnvelopeError{Reason: "it cannot be built", Err: err}
	}
	if _, err := ParseEnvelope(n); err != nil {
		return nil, &EnvelopeError{Reason: "its parts do not make an envelope", Err: err}
	}
	var block bytes.Buffer
	if err := dagcbor.Encode(n, &block); err != nil {
		return nil, &EnvelopeError{Reason: "it cannot be encoded", Err: err}
	}
	return block.Bytes(), nil
}

func checkDataLink(c cid.Cid, data []byte) error {
	if c.Prefix().Codec != cid.Raw {
		return fmt.Errorf("%s has codec 0x%x, not raw (0x55)", c, c.Prefix().Codec)
	}
	return verify(nil, cidlink.Link{Cid: c}, data)
}

func (o EnvelopeOptions) node(c *Codec, data []byte, links []cid.Cid) (datamodel.Node, error) {
	link := func(c cid.Cid) qp.Assemble { return qp.Link(cidlink.Link{Cid: c}) }
	module := o.Module
	if !module.Defined() {
		module = c.ID()
	}
	return qp.BuildMap(basicnode.Prototype.Any, -1, func(ma datamodel.MapAssembler) {
		qp.MapEntry(ma, abi.EnvelopeKey, qp.Int(abi.EnvelopeVersion))
		qp.MapEntry(ma, "codec", link(module))
		if o.DataLink.Defined() {
			qp.MapEntry(ma, "data", link(o.DataLink))
		} else {
			qp.MapEntry(ma, "data", qp.Bytes(data))
		}
		if len(links) > 0 {
			qp.MapEntry(ma, "links", qp.List(int64(len(links)), func(la datamodel.ListAssembler) {
				for _, l := range links {
					qp.ListEntry(la, link(l))
				}
			}))
		}
		if o.Params != nil {
			qp.MapEntry(ma, "params", qp.Node(o.Params))
		}
		if len(o.Codecs) > 0 {
			qp.MapEntry(ma, "codecs", qp.Map(int64(len(o.Codecs)), func(ma datamodel.MapAssembler) {
				for code, c := range o.Codecs {
					qp.MapEntry(ma, strconv.FormatUint(code, 10), link(c)) // the encoder sorts
				}
			}))
		}
	})
}

// encodeParams returns what a codec gets as params: DAG-CBOR, or nothing.
func encodeParams(n datamodel.Node) ([]byte, error) {
	if n == nil {
		return nil, nil
	}
	if n.IsAbsent() {
		return nil, errors.New("the value is absent")
	}
	var b bytes.Buffer
	err := dagcbor.Encode(n, &b)
	return b.Bytes(), err
}

// open decodes the envelope's data, which its bytes are, with the codec that it names.
func (e *Envelope) open(ctx context.Context, c *Codec, data []byte) (datamodel.Node, error) {
	params, err := encodeParams(e.Params)
	if err != nil {
		return nil, &EnvelopeError{Reason: "params cannot be passed to the codec", Err: err}
	}
	if e.HasLinks {
		links, err := c.Links(ctx, data, params)
		if err != nil {
			return nil, err
		}
		if !slices.Equal(links, e.Links) {
			return nil, &EnvelopeError{Reason: fmt.Sprintf(
				"its links are not those of its data: it lists %d, the codec finds %d, and the first difference is at %d",
				len(e.Links), len(links), firstDifference(e.Links, links))}
		}
	}
	return c.Decode(ctx, data, params)
}

func firstDifference(a, b []cid.Cid) int {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	return i
}
