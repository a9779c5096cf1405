package meter_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host/engine"
	"github.com/iprt/iprt/host/engine/wazero"
	"github.com/iprt/iprt/host/hostcall"
	"github.com/iprt/iprt/host/hostcall/wasi"
	"github.com/iprt/iprt/host/meter"
	"github.com/iprt/iprt/host/validate"
)

var engineConfigs = map[string]wazero.Config{"compiler": {}, "interpreter": {Interpreter: true}}

func newEngine(t testing.TB, cfg wazero.Config) engine.Engine {
	t.Helper()
	e, err := wazero.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close(context.Background()) })
	return e
}

// rewrite validates and meters a module, which must not be changed by that.
func rewrite(t testing.TB, wasm []byte, cfg meter.Config) []byte {
	t.Helper()
	info, err := validate.Module(wasm, validate.Rules{Set: validate.Shape})
	if err != nil {
		t.Fatal(err)
	}
	keep := bytes.Clone(wasm)
	out, err := meter.Rewrite(wasm, info, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(keep, wasm) {
		t.Fatal("changed its input")
	}
	return out
}

var errOutOfFuel = errors.New("out of fuel")

// guest is an instance of a metered or plain module.
type guest struct {
	t     testing.TB
	ctx   context.Context
	inst  engine.Instance
	slice func(fuel int64) (int64, error) // nil: no more fuel
}

// compile gives what makes instances of a module.
func compile(t testing.TB, e engine.Engine, wasm []byte) func() *guest {
	t.Helper()
	code, err := e.Compile(context.Background(), wasm, imports())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = code.Close(context.Background()) })
	return func() *guest {
		t.Helper()
		g := &guest{t: t}
		g.ctx = context.WithValue(hostcall.With(context.Background(), hostcall.New(hostcall.Options{})), guestKey{}, g)
		if g.inst, err = code.Instantiate(g.ctx, engine.InstanceOptions{}); err != nil {
			t.Fatal(err)
		}
		return g
	}
}

func instantiate(t testing.TB, e engine.Engine, wasm []byte) *guest {
	t.Helper()
	return compile(t, e, wasm)()
}

type guestKey struct{}

// imports are those of the host, and the function that gives slices.
func imports() []engine.Import {
	slice := engine.Import{
		Module: meter.ImportModule, Name: meter.ImportSlice,
		Type: engine.FuncType{Params: []abi.ValType{abi.I64}, Results: []abi.ValType{abi.I64}},
		Fn: func(ctx context.Context, _ engine.Memory, stack []uint64) error {
			g := ctx.Value(guestKey{}).(*guest)
			if g.slice == nil {
				return errOutOfFuel
			}
			fuel, err := g.slice(int64(stack[0]))
			stack[0] = uint64(fuel)
			return err
		},
	}
	return append(slices.Concat(hostcall.Functions(), wasi.Functions()), slice)
}

func (g *guest) call(name string, args ...uint64) ([]uint64, error) {
	g.t.Helper()
	f, ok := g.inst.Func(name)
	if !ok {
		g.t.Fatalf("no function %s", name)
	}
	n := len(f.Type().Results)
	stack := make([]uint64, max(len(args), n))
	copy(stack, args)
	err := f.Call(g.ctx, stack)
	return stack[:n], err
}

func (g *guest) global(name string) engine.Global {
	g.t.Helper()
	v, ok := g.inst.Global(name)
	if !ok {
		g.t.Fatalf("no global %s", name)
	}
	return v
}

func (g *guest) fuel() int64      { return int64(g.global(meter.ExportFuel).Get()) }
func (g *guest) setFuel(f int64)  { g.global(meter.ExportFuel).Set(uint64(f)) }
func (g *guest) depth() int32     { return int32(g.global(meter.ExportDepth).Get()) }
func (g *guest) setDepth(d int32) { g.global(meter.ExportDepth).Set(uint64(uint32(d))) }
