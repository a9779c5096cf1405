// Package engines opens every engine of a build, for tests that compare them: start with [All].
//
// Builds with cgo and the tag "wasmtime" have wasmtime, too. Packages that others import must not use this one in their
// tests, or `go mod tidy` of those others would fetch wasmtime; internal/arch holds them to it.
package engines

import (
	"context"
	"testing"

	"github.com/iprt/iprt/host/engine"
	"github.com/iprt/iprt/host/engine/wazero"
)

// All opens the engines under stable names, "compiler", "interpreter" and perhaps "wasmtime". They close with the test.
func All(t testing.TB) map[string]engine.Engine {
	t.Helper()
	openers := map[string]func() (engine.Engine, error){
		"compiler":    func() (engine.Engine, error) { return wazero.New(wazero.Config{}) },
		"interpreter": func() (engine.Engine, error) { return wazero.New(wazero.Config{Interpreter: true}) },
	}
	if newWasmtime != nil {
		openers["wasmtime"] = newWasmtime
	}
	all := make(map[string]engine.Engine, len(openers))
	for name, open := range openers {
		e, err := open()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		t.Cleanup(func() { _ = e.Close(context.Background()) })
		all[name] = e
	}
	return all
}
