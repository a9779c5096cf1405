package wazero

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"reflect"
	"unsafe"

	wz "github.com/tetratelabs/wazero"

	"github.com/iprt/iprt/host/engine"
	"github.com/iprt/iprt/host/engine/internal/envelope"
	"github.com/iprt/iprt/host/engine/internal/sections"
)

// compiler is a runtimeEngine that compiles, in which code can be kept.
type compiler struct{ *runtimeEngine }

var _ engine.Precompiler = compiler{}

func (e compiler) Precompile(ctx context.Context, wasm []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if e.isClosed() {
		return nil, engine.ErrClosed
	}
	if _, err := sections.Scan(wasm); err != nil {
		return nil, err
	}
	x := &exchange{}
	rt, err := newExchanging(x)
	if err != nil {
		return nil, err
	}
	defer rt.Close(context.Background())
	err = guard(func() error {
		compiled, err := rt.CompileModule(context.Background(), wasm)
		if err != nil {
			return err
		}
		return compiled.Close(context.Background())
	})
	if err != nil {
		return nil, &engine.CompileError{Cause: plain(err)}
	}
	if !x.added {
		return nil, &engine.CompileError{Cause: errors.New("wazero gave no machine code")}
	}
	return envelope.Seal(e.name, wasm, append(x.key[:], x.file...)), nil
}

func (e compiler) CompileFrom(ctx context.Context, wasm, artifact []byte, imports []engine.Import) (engine.Code, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if e.isClosed() {
		return nil, engine.ErrClosed
	}
	outline, err := sections.Scan(wasm)
	if err != nil {
		return nil, err
	}
	payload, err := envelope.Open(e.name, wasm, artifact)
	if err != nil {
		return nil, err
	}
	x := &exchange{full: true}
	if x.file = payload[min(copy(x.key[:], payload), len(payload)):]; len(payload) < len(x.key) {
		return nil, &engine.ArtifactError{Reason: "is damaged"}
	}
	if err := checkMachineCode(x.file, outline.Funcs); err != nil {
		return nil, err
	}
	rt, err := newExchanging(x)
	if err != nil {
		return nil, err
	}
	c := &code{eng: e.runtimeEngine, rt: rt.Runtime, private: rt}
	made, err := e.finish(c, wasm, imports)
	x.file = nil // wazero has copied it
	var compile *engine.CompileError
	if errors.As(err, &compile) {
		// The module compiled where the artifact was made.
		return nil, &engine.ArtifactError{Reason: "was not accepted", Cause: compile.Cause}
	}
	return made, err
}

// exchanging is a Runtime of its own for one module, whose machine code goes through an
// [exchange].
type exchanging struct {
	wz.Runtime
	cache wz.CompilationCache
}

// newExchanging fails only if wazero is not the one this package was tested with.
func newExchanging(x *exchange) (rt *exchanging, err error) {
	err = guard(func() error {
		cache := wz.NewCompilationCache()
		if err := x.install(cache); err != nil {
			return err
		}
		cfg := configure(wz.NewRuntimeConfigCompiler()).WithCompilationCache(cache)
		rt = &exchanging{wz.NewRuntimeWithConfig(context.Background(), cfg), cache}
		return nil
	})
	if err != nil {
		return nil, &engine.ArtifactError{Reason: "cannot be exchanged with this wazero", Cause: err}
	}
	return rt, nil
}

func (rt *exchanging) Close(ctx context.Context) error {
	return errors.Join(rt.Runtime.Close(ctx), rt.cache.Close(ctx))
}

// exchange is one machine code file, handed to wazero or taken from it, in the place of
// the directory where wazero keeps such files. wazero has no other way to part with
// machine code; through files it would take a directory per module, which a confined
// process does not have, a sync of the disk per compilation and a read call per function,
// and a file that is missing would be compiled anew without a word.
type exchange struct {
	key   [sha256.Size]byte // depends on the module, wazero and the processor
	file  []byte
	full  bool // to be handed out; else to be filled
	added bool
}

var errNotHeld = errors.New("machine code of another processor or wazero")

// install puts x where [wz.NewCompilationCacheWithDir] puts its directory: in a field of
// an interface type that is internal to wazero, but that only asks for these three
// methods. If a later wazero has no such field, there is an error and no harm.
func (x *exchange) install(cache wz.CompilationCache) error {
	v := reflect.ValueOf(cache)
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		return errors.New("its compilation cache is not a struct")
	}
	f := v.Elem().FieldByName("fileCache")
	if !f.IsValid() || f.Kind() != reflect.Interface || !reflect.TypeOf(x).Implements(f.Type()) {
		return errors.New("its compilation cache has no place for files")
	}
	reflect.NewAt(f.Type(), unsafe.Pointer(f.UnsafeAddr())).Elem().Set(reflect.ValueOf(x))
	return nil
}

// Get is called before wazero compiles. An error keeps it from doing so.
func (x *exchange) Get(key [sha256.Size]byte) (io.ReadCloser, bool, error) {
	if !x.full {
		return nil, false, nil
	}
	if key != x.key {
		return nil, false, errNotHeld
	}
	return io.NopCloser(bytes.NewReader(x.file)), true, nil
}

// Add is called with the result of a compilation.
func (x *exchange) Add(key [sha256.Size]byte, content io.Reader) (err error) {
	if x.full {
		return errNotHeld
	}
	x.key, x.added = key, true
	x.file, err = io.ReadAll(content)
	return err
}

// Delete is called when wazero finds a file that another version of it made.
func (x *exchange) Delete([sha256.Size]byte) error { return errNotHeld }
