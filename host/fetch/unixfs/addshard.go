package unixfs

import (
	"context"

	"github.com/ipfs/boxo/ipld/unixfs/hamt"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
	"github.com/multiformats/go-multihash"
)

const (
	// maxDirectory is the sum of name and CID lengths above which a directory is
	// sharded, as Kubo does it.
	maxDirectory = 256 << 10
	// shardWidth is the number of slots in a shard.
	shardWidth = 256
)

// putSharded stores a directory that is too large for one block.
func putSharded(ctx context.Context, p Putter, entries []*ipld.Link) (Added, error) {
	s, err := hamt.NewShard(putting{ctx: ctx, p: p}, shardWidth)
	if err != nil {
		return Added{}, err
	}
	s.SetCidBuilder(cid.V1Builder{Codec: cid.DagProtobuf, MhType: multihash.SHA2_256})
	for _, l := range entries {
		if err := s.SetLink(ctx, l.Name, l); err != nil {
			return Added{}, err
		}
	}
	n, err := s.Node()
	if err != nil {
		return Added{}, err
	}
	total, err := n.Size()
	return Added{CID: n.Cid(), Total: total}, err
}

// putting is as much of a DAG service as building shards takes.
type putting struct {
	ipld.DAGService
	ctx context.Context
	p   Putter
}

// Add takes a context that package hamt makes up.
func (s putting) Add(_ context.Context, n ipld.Node) error {
	if err := s.ctx.Err(); err != nil {
		return err
	}
	return s.p.Put(s.ctx, n.Cid(), n.RawData())
}
