package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	p2phost "github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	quic "github.com/libp2p/go-libp2p/p2p/transport/quic"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	ws "github.com/libp2p/go-libp2p/p2p/transport/websocket"
	ma "github.com/multiformats/go-multiaddr"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/iprt/iprt/host/node/control"
)

const (
	// dialTimeout bounds one attempt to connect to a peer somebody named.
	dialTimeout = 10 * time.Second
	// Peers named at the start are dialled again for as long as the node runs.
	redialMin = time.Second
	redialMax = time.Minute
)

// newNetwork makes a libp2p host that listens where it is told and contacts
// nobody by itself: no discovery, no relays, no hole punching, no address
// mapping in routers, no reachability probes.
func newNetwork(key crypto.PrivKey, listen []ma.Multiaddr, agent string, reg prometheus.Registerer) (p2phost.Host, error) {
	opts := []libp2p.Option{
		libp2p.Identity(key),
		libp2p.UserAgent(agent),
		libp2p.Transport(tcp.NewTCPTransport),
		libp2p.Transport(quic.NewTransport),
		libp2p.Transport(ws.New),
		libp2p.DisableRelay(),
		libp2p.DisableIdentifyAddressDiscovery(),
		libp2p.NoListenAddrs, // see below
	}
	if reg != nil {
		opts = append(opts, libp2p.PrometheusRegisterer(reg))
	} else {
		opts = append(opts, libp2p.DisableMetrics())
	}
	h, err := libp2p.New(opts...)
	if err != nil {
		return nil, fmt.Errorf("cannot start the network: %w", err)
	}
	// Not left to libp2p.New, which leaks half a host when it cannot listen, and
	// is content when one address of several works.
	for _, a := range listen {
		if err := h.Network().Listen(a); err != nil {
			return nil, errors.Join(control.Errorf(control.Failed, "listen", "choose another address with --listen, for example /ip4/127.0.0.1/tcp/0",
				"cannot listen on %s: %w", a, listenReason(err)), h.Close())
		}
	}
	return h, nil
}

// listenReason digs out what the system said.
func listenReason(err error) error {
	if e, ok := errors.AsType[*net.OpError](err); ok {
		return e.Err
	}
	return err
}

// PeerID is the peer that a key makes.
func PeerID(key crypto.PrivKey) (string, error) {
	id, err := peer.IDFromPrivateKey(key)
	return id.String(), err
}

// parseListen reads the multiaddrs to listen on.
func parseListen(texts []string) ([]ma.Multiaddr, error) {
	var addrs []ma.Multiaddr
	for _, s := range texts {
		a, err := ma.NewMultiaddr(s)
		if err != nil {
			return nil, control.Errorf(control.Usage, "bad-multiaddr", "write it like /ip4/127.0.0.1/tcp/4001",
				"%q is not a multiaddr to listen on: %w", s, err)
		}
		addrs = append(addrs, a)
	}
	return addrs, nil
}

// parsePeers reads multiaddrs that end in /p2p/ID and merges those of one peer.
func parsePeers(texts []string) ([]peer.AddrInfo, error) {
	var addrs []ma.Multiaddr
	for _, s := range texts {
		a, err := ma.NewMultiaddr(s)
		if err == nil {
			_, err = peer.AddrInfoFromP2pAddr(a)
		}
		if err != nil {
			return nil, control.Errorf(control.Usage, "bad-multiaddr",
				"copy an address that the other node prints, like /ip4/192.0.2.1/tcp/4001/p2p/12D3Koo…",
				"%q is not the multiaddr of a peer: %w", s, err)
		}
		addrs = append(addrs, a)
	}
	infos, err := peer.AddrInfosFromP2pAddrs(addrs...)
	if err != nil {
		return nil, control.Errorf(control.Usage, "bad-multiaddr", "", "bad peer addresses: %w", err)
	}
	return infos, nil
}

// connect dials peers at once. It fails only if none of them answers: with one
// that does, there is somebody to ask.
func connect(ctx context.Context, h p2phost.Host, peers []peer.AddrInfo, log *slog.Logger) error {
	errs := make([]error, len(peers))
	var wg sync.WaitGroup
	for i, p := range peers {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, dialTimeout)
			defer cancel()
			errs[i] = h.Connect(ctx, p)
		})
	}
	wg.Wait()
	failed := 0
	for i, err := range errs {
		if err != nil {
			failed++
			log.Warn("cannot connect to a peer", "peer", peers[i].ID, "err", dialReason(err))
		}
	}
	if failed == 0 || failed < len(peers) {
		return nil
	}
	if err := context.Cause(ctx); err != nil {
		return err
	}
	return control.Errorf(control.NotFound, "unreachable-peer",
		"check that the other node runs, that this is one of the addresses it prints, and that nothing blocks the way",
		"cannot connect to peer %s: %w", peers[0].ID, dialReason(errs[0]))
}

// dialReason makes one line of a failed dial's report: what the last address
// tried had to say, which is what a person needs.
func dialReason(err error) error {
	if d, ok := errors.AsType[*swarm.DialError](err); ok {
		if n := len(d.DialErrors); n > 0 {
			return d.DialErrors[n-1].Cause
		}
		if d.Cause != nil {
			return d.Cause
		}
	}
	return err
}

// keepConnected dials the peers now and again whenever a connection is lost,
// until ctx ends.
func keepConnected(ctx context.Context, h p2phost.Host, peers []peer.AddrInfo, log *slog.Logger) {
	var wg sync.WaitGroup
	for _, p := range peers {
		wg.Go(func() { keepOne(ctx, h, p, log) })
	}
	wg.Wait()
}

func keepOne(ctx context.Context, h p2phost.Host, p peer.AddrInfo, log *slog.Logger) {
	for wait := redialMin; ; {
		if h.Network().Connectedness(p.ID) != network.Connected {
			dial, cancel := context.WithTimeout(ctx, dialTimeout)
			err := h.Connect(dial, p)
			cancel()
			switch {
			case ctx.Err() != nil:
				return
			case err != nil:
				log.Warn("cannot connect to a peer; will try again", "peer", p.ID, "wait", wait, "err", dialReason(err))
				wait = min(2*wait, redialMax)
			default:
				log.Info("connected to a peer", "peer", p.ID)
				wait = redialMin
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// addresses lists where h listens, each with /p2p/ID, ready to be given to
// another node.
func addresses(h p2phost.Host) []string {
	if h == nil {
		return []string{}
	}
	self := ma.StringCast("/p2p/" + h.ID().String())
	out := []string{}
	for _, a := range h.Addrs() {
		out = append(out, fmt.Sprint(a.Encapsulate(self)))
	}
	return out
}
