package bitswap

import (
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// ticks is how often per patience the watch looks at the clock.
const ticks = 8

func (w *watch) tick() time.Duration { return max(w.patience/ticks, time.Millisecond) }

// look reports why nobody needs to wait for wt any longer, or nil.
func (w *watch) look(wt *want, now time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.review(now)
	anybody, hope, silent := false, false, false
	for p, r := range w.peers {
		anybody = anybody || r.connected
		silent = silent || r.connected && !wt.saidNo(p)
		hope = hope || r.connected && wt.mayCome(p, now, w.patience)
	}
	if hope {
		wt.denied = time.Time{}
		w.remind(wt, now)
		return nil
	}
	if anybody && wt.denied.IsZero() {
		wt.denied = now
	}
	switch {
	case wt.lie != nil && now.Sub(wt.liedAt) >= w.patience:
		return wt.lie
	case !anybody && now.Sub(wt.since) >= w.patience && now.Sub(w.lost) >= w.patience:
		return errNobodyLeft
	case anybody && now.Sub(wt.denied) >= w.grace(silent):
		return errNobodyHas
	}
	return nil
}

// grace is how long to wait for another peer when those that are connected do not
// have a block; longer if some have not said so, and may just be slow.
func (w *watch) grace(silent bool) time.Duration {
	if silent {
		return 4 * w.patience
	}
	return w.patience
}

// remind makes the client ask when it asks nobody. It believes that it has,
// when it sent a want a moment after it took the same want back: that happens
// when a block arrives while others are still being asked for it, and such a
// want is never cancelled, and never sent again. It starts over with peers that
// have gone for a moment.
func (w *watch) remind(wt *want, now time.Time) {
	if now.Sub(wt.since) < w.patience || !w.overlooked(wt, now) {
		return
	}
	wt.since = now
	for p, r := range w.peers {
		if w.worthAsking(r, now) {
			r.resting = now.Add(w.tick())
			w.forget(p)
			w.settle(p, r, now)
		}
	}
}

// overlooked reports whether nobody was told of wt, or nobody was asked to send
// it although somebody said that they have it.
func (w *watch) overlooked(wt *want, now time.Time) bool {
	told, offered := false, false
	for p, a := range wt.asks {
		if r := w.peers[p]; r == nil || !w.worthAsking(r, now) {
			continue
		}
		if !a.block.IsZero() && !a.denied {
			return false
		}
		told = true
		offered = offered || a.have && now.Sub(a.since) >= w.patience
	}
	return !told || offered
}

// review lets peers that have rested be asked again, forgets those that nothing
// is held against, and looks for wants that are stuck.
func (w *watch) review(now time.Time) {
	if now.Sub(w.checked) < w.tick() {
		return
	}
	w.checked = now
	for p, r := range w.peers {
		w.settle(p, r, now)
		if now.Sub(r.lied) >= refusal {
			r.lies = 0
		}
		if !r.connected && !r.asked && r.lies == 0 && !now.Before(r.resting) && !now.Before(r.refused) {
			delete(w.peers, p)
		}
	}
	w.check(now)
}

// check takes wants away from peers that do not deliver, as long as there is
// somebody else to give them to: a peer that may be asked, or else one that
// rests. So everybody has a turn when all are slow.
func (w *watch) check(now time.Time) {
	for _, wt := range w.wants {
		for p, a := range wt.asks {
			if !w.stuck(wt, p, a, now) {
				continue
			}
			if !w.another(wt, p, now) {
				q, r := w.rested(wt, now)
				if r == nil {
					continue
				}
				r.resting = time.Time{}
				w.settle(q, r, now)
			}
			w.rest(p, w.peers[p], now)
		}
	}
}

// stuck reports whether p was asked for the block and will hardly send it: it
// sent something else, or too long nothing that was wanted. Even a peer that
// sends other blocks meanwhile gets three times the patience at most.
func (w *watch) stuck(wt *want, p peer.ID, a *ask, now time.Time) bool {
	r := w.peers[p]
	if r == nil || !w.worthAsking(r, now) || a.block.IsZero() || a.denied {
		return false
	}
	quiet := a.block
	if r.useful.After(quiet) {
		quiet = r.useful
	}
	return wt.liars[p] || now.Sub(quiet) >= w.patienceWith(r, now) || now.Sub(a.block) >= 3*w.patience
}

// patienceWith is less for peers that never sent anything useful, the more of
// them have been waited for in vain already: a crowd of them must not use up
// the time in which an honest one would have answered.
func (w *watch) patienceWith(r *record, now time.Time) time.Duration {
	patience := w.patience
	if !r.useful.IsZero() {
		return patience
	}
	for _, other := range w.peers {
		if other.connected && now.Before(other.resting) && patience > w.tick() {
			patience /= 2
		}
	}
	return patience
}

// another reports whether a peer other than p may have the block.
func (w *watch) another(wt *want, p peer.ID, now time.Time) bool {
	for q, r := range w.peers {
		if q != p && w.worthAsking(r, now) && wt.mayCome(q, now, w.patience) {
			return true
		}
	}
	return false
}

// rested returns the peer that may have the block and has rested for longest.
func (w *watch) rested(wt *want, now time.Time) (first peer.ID, found *record) {
	for q, r := range w.peers {
		if r.connected && now.Before(r.resting) && !now.Before(r.refused) && wt.mayCome(q, now, w.patience) &&
			(found == nil || r.rested.Before(found.rested)) {
			first, found = q, r
		}
	}
	return first, found
}

// rest makes the client give what it expects from p to others. What p sends
// all the same is still taken, and ends the rest.
func (w *watch) rest(p peer.ID, r *record, now time.Time) {
	pause := min(restMin<<min(r.rests, 8), restMax)
	r.rests++
	r.rested, r.resting = now, now.Add(pause)
	if r.lies > 0 {
		w.log.Warn("a peer sends blocks that nobody asked for; others are asked", "peer", p, "for", pause)
	} else {
		w.log.Info("a peer does not send what it was asked for; others are asked", "peer", p, "for", pause)
	}
	w.forget(p)
	w.settle(p, r, now)
}
