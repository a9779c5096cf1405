package generated

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host/engine"
	"github.com/iprt/iprt/host/meter"
	"github.com/iprt/iprt/host/validate"
)

// ending is how a module's whole run came out, in a form that compares.
type ending struct {
	Steps   []string      // one per call: results or kind of trap, and what it logged
	State   string        // memory and globals at the end
	Fuel    int64         // metered: used by all calls together
	Limited bool          // metered: a call ended at a limit of fuel or depth
	Compile time.Duration // of processor
}

// budget is the fuel of one call. The modules bound their loops themselves, so hardly any needs it all.
const budget = 50_000_000

// limited ends a call that has used up its fuel.
var errLimited = errors.New("out of fuel")

// machine runs one module on one engine.
type machine struct {
	inst   engine.Instance
	budget int64         // fuel of one call
	fuel   engine.Global // nil: unmetered
	depth  engine.Global
	log    []string
}

// play runs every export of a module with three sets of arguments, in the order of their names, on one instance.
func play(ctx context.Context, e engine.Engine, wasm []byte, info *validate.Info, isMetered bool) (ending, error) {
	var end ending
	m := &machine{budget: budget}
	begin := clock()
	code, err := e.Compile(ctx, wasm, m.imports())
	end.Compile = clock() - begin
	if err != nil {
		return end, err
	}
	defer code.Close(ctx)
	if m.inst, err = code.Instantiate(ctx, engine.InstanceOptions{}); err != nil {
		return end, err
	}
	defer m.inst.Close(ctx)
	if isMetered {
		m.fuel, m.depth = m.global(meter.ExportFuel), m.global(meter.ExportDepth)
	}
	for _, name := range exports(info) {
		f, ok := m.inst.Func(name)
		if !ok {
			continue // it takes or gives references
		}
		for set := range 3 {
			end.Steps = append(end.Steps, name+": "+m.call(ctx, f, arguments(f.Type(), set), &end))
			if end.Limited {
				return end, nil // where exactly an unmetered module would go on to is nobody's guess
			}
		}
	}
	end.State = m.state(info, isMetered)
	return end, nil
}

func exports(info *validate.Info) []string {
	var names []string
	for name, x := range info.Exports {
		if x.Kind == validate.KindFunc {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (m *machine) global(name string) engine.Global {
	g, ok := m.inst.Global(name)
	if !ok {
		panic("the meter did not export " + name)
	}
	return g
}

func (m *machine) call(ctx context.Context, f engine.Func, stack []uint64, end *ending) string {
	m.log = nil
	if m.fuel != nil {
		m.fuel.Set(uint64(m.budget))
		m.depth.Set(meter.MaxDepth)
	}
	err := f.Call(ctx, stack)
	got := ""
	if err == nil {
		got = fmt.Sprintf("%x", stack[:len(f.Type().Results)])
	} else {
		var trap *engine.Trap
		if !errors.As(err, &trap) {
			return err.Error()
		}
		got = trap.Kind.String()
	}
	if m.fuel != nil {
		left := int64(m.fuel.Get())
		end.Fuel += m.budget - left
		end.Limited = errors.Is(err, errLimited) || err != nil && int32(m.depth.Get()) < 0
	}
	return got + " " + strings.Join(m.log, " ")
}

// imports are what binaryen's modules log with, and the meter's slices.
func (m *machine) imports() []engine.Import {
	list := []engine.Import{{
		Module: meter.ImportModule, Name: meter.ImportSlice,
		Type: engine.FuncType{Params: []abi.ValType{abi.I64}, Results: []abi.ValType{abi.I64}},
		Fn:   func(context.Context, engine.Memory, []uint64) error { return errLimited },
	}}
	for _, t := range []abi.ValType{abi.I32, abi.I64, abi.F32, abi.F64} {
		list = append(list, engine.Import{
			Module: "fuzzing-support", Name: "log-" + t.String(), Type: engine.FuncType{Params: []abi.ValType{t}},
			Fn: func(_ context.Context, _ engine.Memory, stack []uint64) error {
				if len(m.log) < 1000 {
					m.log = append(m.log, fmt.Sprintf("%s=%x", t, stack[0]))
				}
				return nil
			},
		})
	}
	return list
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// state is what a module leaves behind: its memory, and its globals where they can be seen.
func (m *machine) state(info *validate.Info, isMetered bool) string {
	sum := crc32.New(castagnoli) // in hardware, as this is most of what a small module costs
	if mem := m.inst.Memory(); mem != nil {
		size := mem.Size()
		for at := uint64(0); at < size; at += 1 << 16 {
			page, _ := mem.View(uint32(at), 1<<16)
			_, _ = sum.Write(page)
		}
		_ = binary.Write(sum, binary.LittleEndian, size)
	}
	text := fmt.Sprintf("memory %x", sum.Sum32())
	if isMetered {
		for _, g := range info.MutableGlobals {
			if g, ok := m.inst.Global(fmt.Sprintf("%s%d", meter.ExportGlobal, g.Index)); ok {
				text += fmt.Sprintf(" %x", g.Get())
			}
		}
	}
	return text
}

// arguments makes set 0 (zeros), 1 (numbers at the edge) and 2 (any).
func arguments(t engine.FuncType, set int) []uint64 {
	stack := make([]uint64, t.Slots())
	r := rand.New(rand.NewPCG(uint64(set), uint64(len(t.Params))))
	edges := []uint64{1, math.MaxUint64, 1 << 31, 1<<31 - 1, 1 << 63, 1<<63 - 1, 65535, 65536}
	for i, p := range t.Params {
		switch set {
		case 1:
			stack[i] = edges[r.IntN(len(edges))]
		case 2:
			stack[i] = r.Uint64()
		}
		switch p {
		case abi.F32:
			stack[i] = uint64(math.Float32bits(float32(int32(stack[i]))))
		case abi.F64:
			stack[i] = math.Float64bits(float64(int64(stack[i])))
		case abi.I32:
			stack[i] &= math.MaxUint32
		}
	}
	return stack
}

// engines are those that this build has. Each test opens them once.
func engines(t testing.TB) map[string]engine.Engine {
	t.Helper()
	open := make(map[string]engine.Engine)
	for name, make := range available() {
		e, err := make()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = e.Close(context.Background()) })
		open[name] = e
	}
	return open
}

// cutGlobals parts a state into memory and globals; unmetered modules show the first only.
func cutGlobals(state string) (memory, globals string, found bool) {
	after, ok := strings.CutPrefix(state, "memory ")
	if !ok {
		return state, "", false
	}
	memory, globals, found = strings.Cut(after, " ")
	return "memory " + memory, globals, found
}
