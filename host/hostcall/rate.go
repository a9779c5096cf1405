package hostcall

import (
	"sync"
	"time"
)

// LogRate bounds what several instances together log in the long run, so that neither
// many short calls nor many instances get past the budget of one. Guests do not notice:
// an entry that is dropped is answered like one that was written, or the log would be a
// way to talk to each other.
//
// All methods may be called from several goroutines at once. A nil LogRate has no bound.
type LogRate struct {
	linesPerSecond, bytesPerSecond float64

	mu           sync.Mutex
	now          func() time.Time
	at           time.Time // when the two below held
	lines, bytes float64   // what may be logged now
	missed       int       // entries dropped since the last one that was not
}

// savedSeconds is how many seconds' worth of logging can be saved up.
const savedSeconds = 10

// NewLogRate makes one that admits so many entries and bytes a second, and ten times as
// many at once.
func NewLogRate(linesPerSecond, bytesPerSecond int) *LogRate {
	r := &LogRate{linesPerSecond: float64(linesPerSecond), bytesPerSecond: float64(bytesPerSecond), now: time.Now}
	r.at, r.lines, r.bytes = r.now(), savedSeconds*r.linesPerSecond, savedSeconds*r.bytesPerSecond
	return r
}

// admit asks to log n bytes. If it may, missed is the number of entries that were dropped
// before.
func (r *LogRate) admit(n int) (ok bool, missed int) {
	if r == nil {
		return true, 0
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := r.now(); now.After(r.at) {
		passed := now.Sub(r.at).Seconds()
		r.at = now
		r.lines = min(r.lines+passed*r.linesPerSecond, savedSeconds*r.linesPerSecond)
		r.bytes = min(r.bytes+passed*r.bytesPerSecond, savedSeconds*r.bytesPerSecond)
	}
	if r.lines < 1 || r.bytes < float64(n) {
		r.missed++
		return false, 0
	}
	r.lines--
	r.bytes -= float64(n)
	missed, r.missed = r.missed, 0
	return true, missed
}
