package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/iprt/iprt/host/node"
)

// TestEngines opens each engine of this build, and asks for one that may not be in it.
func TestEngines(t *testing.T) {
	for name, open := range engines() {
		if err := checkEngine(name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		e, err := open()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !strings.HasPrefix(e.Name(), strings.TrimSuffix(name, "-interpreter")+" ") {
			t.Errorf("%s calls itself %q", name, e.Name())
		}
		if err := e.Close(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	err := checkEngine(wasmtimeEngine)
	if built := slices.Contains(engineList(), wasmtimeEngine); built != (err == nil) || built != (newWasmtime != nil) {
		t.Errorf("wasmtime is listed: %v, refused: %v", built, err)
	}
	if err != nil && !strings.Contains(node.Explain(err).Advice, "-tags wasmtime") {
		t.Errorf("the hint of %v does not name the build tag", err)
	}
	if err := checkEngine("quantum"); err == nil {
		t.Error("there is a quantum engine")
	}
}
