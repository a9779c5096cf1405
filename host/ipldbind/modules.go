package ipldbind

import (
	"context"
	"errors"
	"sync"

	"github.com/ipfs/go-cid"

	"github.com/iprt/iprt/host"
	"github.com/iprt/iprt/host/fetch"
	"github.com/iprt/iprt/host/manifest"
)

// HostModules is [Modules] on a host: what envelopes name is fetched, loaded without any grant, and kept loaded for the next time.
//
// The host's own policy is asked as well, with the binding name [EnvelopeBinding]. A host that is to leave the decision about envelopes to
// the resolver's policy has to allow that binding.
type HostModules struct {
	host  *host.Host
	fetch host.Fetcher
	cfg   HostModulesConfig

	mu     sync.Mutex
	loaded map[cid.Cid]*hostedCodec
	clock  uint64
	closed bool
}

// HostModulesConfig sets up [HostModules]. The zero value works.
type HostModulesConfig struct {
	Keep   int          // modules kept loaded while nobody uses them; default 16
	Budget fetch.Budget // for fetching a module; zero means fetch.Untrusted
	Limits Limits       // for the codecs
}

// EnvelopeBinding is the name of the binding that modules are loaded into for envelopes.
const EnvelopeBinding = "envelope"

// hostedCodec is a module that is being loaded or was.
type hostedCodec struct {
	ready  chan struct{} // closed when the rest is set
	module *host.Module
	codec  *Codec
	err    error

	users int    // guarded by HostModules.mu, like since
	since uint64 // when it was last asked for, in the order of asking
}

// NewHostModules makes modules for envelopes. f is asked for a module before each inspection and each load: it should have a store.
func NewHostModules(h *host.Host, f host.Fetcher, cfg HostModulesConfig) *HostModules {
	if cfg.Keep <= 0 {
		cfg.Keep = 16
	}
	return &HostModules{host: h, fetch: f, cfg: cfg, loaded: make(map[cid.Cid]*hostedCodec)}
}

// Inspect implements [Modules].
func (s *HostModules) Inspect(ctx context.Context, c cid.Cid) (ModuleInfo, error) {
	v, err := s.fetch.File(ctx, fetch.Request{CID: c, Budget: s.cfg.Budget})
	if err != nil {
		return ModuleInfo{}, err
	}
	r, err := s.host.Inspect(ctx, v)
	if err != nil {
		return ModuleInfo{}, err
	}
	if r.Verdict == host.VerdictRejected { // then nothing is known of what it imports
		return ModuleInfo{}, &host.RefusedError{Module: v.ID(), Kind: host.RefusedInvalid, Reason: r.Fault, Advice: r.Fix}
	}
	info := ModuleInfo{ID: v.ID(), Name: r.Name, Version: r.Version, Size: r.Size}
	for _, p := range []manifest.Purity{manifest.Pure, manifest.Pure0} {
		if r.Purity == p.String() {
			info.Purity = p
		}
	}
	return info, nil
}

// Load implements [Modules].
func (s *HostModules) Load(ctx context.Context, c cid.Cid) (*Codec, func(), error) {
	for {
		e, first, err := s.enter(c)
		if err != nil {
			return nil, nil, err
		}
		if first {
			e.module, e.codec, e.err = s.load(ctx, c)
			close(e.ready)
		}
		select {
		case <-e.ready:
		case <-ctx.Done():
			s.leave(c, e)
			return nil, nil, ctx.Err()
		}
		if e.err == nil {
			return e.codec, sync.OnceFunc(func() { s.leave(c, e) }), nil
		}
		s.leave(c, e)
		if first || !errors.Is(e.err, context.Canceled) && !errors.Is(e.err, context.DeadlineExceeded) {
			return nil, nil, e.err
		}
		// Somebody else was loading it and ran out of time. That was not our time.
	}
}

func (s *HostModules) load(ctx context.Context, c cid.Cid) (*host.Module, *Codec, error) {
	v, err := s.fetch.File(ctx, fetch.Request{CID: c, Budget: s.cfg.Budget})
	if err != nil {
		return nil, nil, err
	}
	m, err := s.host.LoadVerified(ctx, v, host.Binding{Name: EnvelopeBinding})
	if err != nil {
		return nil, nil, err
	}
	codec, err := BindWith(m, s.cfg.Limits)
	if err != nil {
		return nil, nil, errors.Join(err, m.Close(ctx))
	}
	return m, codec, nil
}

// enter returns the entry of a module, and whether the caller is the one to load it.
func (s *HostModules) enter(c cid.Cid) (e *hostedCodec, first bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, false, host.ErrClosed
	}
	e, ok := s.loaded[c]
	if !ok {
		e = &hostedCodec{ready: make(chan struct{})}
		s.loaded[c] = e
	}
	s.clock++
	e.users, e.since = e.users+1, s.clock
	return e, !ok, nil
}

// leave ends a use. It closes what is not worth keeping.
func (s *HostModules) leave(c cid.Cid, e *hostedCodec) {
	s.mu.Lock()
	e.users--
	var drop []*hostedCodec
	if e.users == 0 && (s.closed || e.err != nil) {
		if s.loaded[c] == e {
			delete(s.loaded, c)
		}
		drop = append(drop, e)
	}
	for len(s.loaded) > s.cfg.Keep {
		oldest, ok := s.idle()
		if !ok {
			break
		}
		drop = append(drop, s.loaded[oldest])
		delete(s.loaded, oldest)
	}
	s.mu.Unlock()
	closeAll(context.Background(), drop) // nobody uses them: there is nothing to wait for
}

// idle returns the module that nobody has asked for the longest, of those that nobody uses.
func (s *HostModules) idle() (oldest cid.Cid, ok bool) {
	since := s.clock + 1
	for c, e := range s.loaded {
		if e.users == 0 && e.since < since {
			oldest, since, ok = c, e.since, true
		}
	}
	return oldest, ok
}

// Close unloads what nobody uses, and the rest when its users are done. Load fails from then on.
func (s *HostModules) Close(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	var drop []*hostedCodec
	for c, e := range s.loaded {
		if e.users == 0 {
			drop = append(drop, e)
			delete(s.loaded, c)
		}
	}
	s.mu.Unlock()
	return closeAll(ctx, drop)
}

func closeAll(ctx context.Context, list []*hostedCodec) error {
	var errs []error
	for _, e := range list {
		if e.module != nil {
			errs = append(errs, e.module.Close(ctx))
		}
	}
	return errors.Join(errs...)
}
