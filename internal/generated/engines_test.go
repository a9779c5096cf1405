package generated

import (
	"maps"

	"github.com/iprt/iprt/host/engine"
	"github.com/iprt/iprt/host/engine/wazero"
)

// available are the engines of this build: two everywhere, and wasmtime with its build tag.
func available() map[string]func() (engine.Engine, error) {
	open := map[string]func() (engine.Engine, error){
		"compiled":    func() (engine.Engine, error) { return wazero.New(wazero.Config{}) },
		"interpreted": func() (engine.Engine, error) { return wazero.New(wazero.Config{Interpreter: true}) },
	}
	maps.Copy(open, tagged)
	return open
}
