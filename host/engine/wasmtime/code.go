//go:build wasmtime && cgo

package wasmtime

import (
	"context"
	"sync"
	"weak"

	wt "github.com/bytecodealliance/wasmtime-go/v39"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host/engine"
	"github.com/iprt/iprt/host/engine/internal/link"
	"github.com/iprt/iprt/host/engine/internal/sections"
)

const pageSize = 64 << 10

// code is a compiled module with the linker that satisfies its imports.
type code struct {
	eng     *wasmtimeEngine
	outline sections.Outline
	exports []sections.Export
	memory  string // the name under which it is exported, if there is one
	module  *wt.Module
	linker  *wt.Linker

	funcs   map[string]engine.FuncType // what [instance.Func] finds
	globals map[string]abi.ValType     // what [instance.Global] finds

	mu        sync.RWMutex // held for reading while an instance is being made
	closed    bool
	liveMu    sync.Mutex
	instances map[*instance]struct{}
}

// bind resolves the imports and lists the exports.
func (c *code) bind(imports []engine.Import) error {
	var wants []link.Want
	for _, imp := range c.module.Imports() {
		want := link.Want{Module: imp.Module(), Type: funcType(imp.Type().FuncType())}
		if name := imp.Name(); name != nil {
			want.Name = *name
		}
		wants = append(wants, want)
	}
	used, err := link.Resolve(wants, imports)
	if err != nil {
		return err
	}
	c.linker = wt.NewLinker(c.eng.eng)
	for _, imp := range used {
		if !link.Numeric(imp.Type.Params...) || !link.Numeric(imp.Type.Results...) {
			return &engine.ImportError{Module: imp.Module, Name: imp.Name, Reason: "has types that host functions cannot take"}
		}
		typ := wt.NewFuncType(valTypes(imp.Type.Params), valTypes(imp.Type.Results))
		if err := c.linker.FuncNew(imp.Module, imp.Name, typ, hostFunc(imp)); err != nil {
			return &engine.CompileError{Cause: plain(err)}
		}
	}
	c.list()
	return nil
}

// list finds the exports that guests and hosts have in common. wasmtime does not say which
// functions are imports handed on; the outline does.
func (c *code) list() {
	c.funcs, c.globals = make(map[string]engine.FuncType), make(map[string]abi.ValType)
	own := make(map[string]bool)
	for _, e := range c.exports {
		own[e.Name] = c.outline.IsFunc(e)
	}
	for _, e := range c.module.Exports() {
		typ := e.Type()
		if f := typ.FuncType(); f != nil && own[e.Name()] {
			if t := funcType(f); link.Numeric(t.Params...) && link.Numeric(t.Results...) {
				c.funcs[e.Name()] = t
			}
		}
		if g := typ.GlobalType(); g != nil && g.Mutable() {
			if t := valType(g.Content()); link.Numeric(t) {
				c.globals[e.Name()] = t
			}
		}
	}
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
	limit := int64(-1)
	if o.MaxMemoryBytes > 0 {
		most := min(o.MaxMemoryBytes, 1<<32) / pageSize * pageSize
		if need := uint64(c.outline.MinPages) * pageSize; c.memory != "" && need > most {
			return nil, &engine.MemoryLimitError{Need: need, Limit: most}
		}
		limit = int64(most)
	}
	i := &instance{code: c, funcs: make(map[string]*function)}
	i.store = wt.NewStoreWithData(c.eng.eng, weak.Make(i))
	i.store.Limiter(limit, -1, -1, -1, -1)
	var err error
	if i.inst, err = c.linker.Instantiate(i.store, c.module); err != nil {
		err = &engine.InstantiateError{Cause: plain(err)}
		i.store.Close()
		return nil, err
	}
	if c.memory != "" {
		i.mem = newMemory(i)
	}
	c.liveMu.Lock()
	c.instances[i] = struct{}{}
	c.liveMu.Unlock()
	return i, nil
}

func (c *code) Close(ctx context.Context) error {
	c.mu.Lock()
	wasClosed := c.closed
	c.closed = true
	c.mu.Unlock()
	if wasClosed {
		return nil
	}
	c.eng.forget(c)
	c.liveMu.Lock()
	live := make([]*instance, 0, len(c.instances))
	for i := range c.instances {
		live = append(live, i)
	}
	c.liveMu.Unlock()
	for _, i := range live {
		_ = i.Close(ctx)
	}
	c.free()
	return nil
}

// free releases what was made, however far that came. Instances keep what they need of it.
func (c *code) free() {
	c.module.Close()
	if c.linker != nil {
		c.linker.Close()
	}
}

func (c *code) forget(i *instance) {
	c.liveMu.Lock()
	defer c.liveMu.Unlock()
	delete(c.instances, i)
}
