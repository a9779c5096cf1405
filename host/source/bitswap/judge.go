package bitswap

import (
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// ticks is how often per patience the watch looks at the clock.
const ticks = 8

// look reports why nobody needs to wait for wt any longer, or nil.
func (w *watch) look(wt *want, now time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.review(now)
	anybody, hope := false, false
	for p, r := range w.peers {
		anybody = anybody || r.connected
		hope = hope || r.connected && wt.mayCome(p, now, w.patience)
	}
	switch {
	case hope:
		return nil
	case wt.lie != nil && now.Sub(wt.liedAt) >= w.patience:
		return wt.lie
	case !anybody && now.Sub(wt.since) >= w.patience && now.Sub(w.lost) >= w.patience:
		return errNobodyLeft
	}
	return nil
}

// review lets peers that have rested be asked again, forgets those that nothing
// is held against, and looks for wants that are stuck.
func (w *watch) review(now time.Time) {
	if now.Sub(w.checked) < w.patience/ticks {
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
	for c, wt := range w.wants {
		if wt.waiting == 0 && now.Sub(wt.closed) >= w.patience {
			delete(w.wants, c)
		}
	}
	w.check(now)
}

// check takes wants away from peers that do not deliver, as long as there is
// somebody else to give them to.
func (w *watch) check(now time.Time) {
	for _, wt := range w.wants {
		for p, a := range wt.asks {
			if wt.waiting > 0 && w.stuck(wt, p, a, now) && w.another(wt, p, now) {
				w.rest(p, w.peers[p], now)
			}
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
		if other.connected && now.Before(other.resting) && patience > w.patience/ticks {
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

// rest makes the client give what it expects from p to others. What p sends
// all the same is still taken, and ends the rest.
func (w *watch) rest(p peer.ID, r *record, now time.Time) {
	pause := min(restMin<<min(r.rests, 8), restMax)
	r.rests++
	r.resting = now.Add(pause)
	if r.lies > 0 {
		w.log.Warn("a peer sends blocks that nobody asked for; others are asked", "peer", p, "for", pause)
	} else {
		w.log.Info("a peer does not send what it was asked for; others are asked", "peer", p, "for", pause)
	}
	w.forget(p)
	w.settle(p, r, now)
}
