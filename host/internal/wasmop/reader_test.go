package wasmop_test

import (
	"bytes"
	"errors"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/iprt/iprt/host/internal/wasmbin"
	"github.com/iprt/iprt/host/internal/wasmop"
	w "github.com/iprt/iprt/internal/wasmtest"
)

func TestLocals(t *testing.T) {
	body := w.Cat(w.Vec(append(w.U32(3), w.I32), append(w.U32(math.MaxUint32), w.F64)), []byte{0x01, 0x0b})
	var r wasmop.Reader
	r.Reset(body, 100)
	n, typ, ok := r.Local()
	if n != 3 || typ != w.I32 || !ok {
		t.Errorf("%d of 0x%x, %t", n, typ, ok)
	}
	if n := r.Locals(); n != math.MaxUint32 || r.End() != 100+len(body)-2 {
		t.Errorf("%d locals, code at %d", n, r.End())
	}
	if _, _, ok := r.Local(); ok {
		t.Error("a third run")
	}
	r.Reset(body, 100) // without asking for them
	if !r.Next() || r.Op != wasmop.Nop || r.At != 100+len(body)-2 || !r.Next() || r.Op != wasmop.End || r.Next() || r.Err() != nil {
		t.Errorf("0x%x at %d: %v", r.Op, r.At, r.Err())
	}
}

func TestImmediates(t *testing.T) {
	for _, c := range []struct {
		code  []byte
		op    wasmop.Op
		a, b  uint32
		value int64
	}{
		{[]byte{0x20, 0xff, 0xff, 0xff, 0xff, 0x0f}, wasmop.LocalGet, math.MaxUint32, 0, 0},
		{[]byte{0x20, 0x85, 0x80, 0x80, 0x80, 0x00}, wasmop.LocalGet, 5, 0, 0},
		{[]byte{0x11, 7, 9}, wasmop.CallIndirect, 7, 9, 0},
		{[]byte{0x29, 3, 0x80, 0x01}, 0x29, 3, 128, 0},
		{[]byte{0x41, 0x40}, wasmop.I32Const, 0, 0, -64},
		{[]byte{0x41, 0x80, 0x80, 0x80, 0x80, 0x78}, wasmop.I32Const, 0, 0, math.MinInt32},
		{w.Cat([]byte{0x42}, w.S64(math.MinInt64)), wasmop.I64Const, 0, 0, math.MinInt64},
		{w.Cat([]byte{0x42}, w.S64(math.MaxInt64)), wasmop.I64Const, 0, 0, math.MaxInt64},
		{[]byte{0x43, 0, 0, 0xc0, 0xff}, wasmop.F32Const, 0, 0, 0xffc00000},
		{[]byte{0x44, 1, 0, 0, 0, 0, 0, 0xf8, 0xff}, wasmop.F64Const, 0, 0, -0x7ffffffffffff},
		{[]byte{0x02, 0x40, 0x0b}, wasmop.Block, 0, 0, -64},
		{[]byte{0x03, w.I32, 0x0b}, wasmop.Loop, 0, 0, -1},
		{[]byte{0x04, w.ExternRef, 0x0b}, wasmop.If, 0, 0, -17},
		{[]byte{0x02, 0x80, 0x01, 0x0b}, wasmop.Block, 0, 0, 128},
		{[]byte{0x02, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x0b}, wasmop.Block, 0, 0, math.MaxUint32},
		{[]byte{0x1c, 2, w.I64, w.F32}, wasmop.SelectT, 2, uint32(w.I64), 0},
		{[]byte{0xd0, w.FuncRef}, wasmop.RefNull, uint32(w.FuncRef), 0, 0},
		{[]byte{0xfc, 0x8e, 0x00, 1, 2}, wasmop.TableCopy, 1, 2, 0},
		{[]byte{0xfc, 8, 3, 0}, wasmop.MemoryInit, 3, 0, 0},
		{[]byte{0xfd, 0x80, 0x01}, wasmop.SIMD + 128, 0, 0, 0},
		{[]byte{0xfd, 87, 3, 4, 1}, wasmop.SIMD + 87, 3, 4, 1},
		{[]byte{0xfd, 22, 15}, wasmop.SIMD + 22, 0, 0, 15},
	} {
		var r wasmop.Reader
		r.Reset(w.Cat([]byte{0}, c.code, []byte{0x0b}), 0)
		if !r.Next() || r.Op != c.op || r.A != c.a || r.B != c.b || r.Value != c.value {
			t.Errorf("% x: 0x%x %d %d %d, %v", c.code, r.Op, r.A, r.B, r.Value, r.Err())
		}
		for r.Next() {
		}
		if r.Err() != nil || r.Depth() != 0 {
			t.Errorf("% x: depth %d, %v", c.code, r.Depth(), r.Err())
		}
	}
}

