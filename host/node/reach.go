package node

import (
	"context"
	"time"

	"github.com/ipfs/go-cid"

	"github.com/iprt/iprt/host/fetch"
	"github.com/iprt/iprt/host/node/control"
)

// oneBlock bounds the fetch of a single block that an operator asked for.
var oneBlock = fetch.Budget{Bytes: fetch.MaxBlock, Blocks: 1, Depth: 1, Idle: 20 * time.Second, Total: time.Minute}

// reach returns the fetcher for one request, after it has connected to the
// peers that the request names. release must be called when it is over.
func (n *Node) reach(ctx context.Context, r control.Reach) (f *fetch.Fetcher, release func(), err error) {
	if r.Offline || n.cfg.Offline {
		return n.fetch.Offline(), func() {}, nil
	}
	peers, err := parsePeers(r.Peers)
	if err != nil {
		return nil, nil, err
	}
	if len(peers) > 0 && n.net == nil {
		return nil, nil, control.Errorf(control.Usage, "no-network", "name the peers when the node is opened", "this node was opened without a network")
	}
	if err := connect(ctx, n.net, peers, n.log); err != nil {
		return nil, nil, err
	}
	gateways, release, err := parseGateways(r.Gateways)
	if err != nil {
		return nil, nil, err
	}
	return n.fetch.With(gateways...), release, nil
}

// GetBlock implements [control.API].
func (n *Node) GetBlock(ctx context.Context, text string, r control.Reach) (_ []byte, err error) {
	defer explain(&err)
	c, err := parseCID(text)
	if err != nil {
		return nil, err
	}
	if r.Session != "" {
		return n.block(ctx, c, r)
	}
	f, release, err := n.reach(ctx, r)
	if err != nil {
		return nil, err
	}
	defer release()
	return f.Block(ctx, fetch.Request{CID: c, Budget: oneBlock})
}

// PutBlock implements [control.API].
func (n *Node) PutBlock(ctx context.Context, text string, data []byte) (err error) {
	defer explain(&err)
	c, err := parseCID(text)
	if err != nil {
		return err
	}
	if err := fetch.CheckCID(c); err != nil {
		return err
	}
	if len(data) > control.MaxBlock {
		return control.Errorf(control.Limit, "block-too-large", "add it as a file, which is cut into blocks",
			"a block of %d bytes is larger than the %d that peers exchange", len(data), control.MaxBlock)
	}
	sum, err := c.Prefix().Sum(data)
	if err != nil {
		return err
	}
	if !sum.Equals(c) {
		return control.Errorf(control.Refused, "hash-mismatch", "compute the CID of these bytes anew", "the bytes do not match %s; they are %s", c, sum)
	}
	return n.put(ctx, c, data)
}

// put stores a block of our own and tells peers that wait for it.
func (n *Node) put(ctx context.Context, c cid.Cid, data []byte) error {
	if err := n.store.Put(ctx, c, data); err != nil {
		return err
	}
	if n.swap == nil {
		return nil
	}
	if err := n.swap.Announce(ctx, c, data); err != nil {
		n.log.Debug("cannot announce a block", "cid", c, "err", err)
	}
	return nil
}

func parseCID(text string) (cid.Cid, error) {
	c, err := cid.Decode(text)
	if err != nil {
		return cid.Undef, control.Errorf(control.Usage, "bad-cid", "a CID looks like bafkrei… or Qm…", "%q is not a CID: %w", text, err)
	}
	return c, nil
}
