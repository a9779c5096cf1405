package validate_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/iprt/iprt/host/validate"
)

// goModule is the CSV codec as the stock Go compiler makes it: about 3 MB, of which half is code. It is built once.
func goModule(tb testing.TB) []byte {
	tb.Helper()
	wasm, err := buildGo()
	if err != nil {
		tb.Skipf("the Go command does not build for wasip1 here: %v", err)
	}
	return wasm
}

var buildGo = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "iprt-validate")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "csv.wasm")
	c := exec.Command("go", "build", "-buildmode=c-shared", "-trimpath", "-buildvcs=false", "-o", out, ".")
	c.Dir = "../../codecs/csv"
	c.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "GOFLAGS=")
	if said, err := c.CombinedOutput(); err != nil {
		return nil, &buildError{string(said), err}
	}
	return os.ReadFile(out)
})

type buildError struct {
	said string
	err  error
}

func (e *buildError) Error() string { return e.err.Error() + ": " + e.said }

// BenchmarkGo is the rate over a real module; most of it is instructions.
func BenchmarkGo(b *testing.B) {
	wasm := goModule(b)
	b.SetBytes(int64(len(wasm)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := validate.Module(wasm, validate.Rules{Set: validate.Shape, Limits: validate.Pinned()}); err != nil {
			b.Fatal(err)
		}
	}
}
