package programs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
	"github.com/tetratelabs/wazero/sys"

	"github.com/iprt/iprt/host/meter"
	"github.com/iprt/iprt/host/validate"
)

// Programs and what they get. wazero's WASI serves them: with arguments and
// input, which iprt's deterministic set does not give.
var programs = []struct {
	name  string
	build func(t *testing.T, out string)
	args  []string
	input string
	print string // something that the output holds
}{
	{"gojq", goProgram("github.com/itchyny/gojq/cmd/gojq"), []string{"-c", `[.[] | {n: (.a * 2 + 0.5), k: (.b | ascii_upcase)}] | sort_by(.n)`},
		`[` + strings.Repeat(`{"a":3,"b":"three"},`, 200) + `{"a":1,"b":"one"}]`, `[{"k":"ONE","n":2.5},{"k":"THREE","n":6.5}`},
	{"shfmt", goProgram("mvdan.cc/sh/v3/cmd/shfmt"), []string{"-i", "2"},
		strings.Repeat("if true;then\necho \"$(ls   -l)\"   ;fi\n", 100), "if true; then\n  echo \"$(ls -l)\"\nfi"},
	{"C", cProgram("sort.c"), nil, strings.Repeat("gamma\nalpha line\nbeta\n", 300), "11.000000 alpha line"},
	{"Rust", rustProgram("frequency.rs"), nil, strings.Repeat("one two two three three three ", 500), "50.000% three"},
}

// TestAsUnmetered holds that each program passes the shape rules and runs
// metered as it does unmetered, compiled and interpreted, with the same fuel.
func TestAsUnmetered(t *testing.T) {
	for _, p := range programs {
		t.Run(p.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "program.wasm")
			p.build(t, file)
			wasm, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			info, err := validate.Module(wasm, validate.Rules{Set: validate.Shape, Limits: validate.Pinned()})
			if err != nil {
				t.Fatal(err)
			}
			metered, err := meter.Rewrite(wasm, info, meter.Config{MaxMemoryPages: 4096})
			if err != nil {
				t.Fatal(err)
			}
			want, _ := run(t, wazero.NewRuntimeConfigCompiler(), wasm, p.args, p.input)
			if !strings.Contains(want, p.print) {
				t.Fatalf("unmetered it prints %.200q, expected %q in it", want, p.print)
			}
			var fuel []int64
			for _, cfg := range []wazero.RuntimeConfig{wazero.NewRuntimeConfigCompiler(), wazero.NewRuntimeConfigInterpreter()} {
				got, used := run(t, cfg, metered, p.args, p.input)
				if got != want {
					t.Errorf("metered it prints %.200q, unmetered %.200q", got, want)
				}
				fuel = append(fuel, used)
			}
			if fuel[0] != fuel[1] || fuel[0] <= 0 {
				t.Errorf("compiled it took %d fuel, interpreted %d", fuel[0], fuel[1])
			}
			t.Logf("%d bytes, metered %d, %d fuel", len(wasm), len(metered), fuel[0])
		})
	}
}

// run runs a command and returns what it printed and, if it is metered, what
// fuel it took.
func run(t *testing.T, cfg wazero.RuntimeConfig, wasm []byte, args []string, input string) (string, int64) {
	t.Helper()
	ctx := t.Context()
	rt := wazero.NewRuntimeWithConfig(ctx, cfg)
	defer func() { _ = rt.Close(context.WithoutCancel(ctx)) }()
	wasi_snapshot_preview1.MustInstantiate(ctx, rt)
	granted := int64(0)
	_, err := rt.NewHostModuleBuilder(meter.ImportModule).NewFunctionBuilder().
		WithGoFunction(api.GoFunc(func(_ context.Context, stack []uint64) {
			if int64(stack[0]) == meter.MemoryGaveOut {
				panic("the engine could not grow the memory below its limit")
			}
			granted += 1e5
			stack[0] += 1e5
		}), []api.ValueType{api.ValueTypeI64}, []api.ValueType{api.ValueTypeI64}).
		Export(meter.ImportSlice).Instantiate(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	conf := wazero.NewModuleConfig().WithArgs(append([]string{"program"}, args...)...).
		WithStdin(strings.NewReader(input)).WithStdout(&out).WithStderr(&out).WithStartFunctions()
	m, err := rt.InstantiateWithConfig(ctx, wasm, conf)
	if err != nil {
		t.Fatal(err)
	}
	_, err = m.ExportedFunction("_start").Call(ctx)
	var exit *sys.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 0) {
		return fmt.Sprintf("%s\n%v", out.String(), err), 0
	}
	if fuel := m.ExportedGlobal(meter.ExportFuel); fuel != nil {
		granted -= int64(fuel.Get())
	}
	return out.String(), granted
}
