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
	Started   uint64 // instances started
	Discarded uint64 // instances thrown away after a trap, a limit or a breach of the ABI

	Instances   int    // alive now
	InUse       int    // of those, acquired now, or being started
	MemoryBytes uint64 // linear memory of the living instances

	LastError     string    // why an instance was last discarded or did not start; empty if never
	LastErrorTime time.Time // zero if never
}

// stats counts for a module. Calls touch only the atomics.
type stats struct {
	calls, failures    atomic.Uint64
	started, discarded atomic.Uint64

	mu     sync.Mutex
	last   string
	lastAt time.Time
}

func (s *stats) called(err error) {
	s.calls.Add(1)
	if err != nil {
		s.failures.Add(1)
	}
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
		Calls: m.stat.calls.Load(), Failed: m.stat.failures.Load(),
		Started: m.stat.started.Load(), Discarded: m.stat.discarded.Load(),
		InUse: m.pool.inUse(),
	}
	m.stat.mu.Lock()
	s.LastError, s.LastErrorTime = m.stat.last, m.stat.lastAt
	m.stat.mu.Unlock()

	m.mu.Lock()
	defer m.mu.Unlock()
	s.Instances = len(m.guests)
	for g := range m.guests {
		s.MemoryBytes += g.bytes.Load()
	}
	return s
}

// enlist and strike keep the list of living guests, and tell the observer.

func (m *Module) enlist(g *guest) {
	m.mu.Lock()
	m.guests[g] = struct{}{}
	m.mu.Unlock()
	m.stat.started.Add(1)
	if o := m.host.cfg.Observer; o != nil {
		o.InstanceStarted(m.id, m.binding.Name)
	}
}

func (m *Module) strike(g *guest) {
	m.mu.Lock()
	delete(m.guests, g)
	m.mu.Unlock()
	if g.dead {
		m.stat.discarded.Add(1)
	}
	if o := m.host.cfg.Observer; o != nil {
		o.InstanceEnded(m.id, m.binding.Name, g.dead)
	}
}
