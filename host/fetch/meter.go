package fetch

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ipfs/go-cid"
)

// Progress says how far a request has come.
type Progress struct {
	Bytes  int64 // bytes of all blocks so far
	Blocks int   // blocks so far
	// Claimed is the size of the file as its root block claims it, or 0 while
	// nothing is known. It may be a lie until the file is complete.
	Claimed int64
	// Sources are the bytes that each source delivered.
	Sources map[string]int64
}

// progressEvery is the shortest time between two progress calls.
const progressEvery = 100 * time.Millisecond

// meter counts what a request has used up.
type meter struct {
	root   cid.Cid
	budget Budget
	report func(Progress)

	mu       sync.Mutex
	asked    int // blocks asked for, compared with the budget before reading
	blocks   int
	bytes    int64
	claimed  int64
	from     map[string]int64
	reported time.Time
}

func newMeter(r Request) *meter {
	return &meter{root: r.CID, budget: r.Budget, report: r.Progress, from: make(map[string]int64), reported: time.Now()}
}

// ask charges n visits of blocks, before they are read.
func (m *meter) ask(n int) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if limit := m.budget.Blocks; limit >= 0 && n > limit-m.asked {
		return &BudgetError{CID: m.root, What: "blocks", Limit: int64(limit)}
	}
	m.asked += n
	return nil
}

func (m *meter) roomLocked(n int64) error {
	if limit := m.budget.wire(); limit >= 0 && n > limit-m.bytes {
		return &BudgetError{CID: m.root, What: "bytes", Limit: m.budget.Bytes}
	}
	return nil
}

// took charges a block that arrived.
func (m *meter) took(n int, source string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.roomLocked(int64(n)); err != nil {
		return err
	}
	m.bytes += int64(n)
	m.blocks++
	m.from[source] += int64(n)
	if m.report != nil && time.Since(m.reported) >= progressEvery {
		m.reportLocked()
	}
	return nil
}

// repeat charges a block that is used again without being fetched again.
func (m *meter) repeat(n int) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.roomLocked(int64(n)); err != nil {
		return err
	}
	m.bytes += int64(n)
	return nil
}

func (m *meter) claim(size int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.claimed = size
}

// finish makes the last progress call.
func (m *meter) finish() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.report != nil {
		m.reportLocked()
	}
}

func (m *meter) reportLocked() {
	m.reported = time.Now()
	from := make(map[string]int64, len(m.from))
	for name, n := range m.from {
		from[name] = n
	}
	m.report(Progress{Bytes: m.bytes, Blocks: m.blocks, Claimed: m.claimed, Sources: from})
}

// sources names who delivered, in alphabetical order.
func (m *meter) sources() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	names := make([]string, 0, len(m.from))
	for name := range m.from {
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}
