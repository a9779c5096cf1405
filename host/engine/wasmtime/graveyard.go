//go:build wasmtime && cgo

package wasmtime

import (
	"runtime"
	"sync"
)

// graveyard counts instances that are closed but not yet freed. Their memory is not on Go's
// heap, so that the collector does not know how much there is to gain, and is told to run.
type graveyard struct {
	mu     sync.Mutex
	buried weight // now
	left   weight // when the collector was last told to run
}

type weight struct {
	count int
	bytes uint64
}

// What may wait on top of what the last run of the collector could not free.
const (
	maxBuried      = 64
	maxBuriedBytes = 64 << 20
)

func (g *graveyard) add(i *instance) {
	w := weight{count: 1}
	if i.mem != nil {
		w.bytes = i.mem.size.Load()
	}
	runtime.AddCleanup(i, g.freed, w)
	g.mu.Lock()
	g.buried.count += w.count
	g.buried.bytes += w.bytes
	full := g.buried.count-g.left.count >= maxBuried || g.buried.bytes >= g.left.bytes+maxBuriedBytes
	if full {
		g.left = g.buried // until the cleanups say how much of it went
	}
	g.mu.Unlock()
	if full {
		runtime.GC()
	}
}

func (g *graveyard) freed(w weight) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.buried.count -= w.count
	g.buried.bytes -= w.bytes
	g.left.count = min(g.left.count, g.buried.count)
	g.left.bytes = min(g.left.bytes, g.buried.bytes)
}
