package main

import (
	"maps"
	"slices"
	"strings"

	"github.com/iprt/iprt/host/engine"
	"github.com/iprt/iprt/host/engine/wazero"
)

const (
	defaultEngine  = "wazero"
	wasmtimeEngine = "wasmtime"
)

// engines names what this build can run modules on.
func engines() map[string]func() (engine.Engine, error) {
	m := map[string]func() (engine.Engine, error){
		defaultEngine:        func() (engine.Engine, error) { return wazero.New(wazero.Config{}) },
		"wazero-interpreter": func() (engine.Engine, error) { return wazero.New(wazero.Config{Interpreter: true}) },
	}
	if newWasmtime != nil {
		m[wasmtimeEngine] = newWasmtime
	}
	return m
}

func engineList() []string { return slices.Sorted(maps.Keys(engines())) }

func engineNames() string { return strings.Join(engineList(), ", ") }

// checkEngine refuses names that are not in engines.
func checkEngine(name string) error {
	if _, ok := engines()[name]; ok {
		return nil
	}
	if name == wasmtimeEngine {
		return usagef("take one of "+engineNames()+", or build with CGO_ENABLED=1 go build -tags wasmtime ./cmd/iprt",
			"--engine %q: this build was made without it", name)
	}
	return usagef("take one of "+engineNames(), "--engine %q: there is no such engine", name)
}
