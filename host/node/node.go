package node

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/ipfs/go-cid"
	p2phost "github.com/libp2p/go-libp2p/core/host"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/iprt/iprt/host"
	"github.com/iprt/iprt/host/fetch"
	"github.com/iprt/iprt/host/fetch/flatfs"
	"github.com/iprt/iprt/host/ipldbind"
	"github.com/iprt/iprt/host/node/control"
	"github.com/iprt/iprt/host/node/datadir"
	"github.com/iprt/iprt/host/policy"
	"github.com/iprt/iprt/host/source/bitswap"
)

// Node is an open node. All methods may be called from several goroutines.
type Node struct {
	cfg    Config
	log    *slog.Logger
	dir    *datadir.Dir
	store  *flatfs.Store
	policy *policy.File
	net    p2phost.Host    // nil when nobody is to be reached or to reach us
	swap   *bitswap.Source // nil like net
	fetch  *fetch.Fetcher
	host   *host.Host
	codecs *ipldbind.Codecs
	reg    *prometheus.Registry
	peerID string
	allow  []cid.Cid // what the operator named when the node was opened

	// closers undo Open and Serve, last first.
	closeOnce sync.Once
	closeErr  error
	closers   []func(context.Context) error

	downloads downloads
	borrowed  borrowed

	mu       sync.Mutex
	loading  map[string]bool // bindings being loaded
	bindings map[string]*bound
	doors    doors
}

var _ control.API = (*Node)(nil)

// Open makes a node on a data directory and connects it to the peers it was
// given. ctx bounds the opening, not the node.
//
// Errors are *[control.Error] or can be turned into one by [Explain].
func Open(ctx context.Context, cfg Config) (*Node, error) {
	p, err := cfg.plan()
	if err != nil {
		return nil, err
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	n := &Node{
		cfg: cfg, log: cfg.Log, allow: p.allow, reg: prometheus.NewRegistry(),
		loading: make(map[string]bool), bindings: make(map[string]*bound),
	}
	n.onClose(func(context.Context) error { closeCARs(p.cars); return nil })
	for _, step := range []func(context.Context, plan) error{
		n.openDir, n.openNetwork, n.openHost, n.connect,
	} {
		if err := step(ctx, p); err != nil {
			return nil, errors.Join(err, n.Close(context.WithoutCancel(ctx)))
		}
	}
	return n, nil
}

// onClose registers what undoes a step.
func (n *Node) onClose(f func(context.Context) error) { n.closers = append(n.closers, f) }

// closeGrace is what closing may take when requests have used up the time to
// drain.
const closeGrace = 3 * time.Second

// Close ends the node: it takes no more requests, lets those that run finish
// until ctx ends, closes what is open in reverse order, for at most three
// seconds more, and unlocks the data directory. Everything acknowledged is on
// disk. Closing twice is fine.
func (n *Node) Close(ctx context.Context) error {
	n.closeOnce.Do(func() {
		var errs []error
		n.mu.Lock()
		doors := n.doors.closers
		n.mu.Unlock()
		for _, f := range slices.Backward(doors) {
			errs = append(errs, f(ctx))
		}
		rest := context.WithoutCancel(ctx)
		if end, ok := ctx.Deadline(); ok {
			var cancel context.CancelFunc
			rest, cancel = context.WithDeadline(rest, laterOf(end, time.Now()).Add(closeGrace))
			defer cancel()
		}
		for _, f := range slices.Backward(n.closers) {
			errs = append(errs, f(rest))
		}
		n.closeErr = errors.Join(errs...)
	})
	return n.closeErr
}

func laterOf(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (n *Node) openDir(_ context.Context, _ plan) error {
	dir, err := datadir.Open(n.cfg.Dir)
	if err != nil {
		return err
	}
	n.dir = dir
	n.onClose(func(context.Context) error { return dir.Close() })
	if who := datadir.Strangers(dir.Path()); who != "" {
		n.log.Warn("the data directory can be changed by "+who, "dir", dir.Path())
	}
	if n.policy, err = policy.Open(dir.Join("policy.json")); err != nil {
		return err
	}
	if n.store, err = flatfs.Open(dir.Path()); err != nil {
		return err
	}
	n.onClose(func(context.Context) error { return n.store.Close() })
	return nil
}

func (n *Node) openNetwork(_ context.Context, p plan) error {
	key, err := n.dir.Key()
	if err != nil {
		return err
	}
	if n.peerID, err = PeerID(key); err != nil {
		return err
	}
	sources := append([]fetch.Source{n.builtinSource()}, p.local...)
	if len(p.listen)+len(p.peers) > 0 {
		if n.net, err = newNetwork(key, p.listen, "iprt/"+n.cfg.Version, n.reg); err != nil {
			return err
		}
		n.onClose(func(context.Context) error { return n.net.Close() })
		n.swap = bitswap.New(n.net, n.store.Blockstore(), bitswap.WithLog(n.log))
		n.onClose(func(context.Context) error { return n.swap.Close() })
		sources = append(sources, n.swap)
	}
	if p.release != nil {
		n.onClose(func(context.Context) error { p.release(); return nil })
	}
	sources = append(sources, p.gateways...)
	n.fetch = fetch.New(fetch.Config{Store: n.store, Sources: sources, Log: n.log})
	if n.cfg.Offline {
		n.fetch = n.fetch.Offline()
	}
	n.onClose(n.downloads.close)
	return nil
}

func (n *Node) openHost(context.Context, plan) (err error) {
	n.host, err = host.New(n.cfg.Engine, host.Config{
		Fetch: n.fetch, Policy: n.allowed(), Limits: n.cfg.Limits, Log: n.log, Observer: newObserver(n.reg),
		Artifacts: n.openArtifacts(), Breaker: breaker, Breakers: breakerStore{n.dir.Join(breakerFile)},
	})
	if err != nil {
		return err
	}
	registerHost(n.reg, n.host, n.cfg.Version, n.cfg.Engine.Name())
	n.onClose(n.host.Close)
	n.codecs = ipldbind.New(ipldbind.Config{})
	return nil
}

// connect dials the peers; a patient node then keeps the connections.
func (n *Node) connect(ctx context.Context, p plan) error {
	if n.net == nil || len(p.peers) == 0 {
		return nil
	}
	if err := connect(ctx, n.net, p.peers, n.log); !n.cfg.Patient {
		return err
	}
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var keeping sync.WaitGroup
	keeping.Go(func() { keepConnected(life, n.net, p.peers, n.log) })
	n.onClose(func(context.Context) error {
		cancel()
		keeping.Wait()
		return nil
	})
	return nil
}

// builtinSource serves the modules that are part of the program.
func (n *Node) builtinSource() fetch.Source {
	byHash := make(map[string][]byte, len(n.cfg.Builtin))
	for _, b := range n.cfg.Builtin {
		byHash[string(b.CID.Hash())] = b.Bytes
	}
	return fetch.Func("built in", func(c cid.Cid) ([]byte, error) {
		if b, ok := byHash[string(c.Hash())]; ok {
			return b, nil
		}
		return nil, fetch.ErrNotFound
	})
}
