package bitswap

import (
	"time"

	"github.com/iprt/iprt/host/fetch"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"
)

// want is a block that somebody here waits for, and what peers said about it.
// All who wait for the same block share one.
type want struct {
	cid     cid.Cid
	waiting int       // questions that it answers
	since   time.Time // it was opened, or the client was reminded of it
	asks    map[peer.ID]*ask
	denied  time.Time     // since when nobody who is connected may have it; zero: somebody may
	ready   chan struct{} // closed when block is set
	block   []byte

	// liars sent other bytes after they were asked for this block; lie is the
	// latest and liedAt when it came.
	liars  map[peer.ID]bool
	lie    *fetch.HashError
	liedAt time.Time
}

func newWant(c cid.Cid, now time.Time) *want {
	return &want{cid: c, since: now, asks: make(map[peer.ID]*ask), ready: make(chan struct{}), liars: make(map[peer.ID]bool)}
}

// answer hands the block to all who wait. The first one counts.
func (w *want) answer(block []byte) {
	if w.block == nil {
		w.block = block
		close(w.ready)
	}
}

// ask is a want as one peer knows it.
type ask struct {
	since  time.Time // the peer heard of it, or spoke of it
	block  time.Time // it was asked to send the block; zero: only whether it has it
	have   bool      // it said that it has it
	denied bool      // it said that it has not
}

func (w *want) ask(p peer.ID, now time.Time) *ask {
	a, ok := w.asks[p]
	if !ok {
		a = &ask{since: now}
		w.asks[p] = a
	}
	return a
}

// mayCome reports whether p may still send the block. A peer that was asked
// whether it has a block, and has not, need not answer: its silence is a no.
func (w *want) mayCome(p peer.ID, now time.Time, patience time.Duration) bool {
	if w.liars[p] {
		return false
	}
	a, ok := w.asks[p]
	switch {
	case !ok:
		return true
	case a.denied:
		return false
	}
	return a.have || !a.block.IsZero() || now.Sub(a.since) < patience
}

// saidNo reports whether p said that it has not got the block, or sent another.
func (w *want) saidNo(p peer.ID) bool {
	a, ok := w.asks[p]
	return w.liars[p] || ok && a.denied
}

// recentWants is how many hashes of wants are remembered, at least.
const recentWants = 8192

// recent remembers what was asked for lately, so that a block that comes twice,
// or too late, is not taken for a lie. It is two generations of a set.
type recent struct{ young, old map[string]struct{} }

func (r *recent) add(c cid.Cid) {
	if len(r.young) >= recentWants {
		r.young, r.old = nil, r.young
	}
	if r.young == nil {
		r.young = make(map[string]struct{})
	}
	r.young[string(c.Hash())] = struct{}{}
}

func (r *recent) has(c cid.Cid) bool {
	_, young := r.young[string(c.Hash())]
	_, old := r.old[string(c.Hash())]
	return young || old
}
