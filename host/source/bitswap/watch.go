package bitswap

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/iprt/iprt/host/fetch"

	"github.com/ipfs/boxo/bitswap/client"
	"github.com/ipfs/boxo/bitswap/message"
	pb "github.com/ipfs/boxo/bitswap/message/pb"
	"github.com/ipfs/boxo/bitswap/network"
	"github.com/ipfs/boxo/bitswap/server"
	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"
)

const (
	// A peer that keeps us waiting is not asked for restMin, and twice as long
	// each time it does so again.
	restMin = 30 * time.Second
	restMax = 16 * restMin
	// maxLies is how many messages with blocks that nobody asked for a peer may
	// send, with nothing useful between them, before it is refused. One proves
	// nothing: a node that starts again under its old identity may receive what
	// its predecessor asked for.
	maxLies = 8
	// refusal is how long nothing is taken from a peer that lied too often.
	refusal = 5 * time.Minute
)

// watch stands between the network and bitswap. It sees what every peer is
// asked for and what it answers, and tells the client only of peers that are
// worth asking.
//
// The client itself waits for a peer that said HAVE for as long as it stays
// connected, whatever it sends or does not send. To make it ask somebody else,
// the watch tells it that the peer has gone.
type watch struct {
	client   *client.Client
	server   *server.Server
	net      network.BitSwapNetwork
	patience time.Duration
	log      *slog.Logger
	closing  sync.WaitGroup // connections

	mu      sync.Mutex // held while client and server hear of peers; they never call back then
	peers   map[peer.ID]*record
	wants   map[cid.Cid]*want
	recent  recent
	closed  bool
	checked time.Time
	lost    time.Time // a peer went
}

var _ network.Receiver = (*watch)(nil)

// record is what is known of a peer. It outlives the connection while there is
// something to hold against the peer.
type record struct {
	connected bool
	useful    time.Time // latest block that was wanted
	lies      int       // messages with unwanted blocks since then
	lied      time.Time // the latest of them
	rests     int       // how often it was left alone since then
	rested    time.Time // since when it is not asked
	resting   time.Time // not asked until then
	refused   time.Time // not listened to until then

	asked   bool      // the client knows it
	left    time.Time // the client was told that it has gone
	served  bool      // the server knows it
	talking int       // messages that the client is reading
}

// open notes that somebody waits for c.
func (w *watch) open(c cid.Cid, now time.Time) *want {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.review(now)
	wt, ok := w.wants[c]
	if !ok {
		wt = newWant(c, now)
		w.wants[c] = wt
	}
	wt.waiting++
	wt.denied = time.Time{}
	w.recent.add(c)
	return wt
}

// done ends what open began.
func (w *watch) done(wt *want) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.recent.add(wt.cid)
	if wt.waiting--; wt.waiting == 0 {
		delete(w.wants, wt.cid)
	}
}

// sent notes what p is about to be asked.
func (w *watch) sent(p peer.ID, m message.BitSwapMessage) {
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range m.Wantlist() {
		wt, ok := w.wants[e.Cid]
		if !ok || e.Cancel {
			continue
		}
		if a := wt.ask(p, now); e.WantType == pb.Message_Wantlist_Block && a.block.IsZero() {
			a.block = now
		}
	}
}

// ReceiveMessage implements network.Receiver. What comes from a peer that is
// not asked never reaches the client: a mere HAVE would make it wait again.
func (w *watch) ReceiveMessage(ctx context.Context, p peer.ID, m message.BitSwapMessage) {
	toClient, toServer := w.receive(p, m, time.Now())
	if toClient {
		w.client.ReceiveMessage(ctx, p, m)
		w.mu.Lock()
		r := w.peers[p]
		r.talking--
		w.settle(p, r, time.Now())
		w.mu.Unlock()
	}
	if toServer {
		w.server.ReceiveMessage(ctx, p, m)
	}
}

