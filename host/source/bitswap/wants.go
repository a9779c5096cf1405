package bitswap

import (
	"time"

	"github.com/iprt/iprt/host/fetch"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"
)

// want is a block that somebody here waits for, and what peers said about it.
type want struct {
	cid     cid.Cid
	waiting int       // questions that it answers
	since   time.Time // it was opened
	closed  time.Time // nobody waits any longer, and it was not answered
	asks    map[peer.ID]*ask

	// liars sent other bytes after they were asked for this block; lie is the
	// latest and liedAt when it came.
	liars  map[peer.ID]bool
	lie    *fetch.HashError
	liedAt time.Time
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
	key := string(c.Hash())
	_, young := r.young[key]
	_, old := r.old[key]
	return young || old
}
