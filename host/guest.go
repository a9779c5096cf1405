package host

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host/engine"
	"github.com/iprt/iprt/host/hostcall"
	"github.com/iprt/iprt/host/meter"
)

// guest is one running instance with everything a call needs, looked up once.
// Except for the atomics it belongs to whoever took it from the pool.
type guest struct {
	m       *Module
	inst    engine.Instance
	mem     engine.Memory
	stacker stacker // nil if the engine does not tell
	alloc   engine.Func
	exports [exportCount]engine.Func // nil where the module lacks the role
	fuel    engine.Global            // what is left
	depth   engine.Global            // stack slots left; below 0 after an overflow
	globals []engine.Global          // what reset puts back; nil until it is needed
	errAt   uint32                   // the error record; 0 until it is known
	state   *hostcall.State
	ctx     callContext
	stack   [roleParams]uint64
	run     run
	domain  string // that was served last
	first   uint64 // size of the memory after the start
	counted uint64 // memory that the host knows of
	slot    uint32 // in the pool

	lease   lease
	started bool // it may be called
	dead    bool // not to be used again

	bytes                atomic.Uint64 // memory after the last call
	calls, failed, burnt atomic.Uint64 // see Stats; burnt is fuel
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
	if err := m.host.makeRoom(m); err != nil {
		m.drop()
		return nil, err
	}
	inst, err := m.code.Instantiate(ctx, engine.InstanceOptions{
		MaxMemoryBytes: m.limits.memory(),
	})
	if err != nil {
		m.host.memory.used.Add(-int64(m.startMemory()))
		m.drop()
		return nil, m.startError(err)
	}
	g := &guest{m: m, inst: inst, counted: m.startMemory(), mem: inst.Memory(), state: m.newState()}
	g.ctx.g = g
	g.stacker, _ = inst.(stacker)
	m.enlist(g)
	if err := g.init(ctx); err != nil {
		if !g.dead {
			g.fail(err)
		}
		g.close()
		return nil, err
	}
	g.started = true
	if m.mixed.Load() {
		g.capture()
	}
	return g, nil
}

// init binds the meter and brings the guest up, all on one budget.
func (g *guest) init(ctx context.Context) error {
	if err := g.bindMeter(); err != nil {
		return err
	}
	if err := g.begin(ctx); err != nil {
		return err
	}
	defer g.finish()
	return g.bringUp(ctx)
}

// bindMeter finds what the meter added to the module, and sets its limits.
func (g *guest) bindMeter() error {
	var fuel, depth, memory bool
	var pages engine.Global
	g.fuel, fuel = g.inst.Global(meter.ExportFuel)
	g.depth, depth = g.inst.Global(meter.ExportDepth)
	pages, memory = g.inst.Global(meter.ExportMemoryLimit)
	if !fuel || !depth || !memory {
		return fmt.Errorf("host: module %s was compiled without a meter", g.m.id)
	}
	pages.Set(min(pages.Get(), g.m.limits.memory()/pageSize))
	return nil
}

// bringUp resolves the handles and runs the start-up in the order of the ABI:
// _initialize, iprt_init, iprt_error.
func (g *guest) bringUp(ctx context.Context) error {
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
	g.first = g.mem.Size()
	g.bytes.Store(g.first)
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
	if err := g.enter(ctx, f); err != nil {
		return g.trapped(ctx, name, err)
	}
	return nil
}

// newState is what the host functions know of one instance.
func (m *Module) newState() *hostcall.State {
	l := m.limits
	return hostcall.New(hostcall.Options{
		Log: m.log, Config: m.binding.Config, LogRate: m.logRate,
		Limits: hostcall.Limits{LogLine: l.MaxLogLine, LogLines: l.MaxLogLines, LogBytes: l.MaxLogBytes},
	})
}

// recycle takes a guest back whose lease has ended.
func (g *guest) recycle() {
	if g.dead || g.outgrown() || !g.account() {
		g.close()
		g.m.pool.put(nil)
		return
	}
	g.m.pool.put(g)
}

// outgrown reports whether the guest has more memory than may lie idle.
func (g *guest) outgrown() bool {
	size := g.mem.Size()
	return size > g.first && size > uint64(g.m.limits.MaxRetainedBytes)
}

// fail marks the guest as not to be used again and notes why.
func (g *guest) fail(err error) {
	g.dead = true
	g.m.stat.fault(err)
	g.m.blame(g.domain, g.started, err)
}

// close ends the instance. It runs no guest code.
func (g *guest) close() {
	g.inst.Close(context.Background())
	g.m.host.memory.used.Add(-int64(g.counted))
	g.m.strike(g)
	g.m.drop()
}
