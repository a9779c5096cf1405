package wazero

import (
	"os"
	"regexp"
	"runtime"
	"testing"

	"github.com/iprt/iprt/host/engine"
	"github.com/iprt/iprt/host/engine/enginetest"
)

var modes = map[string]Config{
	"compiler":    {},
	"interpreter": {Interpreter: true},
}

func TestSuite(t *testing.T) {
	for mode, cfg := range modes {
		t.Run(mode, func(t *testing.T) {
			enginetest.Run(t, func() (engine.Engine, error) { return New(cfg) })
		})
	}
}

func TestName(t *testing.T) {
	for mode, cfg := range modes {
		e := open(t, cfg)
		if want := "wazero " + version + " " + mode + " " + runtime.GOOS + "/" + runtime.GOARCH; e.Name() != want {
			t.Errorf("Name = %q, want %q", e.Name(), want)
		}
	}
}

// TestVersion compares the version in the name with the one that is linked.
func TestVersion(t *testing.T) {
	mod, err := os.ReadFile("../../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^\s*github.com/tetratelabs/wazero (\S+)`).FindSubmatch(mod)
	if m == nil {
		t.Fatal("go.mod does not require wazero")
	}
	if string(m[1]) != version {
		t.Errorf("go.mod requires wazero %s, the engine says %s", m[1], version)
	}
}

func open(t testing.TB, cfg Config) engine.Engine {
	t.Helper()
	e, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close(t.Context()) })
	return e
}
