package ipldbind

import (
	"bytes"
	"context"
	"errors"
	"maps"

	"github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/codec/dagcbor"
	"github.com/ipld/go-ipld-prime/datamodel"
	cidlink "github.com/ipld/go-ipld-prime/linking/cid"
	"github.com/ipld/go-ipld-prime/node/basicnode"

	"github.com/iprt/iprt/host/fetch"
)

// load moves to the root of a block.
func (w *walk) load(ctx context.Context, c cid.Cid, at int) error {
	block, err := w.bytes(ctx, c)
	if err != nil {
		return err
	}
	n, err := w.decode(ctx, c, block)
	if err != nil {
		return err
	}
	w.node, w.block, w.since, w.env, w.why = n, c, at, nil, nil
	if c.Prefix().Codec == cid.DagCBOR {
		w.env, w.why = ParseEnvelope(n)
	}
	return nil
}

// bytes loads a block and pays for it.
func (w *walk) bytes(ctx context.Context, c cid.Cid) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	full := w.r.Budget.filled()
	if w.budget.Blocks--; w.budget.Blocks < 0 {
		return nil, &BudgetError{What: "blocks", Limit: int64(full.Blocks)}
	}
	block, err := loadBlock(ctx, w.lsys, cidlink.Link{Cid: c}, int(min(w.budget.Bytes, int64(w.limits().block()))))
	if err != nil {
		if w.budget.Bytes < int64(w.limits().block()) && isSize(err) {
			return nil, &BudgetError{What: "bytes", Limit: full.Bytes}
		}
		return nil, err
	}
	w.budget.Bytes -= int64(len(block))
	return block, nil
}

func (w *walk) limits() Limits {
	if w.r.Codecs == nil {
		return Limits{}
	}
	return w.r.Codecs.cfg.Limits
}

// decode decodes a verified block: raw as it is, a private-use code with the codec that an envelope above has for it, any other with the
// program's own.
func (w *walk) decode(ctx context.Context, c cid.Cid, block []byte) (datamodel.Node, error) {
	code := c.Prefix().Codec
	if code == cid.Raw {
		return basicnode.NewBytes(block), nil
	}
	if module, ok := w.scope[code]; ok {
		codec, err := w.module(ctx, module)
		if err != nil {
			return nil, err
		}
		return codec.Decode(ctx, block, nil)
	}
	if w.r.Codecs != nil {
		if codec, ok := w.r.Codecs.Lookup(code); ok {
			return codec.Decode(ctx, block, nil)
		}
	}
	n, err := decodeNative(w.lsys, cidlink.Link{Cid: c}, block, nil)
	if err != nil && code == cid.DagCBOR && isEnvelopeHead(block) {
		return decodeHeader(block)
	}
	return n, err
}

// isEnvelopeHead reports whether a DAG-CBOR block begins as every envelope does: a map of 3 to 6 keys, of which "data" is the
// first in DAG-CBOR's order.
func isEnvelopeHead(block []byte) bool {
	return len(block) > 6 && block[0] >= 0xa3 && block[0] <= 0xa6 && bytes.HasPrefix(block[1:], []byte("\x64data"))
}

// decodeHeader decodes an envelope natively: what a program without any DAG-CBOR codec starts from.
func decodeHeader(block []byte) (datamodel.Node, error) {
	// Each link costs at most its length in the block, and so does the data; the rest is for the keys and a few parameters.
	budget := int64(len(block)) + 4<<10
	nb := basicnode.Prototype.Any.NewBuilder()
	err := dagcbor.DecodeOptions{AllowLinks: true, AllocationBudget: budget}.Decode(nb, bytes.NewReader(block))
	if err != nil {
		return nil, err
	}
	return nb.Build(), nil
}

// enter moves from an envelope to the root of its data, which begins at step at.
func (w *walk) enter(ctx context.Context, at int) error {
	env := w.env
	codec, err := w.module(ctx, env.Codec)
	if err != nil {
		return err
	}
	data := env.Data
	if env.DataLink.Defined() {
		if data, err = w.bytes(ctx, env.DataLink); err != nil {
			return &EnvelopeError{Envelope: w.block, Reason: "its data", Err: err}
		}
	}
	n, err := env.open(ctx, codec, data)
	if err != nil {
		return inEnvelope(w.block, "its data cannot be decoded", err)
	}
	w.scope = below(w.scope, env.Codecs)
	w.node, w.env, w.why, w.since = n, nil, nil, at
	w.entered = append(w.entered, w.block)
	return nil
}

// below adds the private-use codes of an envelope to those of the ones above it. Other codes are not an envelope's to define.
func below(scope, codecs map[uint64]cid.Cid) map[uint64]cid.Cid {
	if len(codecs) == 0 {
		return scope
	}
	scope = maps.Clone(scope)
	if scope == nil {
		scope = make(map[uint64]cid.Cid)
	}
	for code, module := range codecs {
		if isPrivate(code) {
			scope[code] = module
		}
	}
	return scope
}

// module returns the codec of a module that an envelope names, if the policy allows it.
func (w *walk) module(ctx context.Context, c cid.Cid) (*Codec, error) {
	if codec, ok := w.loaded[c]; ok {
		return codec, nil
	}
	if err := fetch.CheckFileCID(c); err != nil {
		return nil, &EnvelopeError{Envelope: w.block, Reason: "the link to its codec", Err: err}
	}
	if w.r.Modules == nil {
		return nil, &EnvelopeError{Envelope: w.block, Reason: "this program has no way to load modules"}
	}
	if w.budget.Modules--; w.budget.Modules < 0 {
		return nil, &BudgetError{What: "modules", Limit: int64(w.r.Budget.filled().Modules)}
	}
	if err := w.allow(ctx, c); err != nil {
		return nil, err
	}
	codec, release, err := w.r.Modules.Load(ctx, c)
	if err != nil {
		return nil, inEnvelope(w.block, "its codec cannot be loaded", err)
	}
	w.undo = append(w.undo, release)
	if w.loaded == nil {
		w.loaded = make(map[cid.Cid]*Codec)
	}
	w.loaded[c] = codec
	return codec, nil
}

// allow asks the policy. A module that could not be fetched to be looked at was not refused: that error stays what it is.
func (w *walk) allow(ctx context.Context, c cid.Cid) error {
	policy := w.r.Policy
	if policy == nil {
		policy = Deny()
	}
	var info ModuleInfo
	var failed error
	asked := false
	err := policy.Allow(ctx, Candidate{Module: c, Envelope: w.block, Inspect: func(ctx context.Context) (ModuleInfo, error) {
		if !asked {
			asked = true
			info, failed = w.r.Modules.Inspect(ctx, c)
		}
		return info, failed
	}})
	switch {
	case err == nil:
		return nil
	case failed != nil && errors.Is(err, failed):
		return inEnvelope(w.block, "its codec cannot be fetched", failed)
	}
	return &PolicyError{Module: c, Envelope: w.block, Err: err}
}
