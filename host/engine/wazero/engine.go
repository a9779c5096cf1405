// Package wazero runs WebAssembly with wazero, in pure Go.
//
// [New] gives an [engine.Engine], either wazero's compiler, which exists for amd64
// and arm64 on the common operating systems, or its interpreter, which runs
// everywhere and is about a hundred times slower than native code.
//
// # What is not used, and why
//
// wazero can stop a guest when a context ends (WithCloseOnContextDone). That makes
// real decoders 3 to 9 times slower, and a call tree without loops ignores it all the
// same, so guests are bounded by metering instead (host/meter). Debug information is
// not read: it is a large parser behind untrusted bytes, for the sake of line numbers.
package wazero

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"

	wz "github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"golang.org/x/sys/cpu"

	"github.com/iprt/iprt/host/engine"
	"github.com/iprt/iprt/host/engine/guesttext"
	"github.com/iprt/iprt/host/engine/internal/sections"
)

// version is the release of wazero that go.mod asks for; a test compares the two. It is
// not read from the build information, which test binaries and vendored builds lack.
const version = "v1.12.0"

// Config chooses how guests run. The zero value compiles where that is supported and
// interprets elsewhere.
type Config struct {
	// Interpreter interprets even where the compiler is supported.
	Interpreter bool
}

// New returns an engine of its own: engines share neither code nor limits. One that
// compiles is an [engine.Precompiler].
func New(cfg Config) (engine.Engine, error) {
	e := &runtimeEngine{codes: make(map[*code]struct{})}
	mode := "interpreter"
	if !cfg.Interpreter {
		if e.rt = newCompiler(); e.rt != nil {
			mode = "compiler"
		}
	}
	if e.rt == nil {
		e.rt = wz.NewRuntimeWithConfig(context.Background(), configure(wz.NewRuntimeConfigInterpreter()))
	}
	e.name = fmt.Sprintf("wazero %s %s %s/%s", version, mode, runtime.GOOS, runtime.GOARCH)
	if mode == "interpreter" {
		return e, nil
	}
	return compiler{e}, nil
}

func configure(c wz.RuntimeConfig) wz.RuntimeConfig {
	return c.WithCoreFeatures(api.CoreFeaturesV2).WithDebugInfoEnabled(false)
}

// newCompiler returns nil where wazero cannot compile, or the system refuses it executable
// memory, which wazero says by a panic.
func newCompiler() (rt wz.Runtime) {
	if !compilerSupported() {
		return nil
	}
	defer func() {
		if recover() != nil {
			rt = nil
		}
	}()
	return wz.NewRuntimeWithConfig(context.Background(), configure(wz.NewRuntimeConfigCompiler()))
}

// compilerSupported is the condition under which wazero's own default compiles. That
// default is of no use here: it does not tell which way it went.
func compilerSupported() bool {
	switch runtime.GOOS {
	case "linux", "darwin", "freebsd", "netbsd", "windows":
		return runtime.GOARCH == "arm64" || runtime.GOARCH == "amd64" && cpu.X86.HasSSE41
	case "dragonfly", "solaris", "illumos":
		return runtime.GOARCH == "amd64" && cpu.X86.HasSSE41
	}
	return false
}

// runtimeEngine is one wazero Runtime and what was compiled in it.
type runtimeEngine struct {
	name string
	rt   wz.Runtime

	mu     sync.Mutex // guards the fields below
	closed bool
	codes  map[*code]struct{}
}

func (e *runtimeEngine) Name() string { return e.name }

func (e *runtimeEngine) Compile(ctx context.Context, wasm []byte, imports []engine.Import) (engine.Code, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if e.isClosed() {
		return nil, engine.ErrClosed
	}
	if _, err := sections.Scan(wasm); err != nil {
		return nil, err
	}
	return e.finish(&code{eng: e, rt: e.rt}, wasm, imports)
}

// finish builds a code and makes it the engine's. On an error it is freed.
func (e *runtimeEngine) finish(c *code, wasm []byte, imports []engine.Import) (engine.Code, error) {
	if err := c.build(wasm, imports); err != nil {
		_ = c.free()
		if e.isClosed() {
			return nil, engine.ErrClosed
		}
		return nil, err
	}
	if !e.adopt(c) {
		_ = c.free()
		return nil, engine.ErrClosed
	}
	return c, nil
}

func (e *runtimeEngine) Close(ctx context.Context) error {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return nil
	}
	e.closed = true
	codes := e.codes
	e.codes = nil
	e.mu.Unlock()
	for c := range codes {
		_ = c.Close(ctx)
	}
	return e.rt.Close(ctx)
}

func (e *runtimeEngine) isClosed() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.closed
}

// adopt registers a code to be closed with the engine. It is false if that is closed already.
func (e *runtimeEngine) adopt(c *code) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return false
	}
	e.codes[c] = struct{}{}
	return true
}

func (e *runtimeEngine) forget(c *code) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.codes, c)
}

// plain makes an error of wazero safe to show: it may quote names of the guest, of any
// length and content. What it wraps are texts of the same kind, and of no use.
func plain(err error) error {
	var p *engine.PanicError
	if errors.As(err, &p) {
		return err
	}
	return errors.New(guesttext.Line(err.Error(), maxError))
}

// maxError is how long the text of an error gets.
const maxError = 1 << 10

// guard turns a panic inside wazero into an error, so that a bug there, or a module that
// triggers one, costs one call and not the process.
func guard(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &engine.PanicError{Value: r, Stack: debug.Stack()}
		}
	}()
	return f()
}
