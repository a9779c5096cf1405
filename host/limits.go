package host

import (
	"fmt"
	"runtime"
	"time"
)

// Limits bounds what modules can cost the host. The zero value is safe: each
// zero field means the default named beside it, and where there are two, the
// second is for modules that the operator pinned ([Binding.Pinned]). A
// negative value is an error of [New].
//
// Config.Limits holds for every binding; Binding.Limits replaces the fields
// that it sets.
//
// # What is bounded elsewhere
//
// Call depth is part of what a module means and the same on every host:
// [LimitDepth]. What all guests together burn is bounded by [Config.RunTokens],
// and what fetching costs by host/fetch.
type Limits struct {
	// MaxMemoryBytes caps the linear memory of one instance. A module that
	// declares a larger minimum is refused; beyond the cap, memory does not
	// grow. Default 64 MiB, at most 4 GiB.
	MaxMemoryBytes int64

	// MaxInstances caps the live instances of one module. [Module.Acquire]
	// waits at the bound. Default 2·GOMAXPROCS, at least 4; at most 65,536.
	MaxInstances int

	// MaxRetainedBytes caps the memory that an idle instance may keep: one
	// that grew beyond it is not used again. What an instance has right after
	// its start is always kept. Default 16 MiB.
	MaxRetainedBytes int64

	// FuelPerCall caps what a call may execute, in the units of
	// spec/metering.md: an add costs 1, a call 10. The allocations for its
	// inputs are part of it, and so are calls into other modules on its behalf.
	// The start of an instance has as much again, for all its functions
	// together. Default 10^10, or 10^11; compiled code burns
	// about 10^9 a second.
	FuelPerCall int64

	// MaxCallTime caps how long a call lasts, from [Instance.Call] to its end,
	// waiting for a run token included. A deadline of the context that comes
	// first replaces it. It is looked at once per slice of fuel and at each
	// host call, so that a call that needs neither may overrun by less than
	// a millisecond of compiled code. Default 10 s, or 60 s.
	MaxCallTime time.Duration

	// FuelPerSecond caps what all calls of a binding together may execute in
	// the long run; FuelPerCall is what it may save up. Default: no such cap.
	FuelPerSecond int64

	// MaxHostCalls caps how often a call may call the host. Default 10^6.
	MaxHostCalls int

	// MaxInputBytes caps each input of a call. Default 16 MiB.
	MaxInputBytes int64

	// MaxOutputBytes caps the result of a call. Default 32 MiB.
	MaxOutputBytes int64

	// MaxCompileTime and MaxFunctionCompileTime cap the estimate of what
	// compiling a module costs, in all and for its worst function. Above
	// them, it is compiled in a process of its own if [Config.Artifacts] can,
	// and refused otherwise. Defaults 3 s and 0.5 s, or 60 s and 5 s.
	MaxCompileTime, MaxFunctionCompileTime time.Duration

	// MaxLogLine caps one log entry in bytes; the rest is cut off. Default
	// 4 KiB.
	MaxLogLine int

	// MaxLogLines and MaxLogBytes cap what an instance may log while it is
	// acquired; what goes beyond is dropped, and the log says so once.
	// Defaults 1,000 and 256 KiB.
	MaxLogLines, MaxLogBytes int

	// LogLinesPerSecond and LogBytesPerSecond cap what all instances of a
	// binding together may log in the long run; ten seconds' worth can be
	// saved up. What goes beyond is dropped, and the log says how much.
	// Defaults 200 and 64 KiB.
	LogLinesPerSecond, LogBytesPerSecond int
}

const maxMemoryBytes = 4 << 30 // what 32-bit pointers reach

