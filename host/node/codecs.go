package node

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multicodec"
	"github.com/multiformats/go-multihash"

	"github.com/iprt/iprt/host"
	"github.com/iprt/iprt/host/fetch"
	"github.com/iprt/iprt/host/ipldbind"
	"github.com/iprt/iprt/host/node/control"
)

// codecSet is what one request decodes and encodes with: the codecs of the
// node, and those that are loaded for this request alone.
type codecSet struct {
	*ipldbind.Codecs
	node    *Node
	fetch   *fetch.Fetcher
	allow   []cid.Cid // modules that the request allows
	release []func()
}

func (n *Node) newCodecSet(f *fetch.Fetcher, allow []cid.Cid) (*codecSet, error) {
	s := &codecSet{Codecs: ipldbind.New(ipldbind.Config{}), node: n, fetch: f, allow: allow}
	for _, code := range n.codecs.Codes() {
		if c, ok := n.codecs.Lookup(code); ok {
			if err := s.Add(code, c); err != nil {
				return nil, err
			}
		}
	}
	return s, nil
}

// close gives back what the request borrowed.
func (s *codecSet) close() {
	for _, release := range s.release {
		release()
	}
}

// retry runs f, and runs it again with one codec more for as long as it fails
// for want of a codec that can be had. A codec is so loaded when it is needed,
// and no other is.
func (s *codecSet) retry(ctx context.Context, f func() error) error {
	for {
		err := f()
		missing, ok := errors.AsType[*ipldbind.UnknownCodecError](err)
		if !ok {
			return err
		}
		found, loadErr := s.find(ctx, missing.Multicodec)
		if loadErr != nil {
			return loadErr
		}
		if !found {
			return control.Errorf(control.NotFound, "unknown-codec",
				"name a codec module for it with --allow CID, or load one into the running node with `iprt load MODULE`", "%w", err)
		}
	}
}

// find loads a codec for a code. A running node has the codecs that its
// operator loaded, and the request may add others. A node that lives for one
// request also has those that are built in or granted, as if it had loaded
// them at its start.
func (s *codecSet) find(ctx context.Context, code uint64) (bool, error) {
	candidates := slices.Clone(s.allow)
	if !s.node.serving() {
		for _, b := range s.node.cfg.Builtin {
			candidates = append(candidates, b.CID)
		}
		candidates = append(candidates, s.node.policy.Document().Allow...)
	}
	for i, c := range candidates {
		v, err := s.fetch.File(ctx, fetch.Request{CID: c, Budget: fetch.Pinned})
		if err != nil {
			if i < len(s.allow) || ctx.Err() != nil { // this request asked for it
				return false, err
			}
			s.node.log.Warn("cannot fetch a module that is granted", "cid", c, "err", err)
			continue
		}
		r, err := s.node.host.Inspect(ctx, v)
		if err != nil {
			return false, err
		}
		if !decodes(r, code) {
			continue
		}
		return true, s.load(ctx, v)
	}
	return false, nil
}

func decodes(r *host.Report, code uint64) bool {
	for _, role := range r.Roles {
		if role.Callable && role.Code == code {
			return true
		}
	}
	return false
}

// load takes a module for this request only, without grants: those belong to
// places that an operator filled, and any module may claim any name.
func (s *codecSet) load(ctx context.Context, v fetch.Verified) error {
	c, release, err := s.node.borrow(withAllowed(ctx, s.allow), v, true)
	if err != nil {
		return err
	}
	s.release = append(s.release, release)
	return s.Add(c.Code(), c)
}

// DagPut implements [control.API].
func (n *Node) DagPut(ctx context.Context, r control.DagPutRequest) (_ control.Put, err error) {
	defer explain(&err)
	code, err := n.codecCode(ctx, r.Codec)
	if err != nil {
		return control.Put{}, err
	}
	if len(r.Document) > control.MaxDocument {
		return control.Put{}, control.Errorf(control.Limit, "request-too-large", "", "the document is larger than %d bytes", control.MaxDocument)
	}
	doc, err := parseDagJSON(r.Document)
	if err != nil {
		return control.Put{}, err
	}
	s, err := n.newCodecSet(n.fetch, nil)
	if err != nil {
		return control.Put{}, err
	}
	defer s.close()
	ctx = inControl(ctx)
	var block []byte
	err = s.retry(ctx, func() (err error) {
		block, err = s.Encode(ctx, code, doc, nil)
		return err
	})
	if err != nil {
		return control.Put{}, err
	}
	return n.putNew(ctx, code, block)
}

// putNew stores a block that was just made.
func (n *Node) putNew(ctx context.Context, code uint64, block []byte) (control.Put, error) {
	if len(block) > control.MaxBlock {
		return control.Put{}, control.Errorf(control.Limit, "block-too-large", "cut the data into several documents that link each other",
			"a block of %d bytes is larger than the %d that peers exchange", len(block), control.MaxBlock)
	}
	hash, err := multihash.Sum(block, multihash.SHA2_256, -1)
	if err != nil {
		return control.Put{}, err
	}
	c := cid.NewCidV1(code, hash)
	return control.Put{CID: c.String(), Size: len(block)}, n.put(ctx, c, block)
}

// codecCode finds the multicodec code of a name: that of a codec which is
// loaded or built in, or one of the multicodec table; or it is a number.
func (n *Node) codecCode(ctx context.Context, name string) (uint64, error) {
	if code, err := strconv.ParseUint(name, 0, 63); err == nil && code > 0 {
		return code, nil
	}
	for _, m := range n.host.Modules() {
		if c, ok := m.Manifest().Codec(); ok && c.Name == name {
			return c.Code, nil
		}
	}
	for _, b := range n.cfg.Builtin {
		r, err := n.host.Inspect(ctx, fetch.FromBytes(b.Bytes, b.Name))
		if err != nil {
			return 0, err
		}
		for _, role := range r.Roles {
			if role.Name == name {
				return role.Code, nil
			}
		}
	}
	var code multicodec.Code
	if err := code.Set(name); err != nil {
		return 0, control.Errorf(control.NotFound, "unknown-codec", "give the name of a codec that is loaded, or the number of a multicodec", "there is no codec %q", name)
	}
	return uint64(code), nil
}
