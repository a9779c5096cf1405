//go:build wasmtime && cgo

package wasmtime

import (
	"os"
	"regexp"
	"testing"

	"github.com/iprt/iprt/host/engine/enginetest"
)

func TestSuite(t *testing.T) { enginetest.Run(t, New) }

// TestVersion compares the version in the name with the one that is linked.
func TestVersion(t *testing.T) {
	mod, err := os.ReadFile("../../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^\s*github.com/bytecodealliance/wasmtime-go/v39 (\S+)`).FindSubmatch(mod)
	if m == nil {
		t.Fatal("go.mod does not require wasmtime-go")
	}
	if string(m[1]) != version {
		t.Errorf("go.mod requires wasmtime-go %s, the engine says %s", m[1], version)
	}
}
