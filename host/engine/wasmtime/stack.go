//go:build wasmtime && cgo

package wasmtime

import "fmt"

// Guests run on stacks of threads, and one that overruns such a stack ends the process. A
// call may use a quarter, so that a host function can call another guest, which may
// use a quarter of its own, and so on once more.
const (
	maxStack = 2 << 20
	minStack = 512 << 10 // 32,768 slots, which is where metered guests end, of 8 bytes or, for vectors, of 16
)

func stackPerCall(thread uint64) (int, error) {
	if thread/4 < minStack {
		return 0, fmt.Errorf("wasmtime: threads have stacks of %d bytes, want %d or more (ulimit -s)", thread, 4*minStack)
	}
	return int(min(thread/4, maxStack)), nil
}
