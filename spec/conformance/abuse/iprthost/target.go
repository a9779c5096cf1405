// Package iprthost is the host of this repository as a target of the abuse corpus. Start with [Open]; package abuse does the rest.
package iprthost

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/ipfs/go-cid"

	"github.com/iprt/iprt"
	"github.com/iprt/iprt/host"
	"github.com/iprt/iprt/host/engine"
	"github.com/iprt/iprt/host/fetch"
	"github.com/iprt/iprt/host/fetch/flatfs"
	"github.com/iprt/iprt/host/ipldbind"
	"github.com/iprt/iprt/spec/conformance/abuse"
)

// Open makes targets on engines that newEngine makes, with all of a node that the corpus concerns: block store, gateways, archives, codecs
// and envelopes. Everything is at its defaults.
func Open(newEngine func() (engine.Engine, error)) abuse.Open {
	return func(_ context.Context, s abuse.Setup) (abuse.Target, error) {
		t := &target{places: make(map[string]*host.Module), codecs: ipldbind.New(ipldbind.Config{})}
		if err := errors.Join(t.openBlocks(s), t.openHost(newEngine)); err != nil {
			return nil, errors.Join(err, t.Close(context.Background()))
		}
		return t, nil
	}
}

// target is a host with what belongs to it.
type target struct {
	log    journal
	engine engine.Engine
	fetch  *fetch.Fetcher
	host   *host.Host
	codecs *ipldbind.Codecs // the shipped ones

	modules *ipldbind.HostModules // those that envelopes bring in

	badCAR  error // an archive that could not be opened, which is for the first request to say
	closers []func() error
	once    sync.Once

	mu     sync.Mutex
	places map[string]*host.Module
}

func (t *target) openBlocks(s abuse.Setup) error {
	var store fetch.Store = &fetch.MemStore{}
	if s.Dir != "" {
		disk, err := flatfs.Open(s.Dir)
		if err != nil {
			return err
		}
		store = disk
		t.closers = append(t.closers, disk.Close)
	}
	var sources []fetch.Source
	for _, path := range s.CARs {
		car, err := fetch.OpenCAR(path)
		if err != nil {
			t.badCAR = err
			continue
		}
		sources = append(sources, car)
		t.closers = append(t.closers, car.Close)
	}
	for _, url := range s.Gateways {
		g, err := fetch.NewGateway(url, fetch.GatewayOptions{})
		if err != nil {
			return err
		}
		sources = append(sources, g)
		t.closers = append(t.closers, g.Close)
	}
	t.fetch = fetch.New(fetch.Config{Store: store, Sources: sources, Log: t.log.logger()})
	return nil
}

// openHost loads everything that is asked for: which modules may run is the operator's to say, and here the operator is reckless.
// Modules that envelopes name are held to the resolver's policy.
func (t *target) openHost(newEngine func() (engine.Engine, error)) (err error) {
	if t.engine, err = newEngine(); err != nil {
		return err
	}
	t.host, err = host.New(t.engine, host.Config{
		Fetch: t.fetch, Log: t.log.logger(),
		Policy: host.PolicyFunc(func(context.Context, host.Candidate) error { return nil }),
	})
	if err != nil {
		return err
	}
	t.modules = ipldbind.NewHostModules(t.host, t.fetch, ipldbind.HostModulesConfig{})
	return nil
}

// Close implements [abuse.Target].
func (t *target) Close(ctx context.Context) (err error) {
	t.once.Do(func() {
		var errs []error
		if t.modules != nil {
			errs = append(errs, t.modules.Close(ctx))
		}
		if t.host != nil {
			errs = append(errs, t.host.Close(ctx), t.host.Close(ctx))
		}
		if t.engine != nil {
			errs = append(errs, t.engine.Close(ctx))
		}
		for _, f := range t.closers {
			errs = append(errs, f())
		}
		err = errors.Join(errs...)
	})
	return err
}

// Load implements [abuse.Target].
func (t *target) Load(ctx context.Context, r abuse.Load) abuse.Result {
	b := host.Binding{Name: r.Place, Grants: host.Grants{}, Config: map[string][]byte{"key": []byte("value")}}
	for _, g := range r.Grants {
		b.Grants[g] = host.Grant{}
	}
	m, err := t.host.LoadVerified(ctx, fetch.FromBytes(r.Wasm, "the corpus"), b)
	if err == nil {
		t.mu.Lock()
		old := t.places[r.Place]
		t.places[r.Place] = m
		t.mu.Unlock()
		if old != nil {
			err = old.Close(ctx)
		}
	}
	return t.result(nil, err)
}

