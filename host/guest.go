package host

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host/engine"
	"github.com/iprt/iprt/host/hostcall"
)

// guest is one running instance with everything a call needs, looked up once.
// Except for the atomics it belongs to whoever took it from the pool.
type guest struct {
	m       *Module
	inst    engine.Instance
	mem     engine.Memory
	alloc   engine.Func
	exports [exportCount]engine.Func // nil where the module lacks the role
	errAt   uint32                   // the error record; 0 until it is known
	state   *hostcall.State
	ctx     callContext
	stack   [roleParams]uint64

	lease lease
	dead  bool          // not to be used again
	bytes atomic.Uint64 // memory after the last call
}

// roleParams is the number of parameters of a role call: two inputs, each an
// address and a length.
const roleParams = 4

// instantiate starts the instance that shows that the module can be started,
// and keeps it for the first call.
func (m *Module) instantiate(ctx context.Context) error {
	i, err := m.Acquire(ctx)
	if err == nil {
		i.Release()
	}
	return err
}

// start makes an instance and runs its initialisation.
func (m *Module) start(ctx context.Context) (*guest, error) {
	if err := m.hold(); err != nil {
		return nil, err
	}
	inst, err := m.code.Instantiate(ctx, engine.InstanceOptions{
		MaxMemoryBytes: m.host.memoryLimit(),
	})
	if err != nil {
		m.drop()
		return nil, m.startError(err)
	}
	g := &guest{m: m, inst: inst, mem: inst.Memory(), state: m.newState()}
	g.ctx.g = g
	m.enlist(g)
	if err := g.init(ctx); err != nil {
		g.fail(err)
		g.close()
		return nil, err
	}
	return g, nil
}

// init resolves the handles and brings the guest up in the order of the ABI:
// _initialize, iprt_init, iprt_error.
func (g *guest) init(ctx context.Context) error {
	g.alloc = g.handle(abi.ExportAlloc, []abi.ValType{abi.I32}, []abi.ValType{abi.I32})
	record := g.handle(abi.ExportError, nil, []abi.ValType{abi.I32})
	if g.mem == nil || g.alloc == nil || record == nil {
		return g.broke(abi.ExportMemory, "memory, iprt_alloc or iprt_error is missing or has the wrong type")
	}
	for e, name := range exportNames {
		g.exports[e] = g.handle(name, []abi.ValType{abi.I32, abi.I32, abi.I32, abi.I32}, []abi.ValType{abi.I64})
	}
	if err := g.initCall(ctx, abi.ExportInitialize, g.handle(abi.ExportInitialize, nil, nil)); err != nil {
		return err
	}
	g.stack[0] = uint64(abi.StatusOK)
	if err := g.initCall(ctx, abi.ExportInit, g.handle(abi.ExportInit, nil, []abi.ValType{abi.I32})); err != nil {
		return err
	}
	status := uint32(g.stack[0])
	if err := g.initCall(ctx, abi.ExportError, record); err != nil {
		return err
	}
	g.errAt = uint32(g.stack[0])
	if _, ok := g.mem.View(g.errAt, abi.ErrorRecordSize); !ok || g.errAt == 0 {
		at := g.errAt
		g.errAt = 0
		return g.broke(abi.ExportError, fmt.Sprintf("the error record at 0x%x is not inside the memory of %d bytes", at, g.mem.Size()))
	}
	g.bytes.Store(g.mem.Size())
	if status != uint32(abi.StatusOK) {
		return g.callError(abi.ExportInit, status)
	}
	return nil
}

// handle looks an export up; nil if there is none of that type.
func (g *guest) handle(name string, params, results []abi.ValType) engine.Func {
	f, ok := g.inst.Func(name)
	if !ok || !f.Type().Equal(engine.FuncType{Params: params, Results: results}) {
		return nil
	}
	return f
}

// initCall runs a function of the start-up, if there is one. Its result is in
// stack[0].
func (g *guest) initCall(ctx context.Context, name string, f engine.Func) error {
	if f == nil {
		return nil
	}
	if err := g.run(ctx, f); err != nil {
		return g.trapped(ctx, name, err)
	}
	return nil
}

// newState is what the host functions know of one instance.
func (m *Module) newState() *hostcall.State {
	l := m.host.cfg.Limits
	return hostcall.New(hostcall.Options{
		Log: m.log, Config: m.binding.Config,
		Limits: hostcall.Limits{LogLine: l.MaxLogLine, LogLines: l.MaxLogLines, LogBytes: l.MaxLogBytes},
	})
}

// callContext is the context of a call into a guest, through which host
// functions find its state. It is made once per instance, so that a call
// allocates none.
type callContext struct {
	context.Context
	g *guest
}

func (c *callContext) Value(key any) any {
	if v := c.g.state.ContextValue(key); v != nil {
		return v
	}
	return c.Context.Value(key)
}

// recycle takes a guest back whose lease has ended.
func (g *guest) recycle() {
	if g.dead {
		g.close()
		g.m.pool.put(nil)
		return
	}
	if !g.m.pool.put(g) {
		g.close()
	}
}

// fail marks the guest as not to be used again and notes why.
func (g *guest) fail(err error) {
	g.dead = true
	g.m.stat.fault(err)
}

// close ends the instance. It runs no guest code.
func (g *guest) close() {
	g.inst.Close(context.Background())
	g.m.strike(g)
	g.m.drop()
}
