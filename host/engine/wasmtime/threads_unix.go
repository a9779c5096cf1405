//go:build wasmtime && cgo && unix

package wasmtime

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// checkThreads compares what guests may use with the stacks of threads, which have the size
// of the limit on stacks when the program starts. Overrunning one ends the process.
func checkThreads() error {
	const need = 2 * maxStack // of which one is for the host's functions and the Go runtime
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_STACK, &limit); err != nil {
		return fmt.Errorf("wasmtime: size of stacks: %w", err)
	}
	if uint64(limit.Cur) < need {
		return fmt.Errorf("wasmtime: stacks of threads are %d bytes, want %d or more (ulimit -s)", limit.Cur, need)
	}
	return nil
}
