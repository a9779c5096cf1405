package main

import (
	"github.com/iprt/iprt/host/engine"
	"github.com/iprt/iprt/host/engine/wazero"
)

// engineKind is an engine that metering is measured on.
type engineKind struct {
	name     string
	compiles bool
	open     func() (engine.Engine, error)
}

// blockSize is smaller where guests are slower, so that a round stays short.
func (e engineKind) blockSize(g guest) int {
	if e.compiles {
		return g.size
	}
	return g.size / 16
}

var engines = append([]engineKind{
	{"wazero compiler", true, func() (engine.Engine, error) { return wazero.New(wazero.Config{}) }},
	{"wazero interpreter", false, func() (engine.Engine, error) { return wazero.New(wazero.Config{Interpreter: true}) }},
}, taggedEngines...)
