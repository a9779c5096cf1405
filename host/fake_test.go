package host_test

import (
	"context"
	"sync/atomic"

	"github.com/iprt/iprt/host/engine"
)

// countingEngine counts compilations and open codes. If gate is set, each
// compilation waits for a value from it.
type countingEngine struct {
	engine.Engine
	compiled, open atomic.Int32
	compiling      chan struct{} // gets a value at the start of each compilation, if set
	gate           chan struct{}
}

func (e *countingEngine) Compile(ctx context.Context, wasm []byte, imports []engine.Import) (engine.Code, error) {
	if e.compiling != nil {
		e.compiling <- struct{}{}
	}
	if e.gate != nil {
		<-e.gate
	}
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
