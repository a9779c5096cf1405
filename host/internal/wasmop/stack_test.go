package wasmop_test

import (
	"errors"
	"testing"

	"github.com/iprt/iprt/host/internal/wasmbin"
	"github.com/iprt/iprt/host/internal/wasmop"
	w "github.com/iprt/iprt/internal/wasmtest"
)

// signatures: type 0 is () -> (), type 1 is (a, b) -> (c), type 2 is (a) -> (b, c); functions 0 to 2 are of these types.
var signatures = wasmop.Signatures{Types: []wasmop.Arity{{}, {Params: 2, Results: 1}, {Params: 1, Results: 2}}, Funcs: []uint32{0, 1, 2}}

// run gives the heights after each instruction of a function of type 0.
func run(code []byte) (heights []int, most int, err error) {
	var r wasmop.Reader
	var s wasmop.Stack
	s.Reset(&signatures, 0)
	for r.Reset(w.Cat([]byte{0}, code, []byte{0x0b}), 0); r.Next(); {
		if err := s.Step(&r); err != nil {
			return heights, s.Max, err
		}
		heights = append(heights, s.Height)
	}
	return heights, s.Max, r.Err()
}

func TestHeights(t *testing.T) {
	c := []byte{0x41, 0} // i32.const 0
	for _, x := range []struct {
		name string
		code []byte
		want []int
		most int
	}{
		{"nothing", nil, []int{0}, 0},
		{"add", w.Cat(c, c, []byte{0x6a, 0x1a}), []int{1, 2, 1, 0, 0}, 2},
		{"select, tee", w.Cat(c, c, c, []byte{0x1b, 0x22, 0, 0x1a}), []int{1, 2, 3, 1, 1, 0, 0}, 3},
		{"call of type 1", w.Cat(c, c, []byte{0x10, 1, 0x1a}), []int{1, 2, 1, 0, 0}, 2},
		{"call of type 2", w.Cat(c, []byte{0x10, 2, 0x1a, 0x1a}), []int{1, 2, 1, 0, 0}, 2},
		{"call_indirect of type 2", w.Cat(c, c, []byte{0x11, 2, 0, 0x1a, 0x1a}), []int{1, 2, 2, 1, 0, 0}, 2},
		{"memory.fill", w.Cat(c, c, c, []byte{0xfc, 11, 0}), []int{1, 2, 3, 0, 0}, 3},
		{"block with parameters", w.Cat(c, c, []byte{0x02, 1, 0x6a, 0x0b, 0x1a}), []int{1, 2, 2, 1, 1, 0, 0}, 2},
		{"more results than parameters", w.Cat(c, []byte{0x02, 2, 0x41, 0, 0x0b, 0x1a, 0x1a}), []int{1, 1, 2, 2, 1, 0, 0}, 2},
		{"if and else", w.Cat(c, c, c, []byte{0x04, 1, 0x6a, 0x05, 0x1a, 0x0b, 0x1a}), []int{1, 2, 3, 2, 1, 2, 1, 1, 0, 0}, 3},
		{"br_if keeps the operand", w.Cat([]byte{0x02, w.I32}, c, c, []byte{0x0d, 0, 0x0b, 0x1a}), []int{0, 1, 2, 1, 1, 0, 0}, 2},
		{"br to a loop takes its parameters", w.Cat(c, c, []byte{0x03, 1, 0x0c, 0, 0x0b, 0x1a}), []int{1, 2, 2, 0, 1, 0, 0}, 2},
		{"dead code after br", w.Cat([]byte{0x02, 0x40}, c, c, []byte{0x1a, 0x1a, 0x0c, 0, 0x6a, 0x1a, 0x0b}), []int{0, 1, 2, 1, 0, 0, 1, 0, 0, 0}, 2},
		{"dead code does not reach below its block", w.Cat(c, []byte{0x02, 0x40, 0x00, 0x1a, 0x1a, 0x0b, 0x1a}), []int{1, 1, 1, 1, 1, 1, 0, 0}, 1},
		{"parameters out of dead code", []byte{0x00, 0x02, 2, 0x41, 0, 0x0b, 0x1a, 0x1a}, []int{0, 1, 2, 2, 1, 0, 0}, 2},
		{"the second branch lives again", w.Cat(c, []byte{0x04, w.I32, 0x00, 0x05}, c, []byte{0x0b, 0x1a}), []int{1, 0, 0, 0, 1, 1, 0, 0}, 1},
		{"br_table", w.Cat([]byte{0x02, 0x40}, c, []byte{0x0e, 1, 0, 1, 0x0b}), []int{0, 1, 0, 0, 0}, 1},
		{"return", w.Cat(c, c, []byte{0x0f}), []int{1, 2, 0, 0}, 2},
		{"br_if in dead code makes its label's operands", []byte{0x02, w.I32, 0x00, 0x0d, 0, 0x0b, 0x1a}, []int{0, 0, 1, 1, 0, 0}, 1},
	} {
		heights, most, err := run(x.code)
		if err != nil || len(heights) != len(x.want) || most != x.most {
			t.Errorf("%s: %d, most %d, %v; want %d, %d", x.name, heights, most, err, x.want, x.most)
			continue
		}
		for i, h := range heights {
			if h != x.want[i] {
				t.Errorf("%s: %d, want %d", x.name, heights, x.want)
				break
			}
		}
	}
}

