package host

import (
	"sync"
	"sync/atomic"
	"time"
)

// Stats is what a module has been doing since it was loaded.
type Stats struct {
	Calls     uint64 // role calls that entered the module
	Failed    uint64 // of those, the ones that returned an error
	Fuel      uint64 // executed, starts included, in the units of spec/metering.md
	Started   uint64 // instances started
	Discarded uint64 // instances thrown away after a trap, a limit or a breach of the ABI
	Resets    uint64 // instances put back to their first state for another domain

	Instances   int    // alive now
	InUse       int    // of those, acquired now, or being started
	MemoryBytes uint64 // linear memory of the living instances

	LastError     string    // why an instance was last discarded or did not start; empty if never
	LastErrorTime time.Time // zero if never
}

// HostStats is what a host is doing now, for gauges.
type HostStats struct {
	Modules     int    // loaded
	Instances   int    // alive
	MemoryBytes uint64 // their linear memory

	RunTokens      int // see Config.RunTokens
	RunTokensInUse int
	RunQueue       int // calls that wait for one

	Quarantined int // modules and domains, see Host.Quarantined
}

// Stats returns how busy the host is.
func (h *Host) Stats() HostStats {
	s := HostStats{
		RunTokens: h.cfg.RunTokens, RunTokensInUse: h.turns.inUse(), RunQueue: int(h.turns.waiting.Load()),
		Quarantined: len(h.Quarantined()),
	}
	for _, m := range h.Modules() {
		ms := m.Stats()
		s.Modules++
		s.Instances += ms.Instances
		s.MemoryBytes += ms.MemoryBytes
	}
	return s
}

// stats counts for a module what guests do not count themselves.
type stats struct {
	started, discarded, resets atomic.Uint64

	// What ended guests have counted. Guarded by the module's mu.
	calls, failed, fuel uint64

	mu     sync.Mutex
	last   string
	lastAt time.Time
}

func (s *stats) fault(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last, s.lastAt = err.Error(), time.Now()
}

// Stats returns the counts as they are now. They are consistent in themselves
// only when nothing is running.
func (m *Module) Stats() Stats {
	s := Stats{
		Started: m.stat.started.Load(), Discarded: m.stat.discarded.Load(), Resets: m.stat.resets.Load(),
		InUse: m.pool.inUse(),
	}
	m.stat.mu.Lock()
	s.LastError, s.LastErrorTime = m.stat.last, m.stat.lastAt
	m.stat.mu.Unlock()

	m.mu.Lock()
	defer m.mu.Unlock()
	s.Instances = len(m.guests)
	s.Calls, s.Failed, s.Fuel = m.stat.calls, m.stat.failed, m.stat.fuel
	for g := range m.guests {
		s.MemoryBytes += g.bytes.Load()
		s.Calls += g.calls.Load()
		s.Failed += g.failed.Load()
		s.Fuel += g.burnt.Load()
	}
	return s
}

// enlist and strike keep the list of living guests, and tell the observer.

func (m *Module) enlist(g *guest) {
	m.mu.Lock()
	m.guests[g] = struct{}{}
	m.mu.Unlock()
	m.pool.enrol(g)
	m.stat.started.Add(1)
	if o := m.host.cfg.Observer; o != nil {
		o.InstanceStarted(m.id, m.binding.Name)
	}
}

func (m *Module) strike(g *guest) {
	m.mu.Lock()
	delete(m.guests, g)
	m.stat.calls += g.calls.Load()
	m.stat.failed += g.failed.Load()
	m.stat.fuel += g.burnt.Load()
	m.mu.Unlock()
	m.pool.strike(g)
	if g.dead {
		m.stat.discarded.Add(1)
	}
	if o := m.host.cfg.Observer; o != nil {
		o.InstanceEnded(m.id, m.binding.Name, g.dead)
	}
}
