package host

import "sync/atomic"

// memory counts the linear memory of all instances of a host, and the stacks of
// calls that last longer than a slice of fuel. Instances are paid for before
// they are made; what they grow by is seen at the next slice of fuel or at the
// end of the call, so that as many calls as there are processors can be ahead
// of the count, by MaxMemoryBytes and a stack each.
type memory struct {
	most int64
	used atomic.Int64
}

// reserve takes n bytes if there are so many.
func (m *memory) reserve(n uint64) bool {
	if m.used.Add(int64(n)) <= m.most {
		return true
	}
	m.used.Add(-int64(n))
	return false
}

func (m *memory) over() bool { return m.used.Load() > m.most }

// makeRoom reserves memory for an instance, closing idle ones as needed.
func (h *Host) makeRoom(m *Module) error {
	n := m.startMemory()
	for !h.memory.reserve(n) {
		if !h.evict() {
			return &LimitError{Module: m.id, Limit: LimitTotalMemory, Value: n, Max: uint64(h.memory.most), excused: true}
		}
	}
	return nil
}

// startMemory is what an instance has to begin with.
func (m *Module) startMemory() uint64 {
	if m.info.Memory == nil {
		return 0
	}
	return uint64(m.info.Memory.Min) * pageSize
}

// evict closes one idle instance, of whichever module was loaded first.
func (h *Host) evict() bool {
	for _, m := range h.life.modules() {
		if m.pool.evict() {
			return true
		}
	}
	return false
}

// stacker is an engine.Instance that can say how large the stack is, in bytes,
// of the call that runs on it.
type stacker interface{ StackBytes() uint64 }

// crowded is the error of a call that is one too many.
func (g *guest) crowded() error {
	return &LimitError{Module: g.m.id, Limit: LimitTotalMemory, Max: uint64(g.m.host.memory.most), excused: true}
}

// unwound counts off the stack of the call that ends.
func (g *guest) unwound() {
	if n := g.run.stack; n != 0 {
		g.run.stack = 0
		g.counted -= n
		g.m.host.memory.used.Add(-int64(n))
	}
}

// account counts what the guest has grown by, its stack included. It is false
// if all guests together have too much by then.
func (g *guest) account() bool {
	total := &g.m.host.memory
	size := g.mem.Size()
	if g.stacker != nil {
		g.run.stack = g.stacker.StackBytes()
		size += g.run.stack
	}
	if size != g.counted {
		total.used.Add(int64(size) - int64(g.counted))
		g.counted = size
	}
	for total.over() {
		if !g.m.host.evict() {
			return false
		}
	}
	return true
}
