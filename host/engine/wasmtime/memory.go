//go:build wasmtime && cgo

package wasmtime

import (
	"sync/atomic"

	wt "github.com/bytecodealliance/wasmtime-go/v39"

	"github.com/iprt/iprt/host/engine"
)

// memory shows an instance's memory. Asking wasmtime where it lies and how long it is takes
// longer than most uses of it, so the answer is kept until the guest has run.
type memory struct {
	inst *instance // keeps the store, and with it buf, from being freed
	mem  *wt.Memory
	buf  []byte
	old  bool          // whether the guest has run since
	size atomic.Uint64 // of buf, for who closes the instance
}

var (
	_ engine.Memory = (*memory)(nil)
	_ engine.Memory = emptyMemory{}
)

func newMemory(i *instance) *memory {
	m := &memory{inst: i, mem: i.inst.GetExport(i.store, i.code.memory).Memory()}
	m.look()
	return m
}

func (m *memory) look() {
	m.buf, m.old = m.mem.UnsafeData(m.inst.store), false
	m.size.Store(uint64(len(m.buf)))
}

// moved is called when the guest has run.
func (m *memory) moved() { m.old = true }

func (m *memory) Size() uint64 {
	if m.old {
		m.look()
	}
	return uint64(len(m.buf))
}

func (m *memory) View(ptr, n uint32) ([]byte, bool) {
	end := uint64(ptr) + uint64(n)
	if end > m.Size() {
		return nil, false
	}
	return m.buf[ptr:end:end], true
}

// noMemory is what host functions see of a module without one.
var noMemory emptyMemory

type emptyMemory struct{}

func (emptyMemory) Size() uint64 { return 0 }
func (emptyMemory) View(ptr, n uint32) ([]byte, bool) {
	if ptr != 0 || n != 0 {
		return nil, false
	}
	return []byte{}, true
}
