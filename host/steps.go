package host

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"time"

	"github.com/ipfs/go-cid"

	"github.com/iprt/iprt/host/engine"
	"github.com/iprt/iprt/host/engine/guesttext"
	"github.com/iprt/iprt/host/fetch"
	"github.com/iprt/iprt/host/meter"
	"github.com/iprt/iprt/host/validate"
)

// The steps of a load; host.go orders them. Each turns what its package says
// into the errors of this one.

// fetch also verifies: a fetch.Verified is not to be had otherwise.
func (h *Host) fetch(ctx context.Context, c cid.Cid, b Binding) (fetch.Verified, error) {
	if h.cfg.Fetch == nil {
		return fetch.Verified{}, &RefusedError{
			Module: c, Kind: RefusedNoFetcher,
			Reason: "this host was set up without a fetcher, so it cannot turn a CID into bytes",
			Advice: "set Config.Fetch, or fetch the module and use LoadVerified",
		}
	}
	ctx, leave, err := h.life.enter(ctx)
	if err != nil {
		return fetch.Verified{}, err
	}
	defer leave()
	budget := fetch.Untrusted
	if b.Pinned {
		budget = fetch.Pinned
	}
	return h.cfg.Fetch.File(ctx, fetch.Request{CID: c, Budget: budget})
}

func (h *Host) validate(v fetch.Verified, b Binding) (*validate.Info, error) {
	if !v.ID().Defined() {
		return nil, errUnverified()
	}
	info, err := validate.Module(v.Bytes(), rules(b.Pinned))
	if err != nil {
		return nil, refused(v.ID(), RefusedInvalid, err)
	}
	return info, nil
}

func errUnverified() error {
	return &RefusedError{
		Kind:   RefusedUnverified,
		Reason: "an empty fetch.Verified was passed, expected one that package fetch made",
	}
}

func rules(pinned bool) validate.Rules {
	if pinned {
		return validate.Rules{Set: validate.ABI, Limits: validate.Pinned()}
	}
	return validate.Rules{Set: validate.ABI}
}

func (h *Host) allow(ctx context.Context, v fetch.Verified, info *validate.Info, b Binding) error {
	c := Candidate{
		ID: v.ID(), Locator: v.Locator(), Manifest: info.Manifest, Purity: info.Purity,
		Size: info.Size, Binding: b.Name,
	}
	if h.denied[v.ID()] || denied(h.cfg.Policy, c) {
		return &RefusedError{
			Module: v.ID(), Kind: RefusedDenied, Reason: "this host was told never to load it",
			Advice: "take it off the list of denied modules, if you are sure",
		}
	}
	if q, ok := h.breakers.check(h.breakers.peek(v.ID()), domainOf(ctx)); ok {
		return q.refusal()
	}
	err := h.cfg.Policy.Allow(ctx, c)
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	e := refused(v.ID(), RefusedPolicy, err)
	if e.Advice == "" {
		e.Advice = fmt.Sprintf("look at it with \"iprt inspect %s\", then allow it with \"iprt grant %s\"", v.ID(), v.ID())
	}
	return e
}

// meter rewrites the module for the engine.
func (h *Host) meter(v fetch.Verified, info *validate.Info, l Limits) ([]byte, error) {
	if m := info.Memory; m != nil && uint64(m.Min)*pageSize > l.memory() {
		return nil, &RefusedError{
			Module: v.ID(), Kind: RefusedLimit,
			Reason: fmt.Sprintf("it starts with %d bytes of memory, at most %d are allowed", uint64(m.Min)*pageSize, l.memory()),
			Advice: "whoever runs the host can raise Limits.MaxMemoryBytes",
		}
	}
	metered, err := meter.Rewrite(v.Bytes(), info, l.class())
	var limit *meter.LimitError
	if errors.As(err, &limit) {
		e := refused(v.ID(), RefusedLimit, err)
		if limit.What == "memory" {
			e.Advice = "whoever runs the host can raise Limits.MaxMemoryBytes"
		}
		return nil, e
	}
	return metered, err
}

// class is how a module is metered. What it may have within the class is set
// for each instance, so that one compilation serves many limits: the class of
// memory is the power of two above the limit.
func (l Limits) class() meter.Config {
	pages := l.memory() / pageSize
	return meter.Config{MaxMemoryPages: max(1024, uint32(1)<<bits.Len64(pages-1))}
}

// limits are those of a binding.
func (h *Host) limits(b Binding) (Limits, error) {
	if err := b.Limits.check("Binding.Limits"); err != nil {
		return Limits{}, err
	}
	return h.cfg.Limits.override(b.Limits).withDefaults(b.Pinned), nil
}

// share compiles unless the same code is there already: the same module in
// the same class, for whatever binding.
func (h *Host) share(ctx context.Context, v fetch.Verified, l Limits, ev *LoadEvent, compile compileFunc) (*code, error) {
	_, compiled, err := h.life.enter(context.WithoutCancel(ctx)) // Close waits for a compilation that everybody left
	if err != nil {
		return nil, err
	}
	c, cached, err := h.code.get(ctx, v.ID().KeyString()+l.class().Canonical(), compile, compiled)
	var already *RefusedError
	var busy *LimitError
	switch {
	case err == nil:
		ev.Cached = cached
		if !cached {
			ev.Kept, ev.Compile, ev.Estimate = c.how.kept, c.how.took, c.how.estimate
		}
		return c, nil
	case errors.Is(err, engine.ErrClosed):
		return nil, ErrClosed
	case errors.As(err, &already), errors.As(err, &busy), ctx.Err() != nil:
		return nil, err
	}
	return nil, refused(v.ID(), RefusedInvalid, err)
}

const pageSize = 64 << 10

// refused wraps the error of a step. A hint or code that the step has is
// better than what could be said here.
func refused(id cid.Cid, kind Refusal, err error) *RefusedError {
	e := &RefusedError{Module: id, Kind: kind, Reason: guesttext.Line(err.Error(), maxReason), Err: err}
	var hinter interface{ Hint() string }
	if errors.As(err, &hinter) {
		e.Advice = hinter.Hint()
	}
	return e
}

// maxReason bounds how much an error may quote of a module, in bytes.
const maxReason = 2048

// observed tells the observer how a load ended, and how long it took.
func (h *Host) observed(ctx context.Context, ev LoadEvent, load func(*LoadEvent) (*Module, error)) (*Module, error) {
	begin := time.Now()
	m, err := load(&ev)
	err = closedNotCancelled(ctx, err)
	if h.cfg.Observer != nil {
		ev.Took, ev.Err = time.Since(begin), err
		h.cfg.Observer.Loaded(ev)
	}
	return m, err
}
