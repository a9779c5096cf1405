// Package bitswap gets blocks from libp2p peers, and serves them what is in the
// local block store.
//
// Start with [New] on a libp2p host; the result is a fetch.Source. Only peers
// that the host is connected to are asked: nobody is searched for, so finding
// and connecting to peers stays with the caller.
//
// Bitswap matches blocks to questions by their hash, so a peer that sends wrong
// bytes looks like one that sends nothing. The fetcher checks hashes again all
// the same.
package bitswap

import (
	"context"
	"sync"

	"github.com/iprt/iprt/host/fetch"

	"github.com/ipfs/boxo/bitswap"
	"github.com/ipfs/boxo/bitswap/network"
	"github.com/ipfs/boxo/bitswap/network/bsnet"
	"github.com/ipfs/boxo/blockstore"
	"github.com/ipfs/boxo/exchange"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/host"
)

// Source asks connected peers, and answers them.
type Source struct {
	host   host.Host
	net    network.BitSwapNetwork
	swap   *bitswap.Bitswap
	cancel context.CancelFunc
	close  sync.Once
	err    error
}

var _ fetch.Source = (*Source)(nil)

// New starts bitswap on h: a client, and a server for what is in store. The
// store is read, never written: what arrives is kept by the fetcher, after its
// check. Close it before the host and the store.
func New(h host.Host, store blockstore.Blockstore) *Source {
	ctx, cancel := context.WithCancel(context.Background())
	net := bsnet.NewFromIpfsHost(h)
	return &Source{
		host:   h,
		net:    net,
		swap:   bitswap.New(ctx, net, nil, store, bitswap.WithoutDuplicatedBlockStats()),
		cancel: cancel,
	}
}

// Name implements [fetch.Source].
func (s *Source) Name() string { return "bitswap" }

// Session implements [fetch.Source]. Within a session, peers that had one block
// are asked for the next ones first.
func (s *Source) Session(ctx context.Context, _ cid.Cid, _ fetch.Budget) fetch.Getter {
	return &session{source: s, ctx: ctx}
}

// Close stops client and server. Questions under way fail.
func (s *Source) Close() error {
	s.close.Do(func() {
		s.err = s.swap.Close()
		s.net.Stop()
		s.cancel()
	})
	return s.err
}

// session makes a bitswap session when the first block is asked for: one that
// needs nothing from the network costs nothing.
type session struct {
	source  *Source
	ctx     context.Context
	start   sync.Once
	fetcher exchange.Fetcher
}

// Get implements [fetch.Getter]. Without any peer there is nobody to wait for.
// With peers it waits for ctx, because another one may come and have the block.
func (s *session) Get(ctx context.Context, c cid.Cid) ([]byte, error) {
	if len(s.source.host.Network().Peers()) == 0 {
		return nil, errNoPeers
	}
	s.start.Do(func() { s.fetcher = s.source.swap.NewSession(s.ctx) })
	b, err := s.fetcher.GetBlock(ctx, c)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return nil, err
	}
	return b.RawData(), nil
}

// Announce sends a block that is new in the store to the peers that have asked
// for it. Without, they get it when they ask again, up to a minute later.
func (s *Source) Announce(ctx context.Context, c cid.Cid, block []byte) error {
	b, err := blocks.NewBlockWithCid(block, c)
	if err != nil {
		return err
	}
	return s.swap.NotifyNewBlocks(ctx, b)
}

type noPeers struct{}

func (noPeers) Error() string   { return "not connected to any peer" }
func (noPeers) Is(e error) bool { return e == fetch.ErrNotFound }

var errNoPeers = noPeers{}
