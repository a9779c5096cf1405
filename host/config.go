package host

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"time"

	"github.com/ipfs/go-cid"

	"github.com/iprt/iprt/host/fetch"
)

// Config sets up a [Host]. The zero value works: such a host inspects
// modules and refuses to load any.
type Config struct {
	// Fetch turns CIDs into verified bytes, a *fetch.Fetcher as a rule. With
	// nil only [Host.LoadVerified] works.
	Fetch Fetcher

	// Policy decides which modules may run. Nil refuses all.
	Policy Policy

	// Limits bounds what modules cost. The zero value is safe.
	Limits Limits

	// Deny lists the identities of modules that never load, whatever Policy
	// says.
	Deny []cid.Cid

	// MaxTotalMemoryBytes caps the linear memory of all instances together,
	// with the stacks of calls beyond their first slice of fuel if the engine
	// can tell. What a stack has at most is up to the engine: 84 MB with wazero.
	// Idle instances make room for others; what does not fit then fails with a
	// [*LimitError] of [LimitTotalMemory]. Default 1 GiB.
	MaxTotalMemoryBytes int64

	// RunTokens is how many calls may run at a time beyond their first slice
	// of 100,000 units of fuel, RunQueue how many more may wait for that;
	// further ones fail with a [*LimitError] of [LimitRunQueue]. Calls that
	// end within their first slice are never held up. As many compilations may
	// run and wait beside them. Defaults max(1, GOMAXPROCS−1) and 256.
	RunTokens, RunQueue int

	// Breaker says when modules that keep failing are put in quarantine, and
	// Breakers, if set, keeps that over restarts.
	Breaker  Breaker
	Breakers BreakerStore

	// Artifacts keeps compiled code and compiles out of process, for engines
	// that can part with it (engine.Precompiler). Nil keeps nothing, and
	// refuses modules whose compilation could cost too much.
	Artifacts Artifacts

	// Log receives what modules log, made safe to show, with the attributes
	// "module", "binding" and "cid". Nil drops it.
	Log *slog.Logger

	// Observer, if set, is told what happens, for metrics.
	Observer Observer
}

// Fetcher gets the file a CID names, whole and verified. *fetch.Fetcher is
// one.
type Fetcher interface {
	File(ctx context.Context, r fetch.Request) (fetch.Verified, error)
}

// Observer is told what happens in a host. Its methods are called on the
// goroutine that did the work, concurrently; they must return quickly, must
// not call back into the host and must not keep the pointers in an event.
type Observer interface {
	// Loaded reports the end of a load, good or bad.
	Loaded(LoadEvent)
	// Called reports the end of a call.
	Called(CallEvent)
	// InstanceStarted and InstanceEnded bracket the life of each instance
	// that was fully started. discarded tells a trap from a shutdown.
	InstanceStarted(module cid.Cid, binding string)
	InstanceEnded(module cid.Cid, binding string, discarded bool)
}

// QuarantineObserver is an [Observer] that wants to know of quarantines too.
type QuarantineObserver interface {
	Quarantined(Quarantine)
}

// LoadEvent is the end of [Host.Load] or [Host.LoadVerified].
type LoadEvent struct {
	Locator cid.Cid
	ID      cid.Cid // undefined when fetching failed
	Binding string
	Took    time.Duration
	Cached  bool // the compiled code was there already
	Kept    bool // it was kept from an earlier run of the program

	Compile  time.Duration // what compiling took, from kept code too
	Estimate time.Duration // what it could have taken; 0 if nothing was compiled
	Err      error
}

// CallEvent is the end of [Instance.Call].
type CallEvent struct {
	Module  cid.Cid
	Binding string
	Export  Export
	Took    time.Duration
	In, Out int    // bytes
	Fuel    uint64 // what it executed, in the units of spec/metering.md
	Err     error
}

func (c Config) check() error {
	if c.RunTokens < 0 || c.RunTokens > 1<<16 {
		return fmt.Errorf("host: RunTokens is %d, must be within 0 and %d", c.RunTokens, 1<<16)
	}
	if c.RunQueue < 0 || c.RunQueue > 1<<20 {
		return fmt.Errorf("host: RunQueue is %d, must be within 0 and %d", c.RunQueue, 1<<20)
	}
	if c.MaxTotalMemoryBytes < 0 {
		return fmt.Errorf("host: MaxTotalMemoryBytes is %d, must not be negative", c.MaxTotalMemoryBytes)
	}
	return c.Limits.check("Limits")
}

// withDefaults fills what has a default, except for Limits, whose defaults
// depend on the binding.
func (c Config) withDefaults() Config {
	if c.Policy == nil {
		c.Policy = refuseAll
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	def(&c.MaxTotalMemoryBytes, 1<<30)
	def(&c.RunTokens, max(1, runtime.GOMAXPROCS(0)-1))
	def(&c.RunQueue, 256)
	return c
}