// withDefaults fills the zero fields with those of a class.
func (l Limits) withDefaults(pinned bool) Limits {
	c := int64(1)
	if pinned {
		c = 10
	}
	def(&l.MaxMemoryBytes, 64<<20)
	def(&l.MaxInstances, max(4, 2*runtime.GOMAXPROCS(0)))
	def(&l.MaxRetainedBytes, 16<<20)
	def(&l.FuelPerCall, c*10_000_000_000)
	def(&l.MaxHostCalls, 1_000_000)
	def(&l.MaxInputBytes, 16<<20)
	def(&l.MaxOutputBytes, 32<<20)
	def(&l.MaxLogLine, 4<<10)
	def(&l.MaxLogLines, 1000)
	def(&l.MaxLogBytes, 256<<10)
	def(&l.LogLinesPerSecond, 200)
	def(&l.LogBytesPerSecond, 64<<10)
	if pinned {
		def(&l.MaxCallTime, time.Minute)
		def(&l.MaxCompileTime, time.Minute)
		def(&l.MaxFunctionCompileTime, 5*time.Second)
	}
	def(&l.MaxCallTime, 10*time.Second)
	def(&l.MaxCompileTime, 3*time.Second)
	def(&l.MaxFunctionCompileTime, time.Second/2)
	return l
}

func def[T int | int64 | time.Duration](p *T, v T) {
	if *p == 0 {
		*p = v
	}
}

// limitField is one field of a Limits, for what is done with all of them.
type limitField struct {
	name string
	most int64 // the largest value that is allowed
	get  func() int64
	set  func(int64)
}

func field[T int | int64 | time.Duration](name string, p *T, most int64) limitField {
	return limitField{name, most, func() int64 { return int64(*p) }, func(v int64) { *p = T(v) }}
}

func (l *Limits) fields() []limitField {
	const forever = int64(24 * time.Hour)
	return []limitField{
		field("MaxMemoryBytes", &l.MaxMemoryBytes, maxMemoryBytes),
		field("MaxInstances", &l.MaxInstances, 1<<16),
		field("MaxRetainedBytes", &l.MaxRetainedBytes, maxMemoryBytes),
		field("FuelPerCall", &l.FuelPerCall, 1<<60),
		field("MaxCallTime", &l.MaxCallTime, forever),
		field("FuelPerSecond", &l.FuelPerSecond, 1<<60),
		field("MaxHostCalls", &l.MaxHostCalls, 1<<40),
		field("MaxInputBytes", &l.MaxInputBytes, 1<<30),
		field("MaxOutputBytes", &l.MaxOutputBytes, 1<<31),
		field("MaxCompileTime", &l.MaxCompileTime, forever),
		field("MaxFunctionCompileTime", &l.MaxFunctionCompileTime, forever),
		field("MaxLogLine", &l.MaxLogLine, 1<<20),
		field("MaxLogLines", &l.MaxLogLines, 1<<30),
		field("MaxLogBytes", &l.MaxLogBytes, 1<<30),
		field("LogLinesPerSecond", &l.LogLinesPerSecond, 1<<30),
		field("LogBytesPerSecond", &l.LogBytesPerSecond, 1<<30),
	}
}

// check finds a value that cannot be meant. of names the struct in messages.
func (l Limits) check(of string) error {
	if 0 < l.MaxMemoryBytes && l.MaxMemoryBytes < pageSize {
		return fmt.Errorf("host: %s.MaxMemoryBytes is %d, less than the %d of one page", of, l.MaxMemoryBytes, pageSize)
	}
	for _, f := range l.fields() {
		if v := f.get(); v < 0 || v > f.most {
			return fmt.Errorf("host: %s.%s is %d, must be within 0 and %d", of, f.name, v, f.most)
		}
	}
	return nil
}

// override returns l with the fields that o sets.
func (l Limits) override(o Limits) Limits {
	to := l.fields()
	for i, f := range o.fields() {
		if v := f.get(); v != 0 {
			to[i].set(v)
		}
	}
	return l
}

// memory is MaxMemoryBytes in whole pages, which is how memory grows.
func (l Limits) memory() uint64 { return uint64(l.MaxMemoryBytes) / pageSize * pageSize }
