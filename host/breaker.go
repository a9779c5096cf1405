package host

import (
	"cmp"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ipfs/go-cid"
)

// Breaker says when a module that keeps failing is put in quarantine. The zero
// value works: each zero field means the default beside it.
//
// # What counts
//
// Faults of the module: traps, breaches of the ABI, discarded results, and
// calls that used up FuelPerCall, MaxHostCalls, or MaxCallTime without having
// waited for most of it. Statuses that a module returns do not count, nor do
// limits that depend on what the caller passed in or on how busy the host is:
// sizes, memory, call depth, full queues, the caller's own deadline.
//
// # Whom it hits
//
// Whoever can make an honest module fail, with a block that it takes too long
// to decode for example, must not be able to take it from everybody else.
//
//   - A fault counts in the domain of the call that met it (see [InDomain]),
//     and quarantines the module there only. The domain "" stands for the host
//     itself: its faults, and those at the start of an instance, which no
//     caller has a part in, quarantine the module altogether.
//   - So do quarantines in three named domains at the same time, unless Spread
//     says otherwise.
//   - Calls of a module that the operator pinned never quarantine it:
//     whoever chose it decides whether it goes. Failing starts do.
//
// # How it ends
//
// A quarantine ends by itself after Cooldown, the next one of the same module
// after twice that, and so on up to MaxCooldown; a module that behaved for as
// long as its last quarantine starts over. [Host.Release] ends it at once.
type Breaker struct {
	// Faults is how many faults within Window trip the breaker. Default 10; −1
	// means never.
	Faults int
	// Window is the time within which faults add up. Default 1 minute.
	Window time.Duration
	// Cooldown and MaxCooldown are how long the first quarantine and any later
	// one last. Defaults 1 minute and 24 hours.
	Cooldown, MaxCooldown time.Duration
	// Spread is in how many named domains a module must be in quarantine at a
	// time to be so altogether. Default 3; −1 means never, which is for domains
	// that a stranger can make as many of as he likes.
	Spread int
}

// maxDomains bounds how many domains of one module the breaker watches. If
// there are more, those that were quiet longest are forgotten.
const maxDomains = 1024

func (b Breaker) withDefaults() Breaker {
	b.Faults = cmp.Or(b.Faults, 10)
	b.Window = cmp.Or(b.Window, time.Minute)
	b.Cooldown = cmp.Or(b.Cooldown, time.Minute)
	b.Spread = cmp.Or(b.Spread, 3)
	b.MaxCooldown = max(b.Cooldown, cmp.Or(b.MaxCooldown, 24*time.Hour))
	return b
}

// Quarantine is a module that is not run for a while.
type Quarantine struct {
	Module cid.Cid   `json:"module"`           // identity
	Domain string    `json:"domain,omitempty"` // where; empty for everywhere
	Since  time.Time `json:"since"`
	Until  time.Time `json:"until"`
	Trips  int       `json:"trips"`  // how many in a row, this one included
	Reason string    `json:"reason"` // the last fault
}

// refusal is the error of who wants to use it.
func (q Quarantine) refusal() *RefusedError {
	where := ""
	if q.Domain != "" {
		where = " here"
	}
	return &RefusedError{
		Module: q.Module, Kind: RefusedQuarantine,
		Reason: fmt.Sprintf("it is in quarantine%s until %s, because it kept failing: %s", where, q.Until.UTC().Format(time.RFC3339), q.Reason),
		Advice: "wait, or let the operator release it; if it fails for all inputs, use another module",
	}
}

// BreakerStore keeps quarantines over restarts. Save replaces what was kept.
// Both are called by one goroutine at a time. Their errors are logged and
// change nothing else.
type BreakerStore interface {
	Load() ([]Quarantine, error)
	Save([]Quarantine) error
}

// breakers knows the faults of all modules, loaded or not.
type breakers struct {
	cfg   Breaker
	store BreakerStore
	log   *slog.Logger
	now   func() time.Time

	mu      sync.Mutex
	modules map[cid.Cid]*breaker

	saving sync.Mutex // held around store.Save, taken before mu
}

// breaker is about one module. Its fields are guarded by breakers.mu, but for
// tripped, which is what calls look at.
type breaker struct {
	id      cid.Cid
	users   int          // loaded modules that hold on to it
	tripped atomic.Int32 // domains in quarantine, "" among them, some of which may be over
	domains map[string]*circuit
}

// circuit is one module in one domain.
type circuit struct {
	faults []time.Time // within the window
	last   time.Time   // of the faults
	q      Quarantine  // the last one; zero if there was none
}

func newBreakers(cfg Breaker, store BreakerStore, log *slog.Logger) *breakers {
	b := &breakers{cfg: cfg.withDefaults(), store: store, log: log, now: time.Now, modules: make(map[cid.Cid]*breaker)}
	if store == nil {
		return b
	}
	kept, err := store.Load()
	if err != nil {
		log.Warn("quarantines of the last run are not known", "error", err)
	}
	now := b.now()
	for _, q := range kept {
		if !q.Module.Defined() || !q.Until.After(now) {
			continue
		}
		// A clock that was wrong must not lock a module out for years.
		if latest := now.Add(b.cfg.MaxCooldown); q.Until.After(latest) {
			q.Until = latest
		}
		m := b.of(q.Module)
		m.domains[q.Domain] = &circuit{q: q, last: q.Since}
		m.tripped.Add(1)
	}
	return b
}

