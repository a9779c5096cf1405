package meter_test

import (
	"testing"

	"github.com/iprt/iprt/host/internal/wasmop"
	"github.com/iprt/iprt/host/meter"
	w "github.com/iprt/iprt/internal/wasmtest"
)

const (
	settled32, settled64 = 0x7fc00000, 0x7ff8000000000000
	odd32, odd64         = 0xffa12345, 0xfff0000000012345 // signalling, negative, with a payload
)

// nanOps are the scalar instructions whose NaNs are settled, from the table that the meter uses.
func nanOps(t *testing.T) (ops []wasmop.Op) {
	for op := range wasmop.Op(0x100) {
		if info, ok := wasmop.Lookup(op); ok && info.Flags.Has(wasmop.NaN) {
			ops = append(ops, op)
		}
	}
	if len(ops) != 24 {
		t.Fatalf("%d instructions", len(ops))
	}
	return ops
}

// nanProgram applies an instruction to what its parameters have and shows the bits, at once or after a detour.
func nanProgram(op wasmop.Op) []byte {
	info, _ := wasmop.Lookup(op)
	from, to, show := byte(info.Type), byte(info.Type), byte(0xbc)
	result := w.I32
	if to == w.F64 {
		show, result = 0xbd, w.I64
	}
	switch op {
	case 0xb6: // demote
		from = w.F64
	case 0xbb: // promote
		from = w.F32
	}
	params := []byte{from, from}[:info.Pops]
	value := w.Code{}.LocalGet(0)
	if info.Pops == 2 {
		value = value.LocalGet(1)
	}
	value = value.Op(byte(op))
	b := w.New()
	l := uint32(info.Pops)
	local := []w.Local{{Count: 1, Type: to}}
	b.Export("direct", w.KindFunc, b.Func(params, []byte{result}, nil, value.Op(show)))
	b.Export("local", w.KindFunc, b.Func(params, []byte{result}, local, value.LocalSet(l).LocalGet(l).Op(show)))
	b.Export("block", w.KindFunc, b.Func(params, []byte{result}, nil, append(w.Code{0x02, to}, value.End().Op(show)...)))
	ceil, equal := byte(0x8d), byte(0x5b)
	if to == w.F64 {
		ceil, equal = 0x9b, 0x61
	}
	b.Export("chain", w.KindFunc, b.Func(params, []byte{result}, nil, value.Op(ceil, show)))
	b.Export("compare", w.KindFunc, b.Func(params, []byte{w.I32}, nil, append(value, value.Op(equal)...)))
	return b.Bytes()
}

func TestNaN(t *testing.T) {
	for name, cfg := range engineConfigs {
		e := newEngine(t, cfg)
		for _, op := range nanOps(t) {
			info, _ := wasmop.Lookup(op)
			settled := instantiate(t, e, rewrite(t, nanProgram(op), meter.Config{}))
			kept := instantiate(t, e, rewrite(t, nanProgram(op), meter.Config{KeepNaN: true}))
			settled.setFuel(1 << 40)
			kept.setFuel(1 << 40)
			odd, one, want := uint64(odd64), uint64(0x3ff8000000000000), uint64(settled64)
			if f, _ := settled.inst.Func("direct"); f.Type().Params[0] == 0x7d {
				odd, one = odd32, 0x3fc00000 // 1.5
			}
			if info.Type == 0x7d {
				want = settled32
			}
			for _, args := range [][]uint64{{odd, one}, {one, odd}, {odd, odd}, {one, one}} {
				args = args[:info.Pops]
				isNaN := args[0] == odd || args[len(args)-1] == odd
				for _, f := range []string{"direct", "local", "block", "chain", "compare"} {
					got, err := settled.call(f, args...)
					plain, err2 := kept.call(f, args...)
					if err != nil || err2 != nil {
						t.Fatal(err, err2)
					}
					switch {
					case isNaN && f == "compare" && got[0] != 0, isNaN && f != "compare" && got[0] != want:
						t.Errorf("%s: %s %s(%x) gives %x", name, info.Name, f, args, got)
					case !isNaN && got[0] != plain[0]:
						t.Errorf("%s: %s %s(%x) gives %x, and %x otherwise", name, info.Name, f, args, got, plain)
					}
				}
			}
			if settled.fuel() != kept.fuel() {
				t.Errorf("%s: settling burns fuel: %d", info.Name, kept.fuel()-settled.fuel())
			}
		}
	}
}
