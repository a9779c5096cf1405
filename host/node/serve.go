package node

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/iprt/iprt/host/node/control"
)

// Doors says through which ways, besides libp2p, a node can be reached.
type Doors struct {
	// HTTP is the HOST:PORT of the trustless gateway. Empty means none.
	HTTP string
	// Metrics is the HOST:PORT of the Prometheus page. Empty means none.
	Metrics string
}

// doors is what is open.
type doors struct {
	control       *control.Socket
	http, metrics string
	started       time.Time
	closers       []func(context.Context) error
}

// Serve opens the control socket and the doors that are asked for, and returns
// when all of them accept. Close shuts them. It is called once.
//
// Errors: as for [Open]; what was opened before the error stays open until
// Close.
func (n *Node) Serve(ctx context.Context, d Doors) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	open := doors{started: time.Now()}
	if d.HTTP != "" {
		h, err := trustlessGateway(n.store.Blockstore(), n.reg)
		if err != nil {
			return err
		}
		s, err := listenTCP("--http", d.HTTP, h, n.log)
		if err != nil {
			return err
		}
		n.closeDoor(s)
		open.http = fmt.Sprintf("http://%s", s.addr)
	}
	if d.Metrics != "" {
		n.reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
		s, err := listenTCP("--metrics", d.Metrics, metricsHandler(n.reg), n.log)
		if err != nil {
			return err
		}
		n.closeDoor(s)
		open.metrics = fmt.Sprintf("http://%s/metrics", s.addr)
	}
	socket, err := control.Listen(n.dir.Path())
	if err != nil {
		return err
	}
	s := serve(socket, control.Handler(n, n.log), n.log)
	n.closeDoor(s)
	open.control = socket
	n.mu.Lock()
	defer n.mu.Unlock()
	open.closers = n.doors.closers
	n.doors = open
	return nil
}

// closeDoor registers a server to be stopped before anything else is closed.
func (n *Node) closeDoor(s *webServer) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.doors.closers = append(n.doors.closers, s.stop)
}

// Status implements [control.API].
func (n *Node) Status(context.Context) (control.Status, error) {
	n.mu.Lock()
	open := n.doors
	n.mu.Unlock()
	s := control.Status{
		Peer:      n.peerID,
		Addresses: addresses(n.net),
		Version:   n.cfg.Version,
		Engine:    n.cfg.Engine.Name(),
		DataDir:   n.dir.Path(),
		Offline:   n.net == nil,
		HTTP:      open.http,
		Metrics:   open.metrics,
		Started:   open.started,
		Peers:     []string{},
	}
	if open.control != nil {
		s.Running, s.Control = true, open.control.Path()
	}
	if n.net != nil {
		for _, id := range n.net.Network().Peers() {
			s.Peers = append(s.Peers, id.String())
		}
	}
	return s, nil
}

// serving reports whether the node has doors, rather than living for one
// request.
func (n *Node) serving() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.doors.control != nil
}
