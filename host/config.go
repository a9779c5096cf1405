package host

import (
	"context"
	"fmt"
	"log/slog"
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

// LoadEvent is the end of [Host.Load] or [Host.LoadVerified].
type LoadEvent struct {
	Locator cid.Cid
	ID      cid.Cid // undefined when fetching failed
	Binding string
	Took    time.Duration
	Cached  bool // the compiled code was there already
	Err     error
}

// CallEvent is the end of [Instance.Call].
type CallEvent struct {
	Module  cid.Cid
	Binding string
	Export  Export
	Took    time.Duration
	In, Out int // bytes
	Err     error
}

func (c Config) check() error {
	l := c.Limits
	if 0 < l.MaxMemoryBytes && l.MaxMemoryBytes < pageSize {
		return fmt.Errorf("host: Limits.MaxMemoryBytes is %d, less than the %d of one page", l.MaxMemoryBytes, pageSize)
	}
	for _, f := range []struct {
		name  string
		value int64
		max   int64
	}{
		{"MaxMemoryBytes", l.MaxMemoryBytes, maxMemoryBytes},
		{"MaxInstances", int64(l.MaxInstances), 1 << 20},
		{"MaxInputBytes", l.MaxInputBytes, 1 << 30},
		{"MaxOutputBytes", l.MaxOutputBytes, 1 << 31},
		{"MaxLogLine", int64(l.MaxLogLine), 1 << 20},
		{"MaxLogLines", int64(l.MaxLogLines), 1 << 30},
		{"MaxLogBytes", int64(l.MaxLogBytes), 1 << 30},
	} {
		if f.value < 0 || f.value > f.max {
			return fmt.Errorf("host: Limits.%s is %d, must be within 0 and %d", f.name, f.value, f.max)
		}
	}
	return nil
}
