package host

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"

	"github.com/ipfs/go-cid"

	"github.com/iprt/iprt/host/fetch"
	"github.com/iprt/iprt/host/hostcall"
	"github.com/iprt/iprt/host/manifest"
	"github.com/iprt/iprt/host/validate"
)

// Module is a loaded module in its place. All methods may be called from
// several goroutines at once.
type Module struct {
	host    *Host
	id      cid.Cid
	locator cid.Cid
	from    string
	size    int
	info    *validate.Info
	binding Binding
	link    *link
	log     *slog.Logger

	limits  Limits // those of the binding
	rate    *rate  // of fuel; nil if there is no bound
	logRate *hostcall.LogRate
	breaker *breaker

	code *code
	pool *pool
	stat stats

	resettable bool
	mixed      atomic.Bool // it served more than one domain
	image      atomic.Pointer[image]

	aborted atomic.Bool   // running calls are to end
	abort   chan struct{} // closed then

	closing sync.Once
	mu      sync.Mutex
	holds   int                 // see hold
	guests  map[*guest]struct{} // started and not closed
}

// bind puts a module in its place. Nothing of it has run yet.
func (h *Host) bind(v fetch.Verified, info *validate.Info, b Binding, limits Limits, l *link, c *code) *Module {
	b.Grants = maps.Clone(b.Grants)
	b.Config = maps.Clone(b.Config)
	m := &Module{
		host: h, id: v.ID(), locator: v.Locator(), from: v.From(), size: len(v.Bytes()),
		info: info, binding: b, link: l, code: c, limits: limits,
		rate:       newRate(limits.FuelPerSecond, limits.FuelPerCall, h.clock()),
		logRate:    hostcall.NewLogRate(limits.LogLinesPerSecond, limits.LogBytesPerSecond),
		breaker:    h.breakers.module(v.ID()),
		pool:       newPool(limits.MaxInstances, (*guest).close),
		resettable: resettable(info),
		abort:      make(chan struct{}),
		holds:      1,
		guests:     make(map[*guest]struct{}),
	}
	m.log = h.cfg.Log.With("module", info.Manifest.Name, "binding", b.Name, "cid", m.id.String())
	return m
}

// ID is the module's identity: the CIDv1, raw, sha2-256 of its bytes.
func (m *Module) ID() cid.Cid { return m.id }

// Locator is the CID it was loaded by.
func (m *Module) Locator() cid.Cid { return m.locator }

// From names the source its bytes came from.
func (m *Module) From() string { return m.from }

// Size is its length in bytes.
func (m *Module) Size() int { return m.size }

// Manifest is what the module says of itself. It must not be changed.
func (m *Module) Manifest() *manifest.Manifest { return m.info.Manifest }

// Purity is what its imports say of it.
func (m *Module) Purity() manifest.Purity { return m.info.Purity }

// Binding is the place it fills. It must not be changed.
func (m *Module) Binding() Binding { return m.binding }

// Acquire returns an instance for the caller alone, starting one if none is
// free. At Limits.MaxInstances it waits for another to be released, in the
// order of asking. Release it soon: everybody else may be waiting. What the
// instance served before it served in the same domain; see [InDomain].
//
// Errors: [ErrClosed] once the module is unloaded; [*RefusedError] while it is
// in quarantine; ctx.Err(); or why an instance did not start, as for
// [Host.LoadVerified].
func (m *Module) Acquire(ctx context.Context) (Instance, error) {
	if err := ctx.Err(); err != nil {
		return Instance{}, err
	}
	domain := domainOf(ctx)
	if err := m.quarantined(domain); err != nil {
		return Instance{}, err
	}
	g, err := m.take(ctx, domain)
	if err != nil {
		return Instance{}, err
	}
	if g != nil && g.domain != domain && !g.fresh() && !g.reset() {
		m.mixed.Store(true)
		g.close()
		g = nil
	}
	if g == nil {
		if g, err = m.start(ctx); err != nil {
			m.pool.put(nil)
			return Instance{}, err
		}
	}
	g.domain = domain
	g.state.Renew()
	return Instance{g: g, lease: g.lease.number()}, nil
}

// take takes from the pool. Who has to wait there on behalf of a running call
// lets others run meanwhile, among them perhaps those it waits for.
func (m *Module) take(ctx context.Context, domain string) (*guest, error) {
	var back func() error
	g, err := m.pool.take(ctx, domain, func() {
		if by := callerOf(ctx); by != nil {
			back = by.park()
		}
	})
	if back == nil {
		return g, err
	}
	if again := back(); err == nil && again != nil {
		m.pool.put(g)
		return nil, again
	}
	return g, err
}

// quarantined refuses calls into a module that keeps failing. It is small
// enough to be inlined where calls ask.
func (m *Module) quarantined(domain string) error {
	if m.breaker.tripped.Load() == 0 {
		return nil
	}
	return m.inQuarantine(domain)
}

func (m *Module) inQuarantine(domain string) error {
	if q, ok := m.host.breakers.check(m.breaker, domain); ok {
		return q.refusal()
	}
	return nil
}

// Close unloads the module. Nothing new is acquired; instances in use are
// closed as they are released, and Close waits for that. Its error wraps
// ctx.Err() and says what is still in use; the module is gone from the host
// all the same, and calls that still run end at their next slice of fuel.
// Closing twice is fine.
func (m *Module) Close(ctx context.Context) error {
	m.shut()
	m.host.life.remove(m)
	if err := m.pool.wait(ctx); err != nil {
		if !m.aborted.Swap(true) {
			close(m.abort)
		}
		return fmt.Errorf("module %s: %d of its instances are still in use: %w", m.id, m.pool.inUse(), err)
	}
	return nil
}

// shut closes the door without waiting.
func (m *Module) shut() {
	m.pool.close()
	m.closing.Do(func() {
		m.host.breakers.leave(m.breaker)
		m.drop()
	})
}

// hold and drop count who needs the compiled code: the module itself until it
// is shut, and each instance from before its start until after its end.

func (m *Module) hold() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.holds == 0 {
		return ErrClosed
	}
	m.holds++
	return nil
}

func (m *Module) drop() {
	m.mu.Lock()
	m.holds--
	last := m.holds == 0
	m.mu.Unlock()
	if last {
		m.code.release()
	}
}
