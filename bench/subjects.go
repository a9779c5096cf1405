package main

import (
	"context"
	"fmt"

	"github.com/ipfs/go-cid"
	"github.com/iprt/iprt"
	"github.com/iprt/iprt/host"
	"github.com/iprt/iprt/host/engine"
	"github.com/iprt/iprt/host/engine/wazero"
	"github.com/iprt/iprt/host/fetch"
	"github.com/iprt/iprt/host/ipldbind"
	"github.com/multiformats/go-multihash"
)

// subjects is iprt as an embedder has it: a host with the shipped codecs.
type subjects struct {
	engine engine.Engine
	host   *host.Host
	cbor   *ipldbind.Codec
	extra  map[cid.Cid][]byte // modules that are not shipped
	built  map[string][]byte  // guests by name

	closers []func(context.Context) error // of the peers
}

func newSubjects(ctx context.Context) (*subjects, error) {
	e, err := wazero.New(wazero.Config{})
	if err != nil {
		return nil, err
	}
	s := &subjects{engine: e, extra: make(map[cid.Cid][]byte), built: make(map[string][]byte)}
	if err := s.load(ctx); err != nil {
		s.close(ctx)
		return nil, err
	}
	return s, nil
}

func (s *subjects) load(ctx context.Context) error {
	builtin := fetch.Func("built in", func(c cid.Cid) ([]byte, error) {
		if b, ok := iprt.BlockFor(c); ok {
			return b, nil
		}
		if b, ok := s.extra[c]; ok {
			return b, nil
		}
		return nil, fetch.ErrNotFound
	})
	fetcher := fetch.New(fetch.Config{Store: &fetch.MemStore{}, Sources: []fetch.Source{builtin}})
	var err error
	if s.host, err = host.New(s.engine, host.Config{Fetch: fetcher, Policy: anyModule{}}); err != nil {
		return err
	}
	cbor, err := s.shipped(ctx, "dag-cbor")
	if err != nil {
		return err
	}
	s.cbor, err = ipldbind.Bind(cbor)
	return err
}

func (s *subjects) shipped(ctx context.Context, name string) (*host.Module, error) {
	m, ok := iprt.Builtin().Modules[name]
	if !ok {
		return nil, fmt.Errorf("no module %q in the lock", name)
	}
	return s.host.Load(ctx, m.CID, host.Binding{Name: name})
}

// loadBytes loads a module that was made here.
func (s *subjects) loadBytes(ctx context.Context, name string, wasm []byte) (*host.Module, error) {
	c, err := cid.V1Builder{Codec: cid.Raw, MhType: multihash.SHA2_256}.Sum(wasm)
	if err != nil {
		return nil, err
	}
	s.extra[c] = wasm
	return s.host.Load(ctx, c, host.Binding{Name: name})
}

// anyModule is a policy for modules that all are known.
type anyModule struct{}

func (anyModule) Allow(context.Context, host.Candidate) error { return nil }

func (s *subjects) close(ctx context.Context) {
	for _, c := range s.closers {
		_ = c(ctx)
	}
	if s.host != nil {
		_ = s.host.Close(ctx)
	}
	_ = s.engine.Close(ctx)
}
