package wasi_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/iprt/iprt/host/engine"
	"github.com/iprt/iprt/host/engine/wazero"
	"github.com/iprt/iprt/host/hostcall/wasi"
)

// goKinds are the two ways to build the program in testdata.
var goKinds = map[string]struct {
	buildmode string
	exports   []string // to be called one after the other
	exits     bool
}{
	"command": {"exe", []string{"_start"}, true},
	"reactor": {"c-shared", []string{"_initialize", "report"}, false},
}

// goLines are some of the lines that the program has to write.
var goLines = []string{
	"1: now 2000-01-01T00:00:00Z\n",
	"1: sleeper 1 after 1s\n1: sleeper 2 after 2s\n1: sleeper 0 after 3s\n",
	"1: timeout\n",
	"1: secret 19ea44be89eece0fd4ec7482049f472a", // the first 32 bytes went to the seed of maps
	"2: runs on wasip1\n",
	"1: no line feed\n",
}

// TestGo runs a stock Go program twice on each engine: nothing may differ.
func TestGo(t *testing.T) {
	for kind, build := range goKinds {
		t.Run(kind, func(t *testing.T) {
			wasm := buildGo(t, build.buildmode)
			first := ""
			for mode, cfg := range map[string]wazero.Config{"compiler": {}, "interpreter": {Interpreter: true}} {
				if raceEnabled && mode == "compiler" {
					continue
				}
				e, err := wazero.New(cfg)
				if err != nil {
					t.Fatal(err)
				}
				defer e.Close(t.Context())
				code, err := e.Compile(t.Context(), wasm, wasi.Functions())
				if err != nil {
					t.Fatal(err)
				}
				for range 2 {
					out := runGo(t, code, build.exports, build.exits)
					if first == "" {
						first = out
					} else if out != first {
						t.Errorf("%s: %s", mode, firstDifference(first, out))
					}
				}
			}
			for _, want := range goLines {
				if !strings.Contains(first, want) {
					t.Errorf("output lacks %q", want)
				}
			}
			if t.Failed() || strings.Contains(first, "WRONG") {
				t.Errorf("output:\n%s", first)
			}
		})
	}
}

// buildGo builds the program in testdata for wasip1.
func buildGo(t *testing.T, mode string) []byte {
	t.Helper()
	tool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("needs the go tool: ", err)
	}
	out := filepath.Join(t.TempDir(), "guest.wasm")
	cmd := exec.Command(tool, "build", "-trimpath", "-buildvcs=false", "-buildmode="+mode, "-o", out, "./testdata/deterministic")
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0", "GOFLAGS=")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, text)
	}
	wasm, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return wasm
}

// runGo calls exports of a fresh instance and returns what it wrote.
func runGo(t *testing.T, code engine.Code, exports []string, exits bool) string {
	t.Helper()
	inst, err := code.Instantiate(t.Context(), engine.InstanceOptions{MaxMemoryBytes: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer inst.Close(t.Context())
	var out strings.Builder
	state := &wasi.State{Output: func(fd uint32, line []byte) bool {
		fmt.Fprintf(&out, "%d: %s\n", fd, line)
		return true
	}}
	ctx := context.WithValue(t.Context(), wasi.StateKey{}, state)
	stack := make([]uint64, 1)
	for _, name := range exports {
		f, ok := inst.Func(name)
		if !ok {
			t.Fatalf("no export %q", name)
		}
		if err = f.Call(ctx, stack); err != nil {
			break
		}
	}
	state.Flush()
	if exits {
		wantExit(t, err, 0)
	} else if err != nil || stack[0] != 0 {
		t.Errorf("%v gave %d, %v", exports, stack[0], err)
	}
	return out.String()
}

// wantExit checks that a call ended by proc_exit.
func wantExit(t *testing.T, err error, code uint32) {
	t.Helper()
	var exit *wasi.Exit
	if !errors.As(err, &exit) || exit.ExitCode != code {
		t.Errorf("error is %v, want exit code %d", err, code)
	}
	var trap *engine.Trap
	if !errors.As(err, &trap) || trap.Kind != engine.TrapExit {
		t.Errorf("error is %v, want a trap of kind exit", err)
	}
}

func firstDifference(a, b string) string {
	as, bs := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(as), len(bs)) {
		if as[i] != bs[i] {
			return fmt.Sprintf("line %d is %q, was %q", i+1, bs[i], as[i])
		}
	}
	return fmt.Sprintf("%d lines, were %d", len(bs), len(as))
}
