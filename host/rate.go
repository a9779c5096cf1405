package host

import (
	"sync"
	"time"
)

// rate is what all calls of a binding may spend in the long run. Calls spend
// first and are counted after, so it may be in debt; while it is, nothing
// more is spent. A nil rate has no bound.
type rate struct {
	perSecond, most int64

	mu    sync.Mutex
	level int64
	at    int64 // when level held, as [Host.clock] counts
}

// newRate returns nil if there is no bound.
func newRate(perSecond, most, now int64) *rate {
	if perSecond == 0 {
		return nil
	}
	most = max(most, perSecond)
	return &rate{perSecond: perSecond, most: most, level: most, at: now}
}

// spend takes n. It returns 0 if there was something left before, or else,
// with nothing taken, how long it will be until there is.
func (r *rate) spend(n, now int64) time.Duration {
	if r == nil {
		return 0
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refill(now)
	if r.level <= 0 {
		return time.Duration(float64(1-r.level) / float64(r.perSecond) * float64(time.Second))
	}
	r.level -= n
	return 0
}

// settle takes n that was spent already, or gives it back if it is negative.
func (r *rate) settle(n int64) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.level = min(r.level-n, r.most)
}

func (r *rate) refill(now int64) {
	dt := now - r.at
	if dt <= 0 {
		return
	}
	// In floating point, where nothing overflows; an error of one in 2^52 is no matter.
	gain := float64(dt) / float64(time.Second) * float64(r.perSecond)
	if gain < 1 {
		return // keep the time until it amounts to something
	}
	r.at = now
	r.level += int64(min(gain, float64(r.most-r.level)))
}
