package host_test

import (
	"context"
	"log/slog"
	"sync/atomic"

	"github.com/iprt/iprt/host/engine"
)

// countingEngine counts compilations and open codes, and panics if instances
// are closed twice or after their code.
type countingEngine struct {
	engine.Engine
	compiled, open atomic.Int32
}

func (e *countingEngine) Compile(ctx context.Context, wasm []byte, imports []engine.Import) (engine.Code, error) {
	e.compiled.Add(1)
	c, err := e.Engine.Compile(ctx, wasm, imports)
	if err != nil {
		return nil, err
	}
	e.open.Add(1)
	return &countedCode{Code: c, e: e}, nil
}

type countedCode struct {
	engine.Code
	e    *countingEngine
	live atomic.Int32
}

func (c *countedCode) Instantiate(ctx context.Context, o engine.InstanceOptions) (engine.Instance, error) {
	i, err := c.Code.Instantiate(ctx, o)
	if err != nil {
		return nil, err
	}
	c.live.Add(1)
	return &countedInstance{Instance: i, c: c}, nil
}

func (c *countedCode) Close(ctx context.Context) error {
	if n := c.live.Load(); n != 0 {
		panic("code was closed before its instances")
	}
	c.e.open.Add(-1)
	return c.Code.Close(ctx)
}

type countedInstance struct {
	engine.Instance
	c      *countedCode
	closed atomic.Bool
}

func (i *countedInstance) Close(ctx context.Context) error {
	if i.closed.Swap(true) {
		panic("instance was closed twice")
	}
	i.c.live.Add(-1)
	return i.Instance.Close(ctx)
}

// slogHandler calls a function for each record that has a text.
type slogHandler struct{ on func() }

func (p *pauser) logger(on func()) *slog.Logger { return slog.New(slogHandler{on}) }

func (h slogHandler) Enabled(context.Context, slog.Level) bool { return true }
func (h slogHandler) Handle(_ context.Context, r slog.Record) error {
	if r.Message != "" {
		h.on()
	}
	return nil
}
func (h slogHandler) WithAttrs([]slog.Attr) slog.Handler { return h }
func (h slogHandler) WithGroup(string) slog.Handler      { return h }
