package wazero

import (
	"context"
	"errors"
	"sync"

	wz "github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/iprt/iprt/host/engine"
)

// code is a compiled module with the host modules that satisfy its imports. Those have
// no name in the Runtime, so that two codes may bind the same import differently; an
// import resolver hands them out.
type code struct {
	eng      *runtimeEngine
	rt       wz.Runtime  // the engine's, or
	private  *exchanging // one for this code
	compiled wz.CompiledModule
	hosts    map[string]*hostModule

	// instances finds the instance whose guest called a host function by the api.Module
	// that wazero passes. It is looked at on every host call, hence no plain map.
	instances sync.Map // api.Module → *instance

	mu     sync.RWMutex // held for reading while an instance is being made
	closed bool
}

// hostModule is the part of a code's imports under one module name.
type hostModule struct {
	compiled wz.CompiledModule
	mod      api.Module
}

// build compiles the module and what it imports. On an error the caller frees the code.
func (c *code) build(wasm []byte, imports []engine.Import) error {
	// wazero's compiler has no use for a context, and what it would take from one are
	// experimental settings that are nobody's business outside this package.
	ctx := context.Background()
	err := guard(func() (err error) {
		c.compiled, err = c.rt.CompileModule(ctx, wasm)
		return err
	})
	if err != nil {
		return &engine.CompileError{Cause: plain(err)}
	}
	used, err := resolve(c.compiled.ImportedFunctions(), imports)
	if err != nil {
		return err
	}
	c.hosts = make(map[string]*hostModule, len(used))
	for name, fns := range used {
		h := &hostModule{}
		c.hosts[name] = h
		if err := guard(func() error { return c.buildHost(ctx, h, name, fns) }); err != nil {
			return &engine.CompileError{Cause: plain(err)}
		}
	}
	return nil
}

func (c *code) buildHost(ctx context.Context, h *hostModule, name string, fns []engine.Import) (err error) {
	b := c.rt.NewHostModuleBuilder(name)
	for _, f := range fns {
		b.NewFunctionBuilder().
			WithGoModuleFunction(c.hostFunc(f), valueTypes(f.Type.Params), valueTypes(f.Type.Results)).
			Export(f.Name)
	}
	if h.compiled, err = b.Compile(ctx); err != nil {
		return err
	}
	h.mod, err = c.rt.InstantiateModule(ctx, h.compiled, wz.NewModuleConfig().WithName(""))
	return err
}

func (c *code) Instantiate(ctx context.Context, o engine.InstanceOptions) (engine.Instance, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.closed {
		return nil, engine.ErrClosed
	}
	i := &instance{code: c, mem: newMemory(o.MaxMemoryBytes)}
	ctx = experimental.WithMemoryAllocator(context.Background(), i.mem)
	ctx = experimental.WithImportResolver(ctx, c.host)
	err := guard(func() (err error) {
		// No name, as names are unique in a Runtime; no start functions, as "_start" is one by default.
		i.mod, err = c.rt.InstantiateModule(ctx, c.compiled, wz.NewModuleConfig().WithName("").WithStartFunctions())
		return err
	})
	if err != nil {
		var limit *engine.MemoryLimitError
		if errors.As(err, &limit) {
			return nil, limit
		}
		return nil, &engine.InstantiateError{Cause: plain(err)}
	}
	c.instances.Store(i.mod, i)
	return i, nil
}

// host is an [experimental.ImportResolver].
func (c *code) host(name string) api.Module {
	if h, ok := c.hosts[name]; ok {
		return h.mod
	}
	return nil
}

func (c *code) Close(ctx context.Context) error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil
	}
	c.closed = true
	c.mu.Unlock()
	c.eng.forget(c)
	c.instances.Range(func(_, i any) bool {
		_ = i.(*instance).Close(ctx)
		return true
	})
	return c.free()
}

// free releases what build made, however far that came. Machine code that a call is
// still running stays until it returns: wazero unmaps it in a finalizer.
func (c *code) free() error {
	ctx := context.Background()
	var errs []error
	if c.compiled != nil {
		errs = append(errs, c.compiled.Close(ctx))
	}
	for _, h := range c.hosts {
		if h.mod != nil {
			errs = append(errs, h.mod.Close(ctx))
		}
		if h.compiled != nil {
			errs = append(errs, h.compiled.Close(ctx))
		}
	}
	if c.private != nil {
		errs = append(errs, c.private.Close(ctx))
	}
	return errors.Join(errs...)
}
