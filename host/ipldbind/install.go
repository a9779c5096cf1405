package ipldbind

import (
	"context"
	"fmt"
	"hash"
	"io"
	"sync"

	"github.com/ipld/go-ipld-prime/codec"
	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/ipld/go-ipld-prime/linking"
	cidlink "github.com/ipld/go-ipld-prime/linking/cid"
	"github.com/ipld/go-ipld-prime/node/basicnode"
)

// Install puts the codecs in front of those that lsys has: a code that is in the set when a block is loaded or stored is handled by its
// module, any other falls through to the chooser that was there. It changes DecoderChooser and EncoderChooser and nothing
// global, and is to be called before lsys is in use.
//
// Decoders check a block's hash themselves before the module sees a byte, even if lsys.TrustedStorage is set, with lsys's HasherChooser as it
// is now. They read no more of a block than Config.Limits.Block.
func (s *Codecs) Install(lsys *linking.LinkSystem) {
	decoders, encoders, hashers := lsys.DecoderChooser, lsys.EncoderChooser, lsys.HasherChooser
	lsys.DecoderChooser = func(lnk datamodel.Link) (codec.Decoder, error) {
		if l, ok := lnk.(cidlink.Link); ok {
			if c, ok := s.Lookup(l.Prefix().Codec); ok {
				return s.decoder(c, l, hashers), nil
			}
		}
		if decoders == nil {
			return nil, noChooser("decoder", lnk)
		}
		return decoders(lnk)
	}
	lsys.EncoderChooser = func(lp datamodel.LinkPrototype) (codec.Encoder, error) {
		if p, ok := lp.(cidlink.LinkPrototype); ok {
			if c, ok := s.Lookup(p.Codec); ok {
				return s.encoder(c), nil
			}
		}
		if encoders == nil {
			return nil, noChooser("encoder", lp)
		}
		return encoders(lp)
	}
}

func noChooser(what string, of any) error {
	return fmt.Errorf("no codec module is the %s for %v, and the link system had none of its own", what, of)
}

// hasherChooser is the type of LinkSystem.HasherChooser.
type hasherChooser = func(datamodel.LinkPrototype) (hash.Hash, error)

func (s *Codecs) decoder(c *Codec, lnk cidlink.Link, hashers hasherChooser) codec.Decoder {
	return func(na datamodel.NodeAssembler, r io.Reader) error {
		block, err := readBlock(r, s.cfg.Limits.block())
		if err != nil {
			return err
		}
		if err := verify(hashers, lnk, block); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(s.cfg.Context, s.cfg.Timeout)
		defer cancel()
		return c.DecodeInto(ctx, block, nil, na)
	}
}

func (s *Codecs) encoder(c *Codec) codec.Encoder {
	return func(n datamodel.Node, w io.Writer) error {
		ctx, cancel := context.WithTimeout(s.cfg.Context, s.cfg.Timeout)
		defer cancel()
		buf := buffers.Get().(*[]byte)
		block, err := c.AppendEncode(ctx, (*buf)[:0], n, nil)
		if err != nil {
			return err
		}
		_, err = w.Write(block)
		if cap(block) <= keepBuffer {
			*buf = block
			buffers.Put(buf)
		}
		return err
	}
}

// buffers keeps the memory of blocks between encoding and writing. An io.Writer keeps nothing of what it is given.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// Load loads the block that lnk names from lsys, checks its hash, and decodes it, with a codec of the set if there is one for its
// code and with lsys's own decoder otherwise. The result is of prototype np; nil means a view, or basicnode where a native
// decoder is used. lsys.NodeReifier applies, as it does in LinkSystem.Load.
func (s *Codecs) Load(ctx context.Context, lsys *linking.LinkSystem, lnk datamodel.Link, np datamodel.NodePrototype) (datamodel.Node, error) {
	l, ok := lnk.(cidlink.Link)
	if !ok {
		return nil, &LinkError{Link: lnk.String(), Reason: fmt.Sprintf("is a %T, not a CID", lnk)}
	}
	block, err := loadBlock(ctx, lsys, l, s.cfg.Limits.block())
	if err != nil {
		return nil, err
	}
	n, err := s.build(ctx, lsys, l, block, np)
	if err != nil || lsys.NodeReifier == nil {
		return n, err
	}
	return lsys.NodeReifier(linking.LinkContext{Ctx: ctx}, n, lsys)
}

// build decodes a verified block.
func (s *Codecs) build(ctx context.Context, lsys *linking.LinkSystem, lnk cidlink.Link, block []byte, np datamodel.NodePrototype) (datamodel.Node, error) {
	c, ok := s.Lookup(lnk.Prefix().Codec)
	if !ok {
		return decodeNative(lsys, lnk, block, np)
	}
	if np == nil {
		return c.Decode(ctx, block, nil)
	}
	nb := np.NewBuilder()
	if err := c.DecodeInto(ctx, block, nil, nb); err != nil {
		return nil, err
	}
	return nb.Build(), nil
}

// decodeNative decodes a verified block with the decoder that lsys has for it.
func decodeNative(lsys *linking.LinkSystem, lnk cidlink.Link, block []byte, np datamodel.NodePrototype) (datamodel.Node, error) {
	if lsys.DecoderChooser == nil {
		return nil, &UnknownCodecError{Multicodec: lnk.Prefix().Codec}
	}
	decode, err := lsys.DecoderChooser(lnk)
	if err != nil {
		return nil, err
	}
	if np == nil {
		np = basicnode.Prototype.Any
	}
	nb := np.NewBuilder()
	if err := decode(nb, newBlockReader(block)); err != nil {
		return nil, err
	}
	return nb.Build(), nil
}