func TestStackFaults(t *testing.T) {
	c := []byte{0x41, 0}
	for _, x := range []struct {
		name  string
		code  []byte
		fault wasmbin.Fault
		at    int
	}{
		{"drop of nothing", []byte{0x1a}, wasmbin.BadStack, 1},
		{"add of one", w.Cat(c, []byte{0x6a}), wasmbin.BadStack, 3},
		{"operand beyond the block", w.Cat(c, []byte{0x02, 0x40, 0x1a, 0x0b}), wasmbin.BadStack, 5},
		{"one left over", c, wasmbin.BadStack, 3},
		{"one left over in a block", w.Cat([]byte{0x02, 0x40}, c, []byte{0x0b}), wasmbin.BadStack, 5},
		{"call without arguments", []byte{0x10, 1}, wasmbin.BadStack, 1},
		{"br without its operand", []byte{0x02, w.I32, 0x0c, 0, 0x0b}, wasmbin.BadStack, 3},
		{"br_table without the operand of one target", w.Cat([]byte{0x02, w.I32}, c, []byte{0x0e, 1, 1, 0, 0x0b}), wasmbin.BadStack, 5},
		{"br_table in dead code to targets that differ", []byte{0x02, w.I32, 0x00, 0x0e, 1, 0, 1, 0x0b}, wasmbin.BadStack, 4},
		{"if that should give something", w.Cat(c, []byte{0x04, w.I32, 0x41, 0, 0x0b}), wasmbin.BadStack, 7},
		{"else alone", []byte{0x05}, wasmbin.BadNesting, 1},
		{"else twice", w.Cat(c, []byte{0x04, 0x40, 0x05, 0x05}), wasmbin.BadNesting, 6},
		{"label", []byte{0x0c, 1}, wasmbin.BadIndex, 1},
		{"far label", []byte{0x0c, 0xff, 0xff, 0xff, 0xff, 0x0f}, wasmbin.BadIndex, 1},
		{"function", []byte{0x10, 3}, wasmbin.BadIndex, 1},
		{"type", []byte{0x02, 3, 0x0b}, wasmbin.BadIndex, 1},
		{"type of a call", w.Cat(c, []byte{0x11, 3, 0}), wasmbin.BadIndex, 3},
	} {
		_, _, err := run(x.code)
		var e *wasmbin.Error
		if !errors.As(err, &e) || e.Fault != x.fault || e.Offset != x.at {
			t.Errorf("%s: %v, want %s at %d", x.name, err, x.fault, x.at)
		}
	}
}
