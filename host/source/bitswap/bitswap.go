// Package bitswap gets blocks from libp2p peers, and serves them what is in the
// local block store.
//
// Start with [New] on a libp2p host; the result is a fetch.Source. Only peers
// that the host is connected to are asked: nobody is searched for, so finding
// and connecting to peers stays with the caller.
//
// # Peers that do not deliver
//
// Bitswap matches blocks to questions by their hash, so a peer that says it has
// a block and sends other bytes looks like one that sends nothing. Both are
// noticed: what was asked of them is asked of others, as long as there are
// others, and they are not asked for a while. Who goes on sending blocks that
// nobody asked for is disconnected and refused for some minutes. The fetcher
// checks hashes again all the same.
package bitswap

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/iprt/iprt/host/fetch"

	"github.com/ipfs/boxo/bitswap/client"
	"github.com/ipfs/boxo/bitswap/network/bsnet"
	"github.com/ipfs/boxo/bitswap/server"
	"github.com/ipfs/boxo/blockstore"
	"github.com/ipfs/boxo/exchange"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
)

// DefaultPatience is how long a peer that was asked for a block may send
// nothing useful before others are asked instead.
const DefaultPatience = 2 * time.Second

// An Option changes a setting of a [Source].
type Option func(*watch)

// WithLog sets where peers that do not deliver are reported. The default
// discards.
func WithLog(log *slog.Logger) Option { return func(w *watch) { w.log = log } }

// WithPatience replaces [DefaultPatience]. It is longer than an honest peer
// takes to begin to answer, and a good deal shorter than [fetch.Budget.Idle].
func WithPatience(d time.Duration) Option { return func(w *watch) { w.patience = d } }

// Source asks connected peers, and answers them.
type Source struct {
	host   host.Host
	watch  *watch
	client *client.Client
	server *server.Server
	cancel context.CancelFunc
	close  sync.Once
	err    error
}

var _ fetch.Source = (*Source)(nil)

// New starts bitswap on h: a client, and a server for what is in store. The
// store is read, never written: what arrives is kept by the fetcher, after its
// check. Close it before the host and the store.
func New(h host.Host, store blockstore.Blockstore, opts ...Option) *Source {
	ctx, cancel := context.WithCancel(context.Background())
	w := &watch{
		net:      bsnet.NewFromIpfsHost(h),
		patience: DefaultPatience,
		log:      slog.New(slog.DiscardHandler),
		peers:    make(map[peer.ID]*record),
		wants:    make(map[cid.Cid]*want),
	}
	for _, opt := range opts {
		opt(w)
	}
	w.server = server.New(ctx, w.net, store)
	w.client = client.New(ctx, tap{w.net, w}, nil, store,
		client.WithoutDuplicatedBlockStats(), client.WithBlockReceivedNotifier(w.server))
	w.net.Start(w)
	return &Source{host: h, watch: w, client: w.client, server: w.server, cancel: cancel}
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
		s.watch.net.Stop()
		s.watch.stop()
		s.err = s.client.Close()
		s.server.Close()
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
// When all that are connected said that they do not have the block, or are
// silent, it waits a little longer, for another one that may come and have it.
// If peers sent other bytes in its place and nobody else is left to ask, the
// error is a [*fetch.HashError] that names one of them.
func (s *session) Get(ctx context.Context, c cid.Cid) ([]byte, error) {
	if len(s.source.host.Network().Peers()) == 0 {
		return nil, errNoPeers
	}
	s.start.Do(func() { s.fetcher = s.source.client.NewSession(s.ctx) })
	watch := s.source.watch
	w := watch.open(c, time.Now())
	defer watch.done(w)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	client, err := s.fetcher.GetBlocks(ctx, []cid.Cid{c})
	if err != nil {
		return nil, err
	}
	tick := time.NewTicker(watch.tick())
	defer tick.Stop()
	for {
		select {
		case <-w.ready:
			return w.block, nil
		case b, ok := <-client:
			if ok {
				return b.RawData(), nil
			}
			if err := context.Cause(ctx); err != nil {
				return nil, err
			}
			return nil, errClosed
		case now := <-tick.C:
			if err := watch.look(w, now); err != nil {
				return nil, err
			}
		}
	}
}

// Announce sends a block that is new in the store to the peers that have asked
// for it. Without, they get it when they ask again, up to a minute later.
func (s *Source) Announce(ctx context.Context, c cid.Cid, block []byte) error {
	b, err := blocks.NewBlockWithCid(block, c)
	if err != nil {
		return err
	}
	return errors.Join(s.client.NotifyNewBlocks(ctx, b), s.server.NotifyNewBlocks(ctx, b))
}

// errClosed is for questions that the source or their session did not outlive.
var errClosed = errors.New("bitswap was closed")

// unreachable says why there is nobody to ask.
type unreachable string

func (e unreachable) Error() string { return string(e) }
func (unreachable) Is(e error) bool { return e == fetch.ErrNotFound }

const (
	errNoPeers    = unreachable("not connected to any peer")
	errNobodyLeft = unreachable("no connected peer is left to ask")
	errNobodyHas  = unreachable("no connected peer has it")
)
