package host

import "runtime"

// Limits bounds what modules can cost the host. The zero value is safe: each
// zero field means the default named beside it. A negative value is an error
// of [New].
//
// What is not bounded yet: the time a call takes. Until code is metered, a
// guest that loops occupies its goroutine until it ends by itself, no context
// or deadline interrupts it, and compiled code that loops stalls the Go
// garbage collector. Allow only modules you trust not to loop.
type Limits struct {
	// MaxMemoryBytes caps the linear memory of one instance. A module that
	// declares a larger minimum is refused; a larger maximum is cut down.
	// Default 64 MiB, at most 4 GiB.
	MaxMemoryBytes int64

	// MaxInstances caps the live instances of one module. [Module.Acquire]
	// waits at the bound. Default 2·GOMAXPROCS, at least 4.
	MaxInstances int

	// MaxInputBytes caps each input of a call. Default 16 MiB.
	MaxInputBytes int64

	// MaxOutputBytes caps the result of a call. Default 32 MiB.
	MaxOutputBytes int64

	// MaxLogLine caps one log entry in bytes; the rest is cut off. Default
	// 4 KiB.
	MaxLogLine int

	// MaxLogLines and MaxLogBytes cap what an instance may log while it is
	// acquired; what goes beyond is dropped, and the log says so once.
	// Defaults 1,000 and 256 KiB.
	MaxLogLines, MaxLogBytes int
}

const maxMemoryBytes = 4 << 30 // what 32-bit pointers reach

// withDefaults fills the zero fields.
func (l Limits) withDefaults() Limits {
	def(&l.MaxMemoryBytes, 64<<20)
	def(&l.MaxInstances, max(4, 2*runtime.GOMAXPROCS(0)))
	def(&l.MaxInputBytes, 16<<20)
	def(&l.MaxOutputBytes, 32<<20)
	def(&l.MaxLogLine, 4<<10)
	def(&l.MaxLogLines, 1000)
	def(&l.MaxLogBytes, 256<<10)
	return l
}

func def[T int | int64](p *T, v T) {
	if *p == 0 {
		*p = v
	}
}
