package main

import (
	"maps"
	"slices"
	"strings"

	"github.com/iprt/iprt/host/engine"
	"github.com/iprt/iprt/host/engine/wazero"
)

const defaultEngine = "wazero"

// engines names what this build can run modules on.
func engines() map[string]func() (engine.Engine, error) {
	return map[string]func() (engine.Engine, error){
		defaultEngine:        func() (engine.Engine, error) { return wazero.New(wazero.Config{}) },
		"wazero-interpreter": func() (engine.Engine, error) { return wazero.New(wazero.Config{Interpreter: true}) },
	}
}

func engineList() []string { return slices.Sorted(maps.Keys(engines())) }

func engineNames() string { return strings.Join(engineList(), ", ") }