func (w *watch) receive(p peer.ID, m message.BitSwapMessage, now time.Time) (toClient, toServer bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r := w.record(p)
	if w.closed || now.Before(r.refused) {
		return false, false
	}
	useful, lie := false, -1
	for _, b := range m.Blocks() {
		if wt := w.wants[b.Cid()]; wt != nil {
			useful = true
			wt.answer(b.RawData())
		} else if !w.recent.has(b.Cid()) {
			lie = len(b.RawData())
		}
	}
	if useful {
		w.forgive(p, r)
		*r = record{connected: r.connected, useful: now, asked: r.asked, left: r.left, served: r.served, talking: r.talking}
	}
	for _, bp := range m.BlockPresences() {
		if wt := w.wants[bp.Cid]; wt != nil {
			a := wt.ask(p, now)
			a.have = a.have || bp.Type == pb.Message_Have
			a.denied = !a.have
		}
	}
	if lie >= 0 {
		w.lied(p, r, lie, now)
	}
	w.settle(p, r, now)
	if r.asked && w.worthAsking(r, now) {
		r.talking++
		toClient = true
	}
	return toClient, !now.Before(r.refused)
}

// lied takes note of a block that nobody here asked for. Which want it was
// meant to answer, it does not say.
func (w *watch) lied(p peer.ID, r *record, size int, now time.Time) {
	for _, wt := range w.wants {
		if wt.asks[p] != nil {
			wt.liars[p] = true
			wt.lie = &fetch.HashError{CID: wt.cid, Source: "bitswap peer " + p.String(), Size: size}
			wt.liedAt = now
		}
	}
	r.lied = now
	if r.lies++; r.lies < maxLies {
		w.check(now)
		return
	}
	w.log.Warn("a peer keeps sending blocks that nobody asked for; it is refused", "peer", p, "for", refusal)
	r.lies = 0
	r.refused = now.Add(refusal)
	w.forget(p)
	w.hangUp(p)
}

// forgive takes back what lied noted: a peer that sends what is wanted does not
// mean to answer everything with something else.
func (w *watch) forgive(p peer.ID, r *record) {
	if r.lies == 0 {
		return
	}
	for _, wt := range w.wants {
		if delete(wt.liars, p); len(wt.liars) == 0 {
			wt.lie = nil
		}
	}
}

// stop makes the watch deaf and waits for what it started.
func (w *watch) stop() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.closing.Wait()
}

// PeerConnected implements network.Receiver.
func (w *watch) PeerConnected(p peer.ID) {
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	r := w.record(p)
	r.connected = true
	if now.Before(r.refused) {
		w.hangUp(p)
	}
	w.settle(p, r, now)
}

// PeerDisconnected implements network.Receiver.
func (w *watch) PeerDisconnected(p peer.ID) {
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	r := w.record(p)
	r.connected = false
	w.lost = now
	w.forget(p)
	w.settle(p, r, now)
}

// ReceiveError implements network.Receiver.
func (w *watch) ReceiveError(err error) {
	w.client.ReceiveError(err)
}

// hangUp closes the connection to p. It does not wait: closing tells us.
func (w *watch) hangUp(p peer.ID) {
	w.closing.Go(func() {
		if err := w.net.DisconnectFrom(context.Background(), p); err != nil {
			w.log.Debug("cannot disconnect from a peer", "peer", p, "err", err)
		}
	})
}

func (w *watch) record(p peer.ID) *record {
	r, ok := w.peers[p]
	if !ok {
		r = new(record)
		w.peers[p] = r
	}
	return r
}

// forget drops what p was asked: it will not answer, or is asked anew later.
func (w *watch) forget(p peer.ID) {
	for _, wt := range w.wants {
		delete(wt.asks, p)
	}
}

func (w *watch) worthAsking(r *record, now time.Time) bool {
	return r.connected && !now.Before(r.resting) && !now.Before(r.refused)
}

// settle makes client and server know p exactly if they should. The client is
// slow to understand that a peer has gone. If it reads a message from p while
// it is told, or hears at once that p is back, it waits for p forever.
func (w *watch) settle(p peer.ID, r *record, now time.Time) {
	switch ask := w.worthAsking(r, now); {
	case ask && !r.asked && now.Sub(r.left) >= w.tick():
		r.asked = true
		w.client.PeerConnected(p)
	case !ask && r.asked && r.talking == 0:
		r.asked, r.left = false, now
		w.client.PeerDisconnected(p)
	}
	switch serve := r.connected && !now.Before(r.refused); {
	case serve && !r.served:
		r.served = true
		w.server.PeerConnected(p)
	case !serve && r.served:
		r.served = false
		w.server.PeerDisconnected(p)
	}
}
