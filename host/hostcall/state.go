package hostcall

import (
	"log/slog"
	"maps"

	"github.com/iprt/iprt/host/hostcall/wasi"
)

// Options say what an instance gets from its host. The zero value is an instance without
// configuration whose log is dropped.
type Options struct {
	// Log receives the guest's log entries and its output, each as a message made safe to
	// show. Attributes that tell modules apart are the caller's to add. nil drops all.
	Log *slog.Logger
	// Config holds the values of iprt:config/v1. The values must not change.
	Config map[string][]byte
	// Limits bound the log.
	Limits Limits
	// LogRate, if set, bounds the log of all instances that share it.
	LogRate *LogRate
}

// Limits bound what one instance can put into the log. Zero fields mean their default.
type Limits struct {
	LogLine  int // bytes of one entry, the rest is cut off; default 4 KiB
	LogLines int // entries until [State.Renew]; default 1,000
	LogBytes int // bytes of all entries until [State.Renew]; default 256 KiB
}

func (l Limits) withDefaults() Limits {
	for _, f := range []struct {
		field *int
		value int
	}{
		{&l.LogLine, 4 << 10},
		{&l.LogLines, 1000},
		{&l.LogBytes, 256 << 10},
	} {
		if *f.field == 0 {
			*f.field = f.value
		}
	}
	return l
}

// State is what one instance sees of its host. Make it with [New].
//
// It belongs to one instance and, as that does, to one goroutine at a time.
type State struct {
	log    *slog.Logger
	config map[string][]byte
	limits Limits
	rate   *LogRate
	budget budget
	wasi   wasi.State
}

// New returns the state for a fresh instance.
func New(o Options) *State {
	s := &State{log: o.Log, config: maps.Clone(o.Config), limits: o.Limits.withDefaults(), rate: o.LogRate}
	s.wasi.Output = s.output
	s.Renew()
	return s
}

// EndCall is to be called when a call into the instance has ended, in whatever way: it
// logs what the guest wrote after its last line feed.
func (s *State) EndCall() { s.wasi.Flush() }

// Renew gives the instance a fresh log budget, as when it is handed to another caller.
func (s *State) Renew() {
	s.budget = budget{lines: s.limits.LogLines, bytes: s.limits.LogBytes}
}

// Snapshot is what [State.Restore] puts the state of an instance back to.
type Snapshot struct{ wasi wasi.Snapshot }

// Snapshot returns the state as it is between two calls, without the log budget.
func (s *State) Snapshot() Snapshot { return Snapshot{s.wasi.Snapshot()} }

// Restore is for an instance whose memory and globals were put back to those of an
// instance of the same module and the same Options, from which the snapshot comes: it
// does the same to the clock, the random bytes and the descriptors, and renews the log
// budget.
func (s *State) Restore(to Snapshot) {
	s.wasi.Restore(to.wasi)
	s.Renew()
}
