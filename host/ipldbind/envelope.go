package ipldbind

import (
	"fmt"
	"strconv"

	"github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/datamodel"
	cidlink "github.com/ipld/go-ipld-prime/linking/cid"

	"github.com/iprt/iprt/abi"
)

// Envelope is a self-describing block: data, and the module that decodes it.
type Envelope struct {
	Codec cid.Cid // the module, by its identity or as a UnixFS file

	// The data is inline in Data, or, if DataLink is defined, the raw block that it names.
	Data     []byte
	DataLink cid.Cid

	// Links are those that the codec finds in the data, for tools that cannot run it. HasLinks tells a list of none from no list.
	Links    []cid.Cid
	HasLinks bool

	Params datamodel.Node // parameters of the codec; nil for none

	// Codecs has modules for the codes of blocks below; nil for none. A [Resolver] uses those for private-use codes (0x300000 to 0x3fffff): any
	// other code has a meaning already.
	Codecs map[uint64]cid.Cid
}

// NotEnvelopeError says in which way a node is not an envelope. Such a node is ordinary data, which is no fault of its own.
type NotEnvelopeError struct{ Reason string }

func (e *NotEnvelopeError) Error() string { return "not an envelope: " + e.Reason }

// Code is the stable name of the error for machines.
func (e *NotEnvelopeError) Code() string { return "not-an-envelope" }

func notEnvelope(format string, args ...any) error {
	return &NotEnvelopeError{Reason: fmt.Sprintf(format, args...)}
}

// ParseEnvelope reads the envelope that n is. n has to be the root of a DAG-CBOR block: the same map elsewhere is no envelope,
// and that is the caller's to know. Anything but exactly the keys and kinds of an envelope is a *[NotEnvelopeError]. Data and
// Params share n's memory.
func ParseEnvelope(n datamodel.Node) (*Envelope, error) {
	if n.Kind() != datamodel.Kind_Map || n.Length() < 3 || n.Length() > int64(len(envelopeKeys)) {
		return nil, notEnvelope("it is not a map of 3 to %d keys", len(envelopeKeys))
	}
	e := &Envelope{}
	found := 0
	for it := n.MapIterator(); !it.Done(); {
		k, v, err := it.Next()
		if err != nil {
			return nil, notEnvelope("%v", err)
		}
		key, err := k.AsString()
		if err != nil {
			return nil, notEnvelope("%v", err)
		}
		read, ok := envelopeKeys[key]
		if !ok {
			return nil, notEnvelope("an envelope has no key %.64q", key)
		}
		if err := read(e, v); err != nil {
			return nil, err
		}
		if key == abi.EnvelopeKey || key == "codec" || key == "data" {
			found++
		}
	}
	if found != 3 {
		return nil, notEnvelope("one of the keys iprt, codec and data is missing")
	}
	return e, nil
}

var envelopeKeys = map[string]func(*Envelope, datamodel.Node) error{
	abi.EnvelopeKey: (*Envelope).readVersion,
	"codec":         (*Envelope).readCodec,
	"data":          (*Envelope).readData,
	"links":         (*Envelope).readLinks,
	"params":        (*Envelope).readParams,
	"codecs":        (*Envelope).readCodecs,
}

func (e *Envelope) readVersion(n datamodel.Node) error {
	if n.Kind() == datamodel.Kind_Int {
		if v, err := n.AsInt(); err == nil && v == abi.EnvelopeVersion {
			return nil
		}
	}
	return notEnvelope("iprt is not the integer %d", abi.EnvelopeVersion)
}

func (e *Envelope) readCodec(n datamodel.Node) (err error) {
	e.Codec, err = moduleLink("codec", n)
	return err
}

func (e *Envelope) readData(n datamodel.Node) (err error) {
	if n.Kind() == datamodel.Kind_Bytes {
		e.Data, err = n.AsBytes()
		return err
	}
	c, ok := asCID(n)
	if !ok || c.Prefix().Codec != cid.Raw {
		return notEnvelope("data is neither bytes nor a link to a raw block")
	}
	e.DataLink = c
	return nil
}

func (e *Envelope) readLinks(n datamodel.Node) error {
	if n.Kind() != datamodel.Kind_List {
		return notEnvelope("links is not a list")
	}
	e.HasLinks = true
	e.Links = make([]cid.Cid, 0, max(n.Length(), 0))
	for it := n.ListIterator(); !it.Done(); {
		i, v, err := it.Next()
		if err != nil {
			return notEnvelope("%v", err)
		}
		c, ok := asCID(v)
		if !ok {
			return notEnvelope("item %d of links is not a link", i)
		}
		e.Links = append(e.Links, c)
	}
	return nil
}

func (e *Envelope) readParams(n datamodel.Node) error {
	e.Params = n
	return nil
}

func (e *Envelope) readCodecs(n datamodel.Node) error {
	if n.Kind() != datamodel.Kind_Map {
		return notEnvelope("codecs is not a map")
	}
	e.Codecs = make(map[uint64]cid.Cid, max(n.Length(), 0))
	for it := n.MapIterator(); !it.Done(); {
		k, v, err := it.Next()
		if err != nil {
			return notEnvelope("%v", err)
		}
		key, err := k.AsString()
		if err != nil {
			return notEnvelope("%v", err)
		}
		code, err := strconv.ParseUint(key, 10, 63)
		if err != nil || code == 0 || strconv.FormatUint(code, 10) != key {
			return notEnvelope("key %.64q of codecs is not a multicodec code in decimal", key)
		}
		if e.Codecs[code], err = moduleLink("codecs/"+key, v); err != nil {
			return err
		}
	}
	return nil
}

// moduleLink returns the CID of a link to a module.
func moduleLink(key string, n datamodel.Node) (cid.Cid, error) {
	c, ok := asCID(n)
	if !ok {
		return cid.Undef, notEnvelope("%s is not a link", key)
	}
	if codec := c.Prefix().Codec; codec != cid.Raw && codec != cid.DagProtobuf {
		return cid.Undef, notEnvelope("%s is a link with codec 0x%x; a module is raw (0x55) or a UnixFS file (0x70)", key, codec)
	}
	return c, nil
}

func asCID(n datamodel.Node) (cid.Cid, bool) {
	if n.Kind() != datamodel.Kind_Link {
		return cid.Undef, false
	}
	lnk, err := n.AsLink()
	if err != nil {
		return cid.Undef, false
	}
	l, ok := lnk.(cidlink.Link)
	return l.Cid, ok && l.Defined()
}

// Private-use codes mean what those who use them agreed on; every other code means what the multicodec table says.
const (
	privateFirst = 0x300000
	privateLast  = 0x3fffff
)

func isPrivate(code uint64) bool { return code >= privateFirst && code <= privateLast }
