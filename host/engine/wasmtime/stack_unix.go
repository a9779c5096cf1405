//go:build wasmtime && cgo && unix

package wasmtime

import "golang.org/x/sys/unix"

// threadStack is the size of new threads' stacks: the limit on stacks when the program
// started or, if there is none, what the C library takes instead.
func threadStack() uint64 {
	const unlimited = 2 << 20
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_STACK, &limit); err != nil || uint64(limit.Cur) > 1<<40 {
		return unlimited
	}
	return uint64(limit.Cur)
}