// module returns the breaker of a module, to be given back with leave.
func (b *breakers) module(id cid.Cid) *breaker {
	b.mu.Lock()
	defer b.mu.Unlock()
	m := b.of(id)
	m.users++
	return m
}

// peek returns the breaker of a module, or one that knows nothing.
func (b *breakers) peek(id cid.Cid) *breaker {
	b.mu.Lock()
	defer b.mu.Unlock()
	if m := b.modules[id]; m != nil {
		return m
	}
	return &breaker{id: id}
}

// leave ends the use of a breaker. What it knows stays.
func (b *breakers) leave(m *breaker) {
	b.mu.Lock()
	defer b.mu.Unlock()
	m.users--
}

// maxBreakers bounds how many modules are remembered beyond those that are
// loaded or in quarantine.
const maxBreakers = 4096

func (b *breakers) of(id cid.Cid) *breaker {
	m := b.modules[id]
	if m == nil {
		if len(b.modules) >= maxBreakers {
			b.sweep()
		}
		m = &breaker{id: id, domains: make(map[string]*circuit)}
		b.modules[id] = m
	}
	return m
}

// sweep forgets modules that nobody uses and that are not in quarantine.
func (b *breakers) sweep() {
	now := b.now()
	maps.DeleteFunc(b.modules, func(_ cid.Cid, m *breaker) bool {
		for _, c := range m.domains {
			if c.q.Until.After(now) {
				return false
			}
		}
		return m.users == 0
	})
}

// check returns the quarantine that a call in a domain would violate, if any.
func (b *breakers) check(m *breaker, domain string) (Quarantine, bool) {
	if m.tripped.Load() == 0 {
		return Quarantine{}, false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	var in int
	var latest Quarantine
	for d, c := range m.domains {
		if !c.q.Until.After(now) {
			continue
		}
		if d == "" || d == domain {
			return c.q, true
		}
		if in++; c.q.Until.After(latest.Until) {
			latest = c.q
		}
	}
	if in == 0 {
		m.tripped.Store(0)
	}
	return latest, b.cfg.Spread > 0 && in >= b.cfg.Spread
}

// fault counts a fault in a domain. If that trips the breaker, it returns the
// quarantine, which is kept by then.
func (b *breakers) fault(m *breaker, domain, reason string) (Quarantine, bool) {
	if b.cfg.Faults < 0 {
		return Quarantine{}, false
	}
	b.mu.Lock()
	q, tripped := b.count(m, domain, reason)
	b.mu.Unlock()
	if tripped {
		b.save()
	}
	return q, tripped
}

func (b *breakers) count(m *breaker, domain, reason string) (Quarantine, bool) {
	now := b.now()
	c := m.domains[domain]
	if c == nil {
		m.forget()
		c = &circuit{}
		m.domains[domain] = c
	}
	c.last = now
	if c.q.Until.After(now) {
		return Quarantine{}, false // of a call that was running already
	}
	c.faults = slices.DeleteFunc(c.faults, func(t time.Time) bool { return now.Sub(t) > b.cfg.Window })
	if c.faults = append(c.faults, now); len(c.faults) < b.cfg.Faults {
		return Quarantine{}, false
	}
	c.faults = nil
	trips, length := 1, b.cfg.Cooldown
	if old := c.q; now.Sub(old.Until) < old.Until.Sub(old.Since) {
		trips = old.Trips + 1
		length = min(2*old.Until.Sub(old.Since), b.cfg.MaxCooldown)
	}
	c.q = Quarantine{Module: m.id, Domain: domain, Since: now, Until: now.Add(length), Trips: trips, Reason: reason}
	m.tripped.Add(1)
	return c.q, true
}

// forget makes room for another domain.
func (m *breaker) forget() {
	if len(m.domains) < maxDomains {
		return
	}
	var quiet string
	var since time.Time
	for d, c := range m.domains {
		if d != "" && (since.IsZero() || c.last.Before(since)) {
			quiet, since = d, c.last
		}
	}
	delete(m.domains, quiet)
}

// release ends all quarantines of a module and forgets its faults. It reports
// whether there was one.
func (b *breakers) release(id cid.Cid) bool {
	b.mu.Lock()
	m, was := b.modules[id], false
	if m != nil {
		now := b.now()
		for _, c := range m.domains {
			was = was || c.q.Until.After(now)
		}
		clear(m.domains)
		m.tripped.Store(0)
	}
	b.mu.Unlock()
	if was {
		b.save()
	}
	return was
}

// list returns the quarantines that hold now, oldest first.
func (b *breakers) list() []Quarantine {
	b.mu.Lock()
	defer b.mu.Unlock()
	now, out := b.now(), []Quarantine{}
	for _, m := range b.modules {
		for _, c := range m.domains {
			if c.q.Until.After(now) {
				out = append(out, c.q)
			}
		}
	}
	slices.SortFunc(out, func(x, y Quarantine) int {
		return cmp.Or(x.Since.Compare(y.Since), cmp.Compare(x.Module.KeyString(), y.Module.KeyString()), cmp.Compare(x.Domain, y.Domain))
	})
	return out
}

func (b *breakers) save() {
	if b.store == nil {
		return
	}
	b.saving.Lock()
	defer b.saving.Unlock()
	if err := b.store.Save(b.list()); err != nil {
		b.log.Warn("quarantines could not be kept", "error", err)
	}
}
