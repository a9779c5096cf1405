package ipldbind

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/datamodel"

	"github.com/iprt/iprt/host"
)

// Config sets up [Codecs]. The zero value works.
type Config struct {
	Limits Limits // for the codecs that [Codecs.Register] binds, and for the blocks that are read

	// Context and Timeout are for calls that come without a context, from encoders and decoders that [Codecs.Install] put into a
	// LinkSystem. Context is the parent, by default context.Background; Timeout is for each call, by default 10 s. The
	// time counts from waiting for an instance on; what it can interrupt is said in host.Limits.
	Context context.Context
	Timeout time.Duration
}

const defaultTimeout = 10 * time.Second

// Codecs maps multicodec codes to codecs. Methods may be called concurrently, also with [Codecs.Add] and [Codecs.Remove]: a call that has
// begun ends with the codec that it began with.
type Codecs struct {
	cfg Config

	mu     sync.RWMutex
	byCode map[uint64]*Codec
}

// New makes an empty set.
func New(cfg Config) *Codecs {
	if cfg.Context == nil {
		cfg.Context = context.Background()
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = defaultTimeout
	}
	return &Codecs{cfg: cfg, byCode: make(map[uint64]*Codec)}
}

// Add gives blocks of a code to a codec, whatever the codec's own code is. A code that is taken is a *[ConflictError], also by another codec of
// the same module: first [Codecs.Remove] what is there.
func (s *Codecs) Add(code uint64, c *Codec) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if have, ok := s.byCode[code]; ok {
		return &ConflictError{Multicodec: code, Have: have.ID(), Want: c.ID()}
	}
	s.byCode[code] = c
	return nil
}

// Remove takes a code from a codec. It does nothing, and returns false, unless c has the code.
func (s *Codecs) Remove(code uint64, c *Codec) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byCode[code] != c {
		return false
	}
	delete(s.byCode, code)
	return true
}

// Register binds a loaded module and adds it under the code that its manifest names.
func (s *Codecs) Register(m *host.Module) error {
	c, err := BindWith(m, s.cfg.Limits)
	if err != nil {
		return err
	}
	return s.Add(c.Code(), c)
}

// Unregister removes every codec that was bound to m, and returns how many.
func (s *Codecs) Unregister(m *host.Module) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := len(s.byCode)
	maps.DeleteFunc(s.byCode, func(_ uint64, c *Codec) bool { return c.module == Module(hosted{m}) })
	return before - len(s.byCode)
}

// Lookup returns the codec for a code.
func (s *Codecs) Lookup(code uint64) (*Codec, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	c, ok := s.byCode[code]
	return c, ok
}

// Codes lists the codes that have a codec, ascending.
func (s *Codecs) Codes() []uint64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Sorted(maps.Keys(s.byCode))
}

// get is Lookup with an error.
func (s *Codecs) get(code uint64) (*Codec, error) {
	if c, ok := s.Lookup(code); ok {
		return c, nil
	}
	return nil, &UnknownCodecError{Multicodec: code}
}

// Decode is [Codec.Decode] with the codec for a code, or an *[UnknownCodecError].
func (s *Codecs) Decode(ctx context.Context, code uint64, block, params []byte) (datamodel.Node, error) {
	c, err := s.get(code)
	if err != nil {
		return nil, err
	}
	return c.Decode(ctx, block, params)
}

// DecodeInto is [Codec.DecodeInto] with the codec for a code, or an *[UnknownCodecError].
func (s *Codecs) DecodeInto(ctx context.Context, code uint64, block, params []byte, na datamodel.NodeAssembler) error {
	c, err := s.get(code)
	if err != nil {
		return err
	}
	return c.DecodeInto(ctx, block, params, na)
}

// Encode is [Codec.Encode] with the codec for a code, or an *[UnknownCodecError].
func (s *Codecs) Encode(ctx context.Context, code uint64, n datamodel.Node, params []byte) ([]byte, error) {
	c, err := s.get(code)
	if err != nil {
		return nil, err
	}
	return c.Encode(ctx, n, params)
}

// Links is [Codec.Links] with the codec for a code, or an *[UnknownCodecError].
func (s *Codecs) Links(ctx context.Context, code uint64, block, params []byte) ([]cid.Cid, error) {
	c, err := s.get(code)
	if err != nil {
		return nil, err
	}
	return c.Links(ctx, block, params)
}
