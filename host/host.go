package host

import (
	"context"
	"fmt"
	"time"

	"github.com/ipfs/go-cid"

	"github.com/iprt/iprt/host/engine"
	"github.com/iprt/iprt/host/fetch"
)

// Host loads modules and runs them. All methods may be called from several
// goroutines at once.
type Host struct {
	engine engine.Engine
	cfg    Config // defaults filled in
	offer  offer
	code   codeCache
	life   lifetime

	epoch     time.Time // see clock
	turns     *turns    // of calls
	compiling *turns    // of compilations
	breakers  *breakers
	denied    map[cid.Cid]bool
	memory    memory
}

// New makes a host that runs modules on e. The engine stays the caller's: it
// must stay open until [Host.Close] has returned, and several hosts may share
// it. The error reports a Config that contradicts itself.
func New(e engine.Engine, cfg Config) (*Host, error) {
	if e == nil {
		return nil, fmt.Errorf("host: New needs an engine")
	}
	if err := cfg.check(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	h := &Host{
		engine: e, cfg: cfg, offer: newOffer(),
		epoch:     time.Now(),
		turns:     newTurns(cfg.RunTokens, cfg.RunQueue),
		compiling: newTurns(cfg.RunTokens, cfg.RunQueue),
		breakers:  newBreakers(cfg.Breaker, cfg.Breakers, cfg.Log),
		denied:    make(map[cid.Cid]bool),
	}
	h.memory.most = cfg.MaxTotalMemoryBytes
	for _, c := range cfg.Deny {
		h.denied[c] = true
	}
	return h, nil
}

// Load fetches the module that c names and loads it into a place. c may be
// the module's identity or any other CID of the same file.
//
// Errors: those of [Config.Fetch], and those of [Host.LoadVerified].
func (h *Host) Load(ctx context.Context, c cid.Cid, b Binding) (*Module, error) {
	return h.observed(ctx, LoadEvent{Locator: c, Binding: b.Name}, func(ev *LoadEvent) (*Module, error) {
		v, err := h.fetch(ctx, c, b)
		if err != nil {
			return nil, err
		}
		return h.load(ctx, v, b, ev)
	})
}

// LoadVerified loads a module whose bytes were fetched before. It returns
// with one instance started.
//
// Errors: [*RefusedError] before any code of the module ran; [*CallError],
// [*TrapError] or [*LimitError] if its start failed; [ErrClosed]; ctx.Err().
func (h *Host) LoadVerified(ctx context.Context, v fetch.Verified, b Binding) (*Module, error) {
	return h.observed(ctx, LoadEvent{Locator: v.Locator(), Binding: b.Name}, func(ev *LoadEvent) (*Module, error) {
		return h.load(ctx, v, b, ev)
	})
}

// load is the way of a module from verified bytes to its first instance.
// Each step may refuse; none before instantiate runs code of the module.
func (h *Host) load(ctx context.Context, v fetch.Verified, b Binding, ev *LoadEvent) (*Module, error) {
	ctx, leave, err := h.life.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	ev.ID = v.ID()

	limits, err := h.limits(b)
	if err != nil {
		return nil, err
	}
	info, err := h.validate(v, b)
	if err != nil {
		return nil, err
	}
	if err := h.allow(ctx, v, info, b); err != nil {
		return nil, err
	}
	link, err := h.negotiate(v.ID(), info, b)
	if err != nil {
		return nil, err
	}
	code, err := h.share(ctx, v, limits, ev, func(ctx context.Context, how *compilation) (engine.Code, error) {
		metered, err := h.meter(v, info, limits)
		if err != nil {
			return nil, err
		}
		return h.compile(ctx, v.ID(), metered, link.imports, limits, how)
	})
	if err != nil {
		return nil, err
	}
	m := h.bind(v, info, b, limits, link, code)
	if err = m.instantiate(ctx); err == nil {
		err = h.life.add(m)
	}
	if err != nil {
		m.shut()
		return nil, err
	}
	return m, nil
}

// Inspect reports what a module is, what it could do and what it would need
// here. It compiles and runs nothing, and asks no policy. A module that the
// validator rejects still gets a report, whose Verdict says why.
func (h *Host) Inspect(ctx context.Context, v fetch.Verified) (*Report, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return h.inspect(v)
}

// Modules lists the loaded modules, oldest first.
func (h *Host) Modules() []*Module { return h.life.modules() }

// Quarantined lists the modules that are not run for the time being because
// they kept failing, oldest first. See [Breaker].
func (h *Host) Quarantined() []Quarantine { return h.breakers.list() }

// Release ends all quarantines of a module, by its identity, and forgets its
// faults. It reports whether there was one.
func (h *Host) Release(id cid.Cid) bool { return h.breakers.release(id) }

// Close ends the host: running loads are cancelled, waiting
// [Module.Acquire] calls fail with [ErrClosed], and instances are closed as
// they are released. Running calls may finish as long as ctx lasts; then they
// are ended at their next slice of fuel. It returns nil once nothing is left,
// or an error that wraps ctx.Err() and says what still ran; that is closed as
// it ends. Closing twice is fine.
func (h *Host) Close(ctx context.Context) error { return h.life.close(ctx) }
