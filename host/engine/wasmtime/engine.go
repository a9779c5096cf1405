//go:build wasmtime && cgo

package wasmtime

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	wt "github.com/bytecodealliance/wasmtime-go/v39"

	"github.com/iprt/iprt/host/engine"
	"github.com/iprt/iprt/host/engine/guesttext"
	"github.com/iprt/iprt/host/engine/internal/envelope"
	"github.com/iprt/iprt/host/engine/internal/sections"
)

// version is the release of wasmtime-go that go.mod asks for; a test compares the two.
const version = "v39.0.1"

// New returns an engine of its own: engines share nothing.
func New() (engine.Engine, error) {
	stack, err := stackPerCall(threadStack())
	if err != nil {
		return nil, err
	}
	return &wasmtimeEngine{
		name:  fmt.Sprintf("wasmtime %s compiler %s/%s", version, runtime.GOOS, runtime.GOARCH),
		eng:   wt.NewEngineWithConfig(configure(stack)),
		codes: make(map[*code]struct{}),
	}, nil
}

// configure asks for WebAssembly 2.0, which is what other engines of this module accept, and
// for nothing that depends on how busy the machine is.
func configure(stack int) *wt.Config {
	c := wt.NewConfig()
	for _, off := range []func(bool){
		c.SetWasmThreads, c.SetWasmTailCall, c.SetWasmMultiMemory, c.SetWasmMemory64, c.SetWasmRelaxedSIMD,
		c.SetWasmFunctionReferences, c.SetWasmGC, c.SetWasmWideArithmetic, c.SetParallelCompilation,
	} {
		off(false)
	}
	for _, on := range []func(bool){c.SetWasmReferenceTypes, c.SetWasmBulkMemory, c.SetWasmMultiValue, c.SetWasmSIMD} {
		on(true)
	}
	c.SetMaxWasmStack(stack)
	return c
}

// wasmtimeEngine is one wasmtime Engine and what was compiled in it. wasmtime counts
// references, so that the Engine itself is left to the garbage collector.
type wasmtimeEngine struct {
	name string
	eng  *wt.Engine
	dead graveyard

	mu     sync.Mutex // guards the fields below
	closed bool
	codes  map[*code]struct{}
}

var _ engine.Precompiler = (*wasmtimeEngine)(nil)

func (e *wasmtimeEngine) Name() string { return e.name }

func (e *wasmtimeEngine) Compile(ctx context.Context, wasm []byte, imports []engine.Import) (engine.Code, error) {
	c, err := e.translate(ctx, wasm)
	if err != nil {
		return nil, err
	}
	return e.finish(c, imports)
}

func (e *wasmtimeEngine) Precompile(ctx context.Context, wasm []byte) ([]byte, error) {
	c, err := e.translate(ctx, wasm)
	if err != nil {
		return nil, err
	}
	defer c.free()
	payload, err := c.module.Serialize()
	if err != nil {
		return nil, &engine.CompileError{Cause: plain(err)}
	}
	return envelope.Seal(e.name, wasm, payload), nil
}

func (e *wasmtimeEngine) CompileFrom(ctx context.Context, wasm, artifact []byte, imports []engine.Import) (engine.Code, error) {
	c, _, err := e.begin(ctx, wasm)
	if err != nil {
		return nil, err
	}
	payload, err := envelope.Open(e.name, wasm, artifact)
	if err != nil {
		return nil, err
	}
	if c.module, err = wt.NewModuleDeserialize(e.eng, payload); err != nil {
		return nil, &engine.ArtifactError{Reason: "was not accepted", Cause: plain(err)}
	}
	return e.finish(c, imports)
}

// translate compiles a module.
func (e *wasmtimeEngine) translate(ctx context.Context, wasm []byte) (*code, error) {
	c, wasm, err := e.begin(ctx, wasm)
	if err != nil {
		return nil, err
	}
	if c.module, err = wt.NewModule(e.eng, wasm); err != nil {
		return nil, &engine.CompileError{Cause: plain(err)}
	}
	return c, nil
}

// begin makes a code without machine code, and says from what to make that.
func (e *wasmtimeEngine) begin(ctx context.Context, wasm []byte) (*code, []byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	if e.isClosed() {
		return nil, nil, engine.ErrClosed
	}
	outline, err := sections.Scan(wasm)
	if err != nil {
		return nil, nil, err
	}
	c := &code{eng: e, outline: outline, exports: outline.Exports(wasm), instances: make(map[*instance]struct{})}
	wasm, c.memory = outline.ExportMemory(wasm)
	return c, wasm, nil
}

// finish binds a code's imports and makes it the engine's. On an error it is freed.
func (e *wasmtimeEngine) finish(c *code, imports []engine.Import) (engine.Code, error) {
	if err := c.bind(imports); err != nil {
		c.free()
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		c.free()
		return nil, engine.ErrClosed
	}
	e.codes[c] = struct{}{}
	return c, nil
}

func (e *wasmtimeEngine) Close(ctx context.Context) error {
	e.mu.Lock()
	codes := e.codes
	e.closed, e.codes = true, nil
	e.mu.Unlock()
	for c := range codes {
		_ = c.Close(ctx)
	}
	return nil
}

func (e *wasmtimeEngine) isClosed() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.closed
}

func (e *wasmtimeEngine) forget(c *code) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.codes, c)
}

// plain makes an error of wasmtime safe to show: it may quote names of the guest, of any
// length and content.
func plain(err error) error { return errors.New(guesttext.Line(err.Error(), maxError)) }

// maxError is how long the text of an error gets.
const maxError = 1 << 10