// Unload implements [abuse.Target].
func (t *target) Unload(ctx context.Context, r abuse.Unload) abuse.Result {
	t.mu.Lock()
	m := t.places[r.Place]
	delete(t.places, r.Place)
	t.mu.Unlock()
	if m == nil {
		return t.result(nil, errNoPlace)
	}
	return t.result(nil, m.Close(ctx))
}

var errNoPlace = &placeError{}

// placeError is a place that is empty.
type placeError struct{}

func (*placeError) Error() string { return "there is no module in this place" }
func (*placeError) Code() string  { return "no-module" }

func (t *target) place(name string) (*host.Module, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if m := t.places[name]; m != nil {
		return m, nil
	}
	return nil, errNoPlace
}

var exports = map[string]host.Export{"decode": host.CodecDecode, "encode": host.CodecEncode, "links": host.CodecLinks}

// Call implements [abuse.Target].
func (t *target) Call(ctx context.Context, r abuse.Call) abuse.Result {
	m, err := t.place(r.Place)
	if err != nil {
		return t.result(nil, err)
	}
	if r.Domain != "" {
		ctx = host.InDomain(ctx, r.Domain)
	}
	i, err := m.Acquire(ctx)
	if err != nil {
		return t.result(nil, err)
	}
	defer i.Release()
	out, err := i.Call(ctx, exports[r.Export], r.Input, r.Params)
	return t.result(out, err)
}

// Decode implements [abuse.Target].
func (t *target) Decode(ctx context.Context, r abuse.Decode) abuse.Result {
	c, err := t.codec(ctx, r)
	if err != nil {
		return t.result(nil, err)
	}
	n, err := c.Decode(ctx, r.Block, nil)
	if err != nil {
		return t.result(nil, err)
	}
	return t.result(nil, walk(n))
}

// codec is the module in a place, or the shipped one for a code.
func (t *target) codec(ctx context.Context, r abuse.Decode) (*ipldbind.Codec, error) {
	if r.Place == "" {
		return t.shipped(ctx, r.Codec)
	}
	m, err := t.place(r.Place)
	if err != nil {
		return nil, err
	}
	return ipldbind.Bind(m)
}

// shipped loads the shipped codec for a code when it is first needed.
func (t *target) shipped(ctx context.Context, code uint64) (*ipldbind.Codec, error) {
	if c, ok := t.codecs.Lookup(code); ok {
		return c, nil
	}
	for name := range iprt.Builtin().Modules {
		b, ok := iprt.Bytes(name)
		if !ok {
			continue
		}
		v := fetch.FromBytes(b, name)
		report, err := t.host.Inspect(ctx, v)
		if err != nil {
			return nil, err
		}
		for _, role := range report.Roles {
			if !role.Callable || role.Code != code {
				continue
			}
			m, err := t.host.LoadVerified(ctx, v, host.Binding{Name: name, Pinned: true})
			if err == nil {
				err = t.codecs.Register(m)
			}
			if err != nil {
				return nil, err
			}
		}
	}
	if c, ok := t.codecs.Lookup(code); ok {
		return c, nil
	}
	return nil, &ipldbind.UnknownCodecError{Multicodec: code}
}

// Fetch implements [abuse.Target].
func (t *target) Fetch(ctx context.Context, r abuse.Fetch) abuse.Result {
	c, err := cid.Decode(r.CID)
	if err != nil {
		return t.result(nil, &textError{err})
	}
	request := fetch.Request{CID: c, Budget: fetch.Untrusted}
	var out []byte
	if r.Block {
		out, err = t.fetch.Block(ctx, request)
	} else {
		var v fetch.Verified
		v, err = t.fetch.File(ctx, request)
		out = v.Bytes()
	}
	if err != nil && t.badCAR != nil {
		err = t.badCAR
	}
	return t.result(out, err)
}

// textError is text that is no CID. What it quotes was never shown to anybody.
type textError struct{ err error }

func (e *textError) Error() string { return fmt.Sprintf("%.200q", e.err.Error()) }
func (e *textError) Code() string  { return "not-a-cid" }
