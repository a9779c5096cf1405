package node

import (
	"log/slog"
	"os"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/iprt/iprt/host"
	"github.com/iprt/iprt/host/engine"
	"github.com/iprt/iprt/host/fetch"
	"github.com/iprt/iprt/host/node/control"
)

// Config says what a node is made of. Dir and Engine are required.
type Config struct {
	// Dir is the data directory. It is made if it does not exist, and belongs
	// to one process at a time.
	Dir string

	// Engine runs the modules. It stays the caller's, and must stay open until
	// Close has returned.
	Engine engine.Engine

	// Listen are the multiaddrs to listen on. With none, the node reaches others
	// and cannot be reached.
	Listen []string

	// Peers are multiaddrs ending in /p2p/ID. Open connects to them, and fails
	// if none of them answers, unless the node is Patient.
	Peers []string

	// Patient nodes open although no peer answers, and dial their peers again
	// for as long as they are open.
	Patient bool

	// Gateways are base URLs of trustless gateways to fetch blocks from.
	Gateways []string

	// From are paths of CAR files, and of folders that hold blocks in files named
	// by their CID. They are asked after the store and before any network, also
	// when Offline; what is read from them is not copied to the store.
	From []string

	// Offline makes a node without any network. It contradicts Listen, Peers
	// and Gateways, which are ignored.
	Offline bool

	// Allow lists modules, by CID, that may run while this node is open.
	Allow []string

	// Builtin are the modules that come with the program. They may run without
	// a grant.
	Builtin []Builtin

	// CompileArgs are the arguments with which this program compiles one module,
	// as artifact.ChildMain does it with the same engine. With none, code is not kept,
	// and modules that are dear to compile are refused.
	CompileArgs []string

	// Limits bounds what modules cost. The zero value is safe.
	Limits host.Limits

	// Log receives the node's log. Nil drops it.
	Log *slog.Logger

	// Version is told to peers and shown by Status.
	Version string
}

// Builtin is a module that is part of the program.
type Builtin struct {
	Name  string  // may be used in place of the CID
	CID   cid.Cid // raw, sha2-256, of Bytes
	Bytes []byte
}

// plan is a Config that was read: everything that can be wrong with the words
// of the operator is found before anything is touched.
type plan struct {
	listen   []ma.Multiaddr
	peers    []peer.AddrInfo
	gateways []fetch.Source
	release  func() // of the gateways; nil when offline
	local    []fetch.Source
	cars     []*fetch.CAR // among local, to be closed
	allow    []cid.Cid
}

func (c Config) plan() (p plan, err error) {
	if c.Engine == nil || c.Dir == "" {
		return p, control.Errorf(control.Usage, "usage", "", "node: Config needs Dir and Engine")
	}
	if p.allow, err = parseCIDs(c.Allow); err != nil {
		return p, err
	}
	if p.local, p.cars, err = openLocal(c.From); err != nil {
		return p, err
	}
	defer func() {
		if err != nil {
			closeCARs(p.cars)
		}
	}()
	if c.Offline {
		return p, nil
	}
	if p.listen, err = parseListen(c.Listen); err != nil {
		return p, err
	}
	if p.peers, err = parsePeers(c.Peers); err != nil {
		return p, err
	}
	p.gateways, p.release, err = parseGateways(c.Gateways)
	return p, err
}

// openLocal makes sources of CAR files and folders.
func openLocal(paths []string) (sources []fetch.Source, cars []*fetch.CAR, err error) {
	for _, path := range paths {
		info, err := os.Stat(path)
		switch {
		case err != nil:
			err = control.Errorf(control.NotFound, "no-such-file", "name a CAR file, or a folder of blocks in files named by their CID",
				"cannot read blocks from %s: %w", path, err)
		case info.IsDir():
			sources = append(sources, fetch.Dir(path, os.DirFS(path)))
		default:
			var car *fetch.CAR
			if car, err = fetch.OpenCAR(path); err == nil {
				cars, sources = append(cars, car), append(sources, car)
			}
		}
		if err != nil {
			closeCARs(cars)
			return nil, nil, err
		}
	}
	return sources, cars, nil
}

func closeCARs(cars []*fetch.CAR) {
	for _, c := range cars {
		_ = c.Close() // only read from
	}
}

// parseGateways makes sources of URLs. The function it returns drops their idle
// connections.
func parseGateways(urls []string) (sources []fetch.Source, release func(), err error) {
	var gateways []*fetch.Gateway
	release = func() {
		for _, g := range gateways {
			_ = g.Close() // nothing is lost with an idle connection
		}
	}
	for _, u := range urls {
		g, err := fetch.NewGateway(u, fetch.GatewayOptions{})
		if err != nil {
			release()
			return nil, nil, control.Errorf(control.Usage, "bad-gateway", "write it like http://127.0.0.1:8080", "%w", err)
		}
		gateways, sources = append(gateways, g), append(sources, g)
	}
	return sources, release, nil
}