func TestTargets(t *testing.T) {
	var r wasmop.Reader
	r.Reset([]byte{0, 0x0e, 3, 0x81, 0x00, 0x80, 0x01, 2, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x0b}, 0)
	if !r.Next() || r.A != 3 {
		t.Fatal(r.A, r.Err())
	}
	var got []uint32
	for targets := r.Targets(); ; {
		l, ok := targets.Next()
		if !ok {
			break
		}
		got = append(got, l)
	}
	if want := []uint32{1, 128, 2, math.MaxUint32}; !slices.Equal(got, want) {
		t.Errorf("%d, want %d", got, want)
	}
	r.Next()
	targets := r.Targets()
	if l, ok := targets.Next(); ok {
		t.Errorf("end has the target %d", l)
	}
}

// A body cut anywhere, and one whose bytes are changed anywhere: an error or another body, and offsets within.
func TestHostileBodies(t *testing.T) {
	body := longBody()
	try := func(b []byte) error {
		var r wasmop.Reader
		var s wasmop.Stack
		sigs := &wasmop.Signatures{Types: []wasmop.Arity{{}, {Params: 2, Results: 1}}, Funcs: []uint32{0, 1}}
		s.Reset(sigs, 0)
		r.Reset(b, 1000)
		broken := false
		for r.Next() {
			if r.At < 1000 || r.End() > 1000+len(b) || r.Info.Name == "" {
				t.Fatalf("% x: %+v", b, r)
			}
			broken = broken || s.Step(&r) != nil
		}
		var e *wasmbin.Error
		if err := r.Err(); err != nil && (!errors.As(err, &e) || e.Offset < 1000 || e.Offset > 1000+len(b) || e.Msg == "") {
			t.Fatalf("%#v", err)
		}
		if r.Err() == nil && !broken && len(s.Frames) != 0 {
			t.Fatalf("% x: %d frames are open at the end", b, len(s.Frames))
		}
		return r.Err()
	}
	if err := try(body); err != nil {
		t.Fatal(err)
	}
	for n := range body {
		if try(body[:n:n]) == nil {
			t.Errorf("a body cut at %d of %d is whole", n, len(body))
		}
		changed := bytes.Clone(body)
		for v := range 256 {
			changed[n] = byte(v)
			try(changed) //nolint:errcheck // what must not happen fails the test
		}
	}
}

// longBody has one instruction of each kind of immediates.
func longBody() []byte {
	return w.Cat([]byte{1, 2, w.I32}, []byte{0x02, 0x40, 0x00, 0x03, 0x01, 0x0b, 0x41, 0, 0x04, w.I64, 0x42, 5, 0x05, 0x42, 6, 0x0b, 0x1a,
		0x41, 1, 0x0e, 1, 0, 1, 0x0b, 0x41, 0, 0x11, 0, 0, 0x20, 0, 0x28, 2, 0, 0x1a, 0x43, 0, 0, 0, 0, 0x1a, 0x44, 0, 0, 0, 0, 0, 0, 0, 0, 0x1a,
		0xd0, w.FuncRef, 0x1a, 0x00, 0x1c, 1, w.I32, 0x1a, 0xfc, 14, 0, 0, 0xfd, 12}, make([]byte, 16), []byte{0xfd, 84, 0, 0, 0, 0x1a, 0x0b})
}

func TestNoAllocations(t *testing.T) {
	wasm, err := os.ReadFile("../../../codecs/dagcbor/dagcbor.wasm")
	if err != nil {
		t.Fatal(err)
	}
	bodies := codeOf(t, wasm)
	bodies.Next()
	body, at := bodies.Body()
	sigs := &wasmop.Signatures{Types: []wasmop.Arity{{}}, Funcs: []uint32{0}}
	var r wasmop.Reader
	var s wasmop.Stack
	s.Reset(sigs, 0)
	if n := testing.AllocsPerRun(100, func() {
		r.Reset(body, at)
		for r.Next() {
		}
	}); n != 0 || r.Err() != nil {
		t.Errorf("%v allocations, %v", n, r.Err())
	}
}

func FuzzBody(f *testing.F) {
	f.Add(longBody())
	f.Add([]byte{0, 0x0b})
	f.Fuzz(func(t *testing.T, b []byte) {
		var r wasmop.Reader
		var s wasmop.Stack
		s.Reset(&wasmop.Signatures{Types: []wasmop.Arity{{}, {Params: 2, Results: 3}}, Funcs: []uint32{0, 1}}, 1)
		r.Reset(b, 0)
		end, ok := 0, true
		for r.Next() {
			if r.At < end || r.End() <= r.At || r.End() > len(b) {
				t.Fatalf("an instruction from %d to %d", r.At, r.End())
			}
			if end = r.End(); ok {
				ok = s.Step(&r) == nil
				if ok && (s.Height < 0 || s.Height > s.Max || len(s.Frames) != r.Depth()) {
					t.Fatalf("height %d, most %d, %d frames at depth %d", s.Height, s.Max, len(s.Frames), r.Depth())
				}
			}
		}
		if r.Err() == nil && (end != len(b) || r.Depth() != 0 || ok && s.Height != 3) {
			t.Fatalf("ends at %d of %d, depth %d, height %d", end, len(b), r.Depth(), s.Height)
		}
	})
}
