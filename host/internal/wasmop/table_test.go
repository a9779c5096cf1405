package wasmop_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"

	"github.com/iprt/iprt/host/internal/wasmbin"
	"github.com/iprt/iprt/host/internal/wasmop"
	w "github.com/iprt/iprt/internal/wasmtest"
)

// all are the opcodes that the table has: 172 of WebAssembly 1.0, 11 more of one byte, 18 after 0xFC and 236 vector
// instructions make up version 2.0.
func all(t *testing.T) (out []wasmop.Op) {
	for op := range wasmop.SIMD + 0x200 {
		if info, ok := wasmop.Lookup(op); ok {
			if info.Name == "" || info.Imm == 0 {
				t.Errorf("0x%x: %+v", op, info)
			}
			out = append(out, op)
		}
	}
	if want := 172 + 11 + 18 + 236; len(out) != want {
		t.Fatalf("%d instructions, expected %d", len(out), want)
	}
	return out
}

// text is the immediates of an instruction in the text format.
func text(info *wasmop.Info) string {
	switch info.Imm {
	case wasmop.ImmNone, wasmop.ImmMemory, wasmop.ImmMemoryMemory:
		return ""
	case wasmop.ImmBlock:
		return " end"
	case wasmop.ImmLabelTable:
		return " 0 0 0"
	case wasmop.ImmTypeTable:
		return " 0 (type 0)"
	case wasmop.ImmTableTable, wasmop.ImmElemTable:
		return " 0 0"
	case wasmop.ImmMem:
		return fmt.Sprintf(" offset=300 align=%d", 1<<info.Align)
	case wasmop.ImmMemLane:
		return fmt.Sprintf(" offset=300 align=%d 1", 1<<info.Align)
	case wasmop.ImmV128:
		return " i64x2 1 2"
	case wasmop.ImmShuffle:
		return strings.Repeat(" 1", 16)
	case wasmop.ImmRefType:
		return " extern"
	case wasmop.ImmI32, wasmop.ImmI64, wasmop.ImmF32, wasmop.ImmF64:
		return " -1000"
	case wasmop.ImmSelectTypes:
		return " (result i64)"
	}
	return " 0"
}

// TestAgainstWabt has an assembler that knows the instructions by name write each of them, and reads what it wrote.
func TestAgainstWabt(t *testing.T) {
	wat2wasm, err := exec.LookPath("wat2wasm")
	if err != nil {
		t.Skipf("NOT TESTED: the names and immediates of the table against wabt: %v", err)
	}
	var ops []wasmop.Op
	var src strings.Builder
	src.WriteString("(module (type (func)) (memory 1) (table 1 funcref) (global (mut i32) (i32.const 0)) (elem funcref (ref.null func)) (data \"\")\n")
	for _, op := range all(t) {
		if op == wasmop.Else || op == wasmop.End {
			continue
		}
		info, _ := wasmop.Lookup(op)
		name, _, _ := strings.Cut(info.Name, " ") // there are two encodings of select
		fmt.Fprintf(&src, "(func (type 0) (local i32) %s%s)\n", name, text(info))
		ops = append(ops, op)
	}
	src.WriteString(")")
	wat, out := filepath.Join(t.TempDir(), "all.wat"), filepath.Join(t.TempDir(), "all.wasm")
	if err := os.WriteFile(wat, []byte(src.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if said, err := exec.Command(wat2wasm, "--no-check", wat, "-o", out).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	wasm, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	bodies := codeOf(t, wasm)
	if bodies.Len() != len(ops) {
		t.Fatalf("%d functions for %d instructions", bodies.Len(), len(ops))
	}
	for _, op := range ops {
		bodies.Next()
		checkWritten(t, op, bodies)
	}
}

// checkWritten reads a body of one instruction.
func checkWritten(t *testing.T, op wasmop.Op, bodies *wasmop.Bodies) {
	var r wasmop.Reader
	r.Reset(bodies.Body())
	if !r.Next() || r.Op != op {
		t.Errorf("read 0x%x %v, expected 0x%x", r.Op, r.Err(), op)
		return
	}
	if r.Info.Imm == wasmop.ImmMem || r.Info.Imm == wasmop.ImmMemLane {
		if r.A != uint32(r.Info.Align) || r.B != 300 {
			t.Errorf("%s: alignment 2^%d and offset %d, expected 2^%d and 300", r.Info.Name, r.A, r.B, r.Info.Align)
		}
	}
	if (op == wasmop.I32Const || op == wasmop.I64Const) && r.Value != -1000 {
		t.Errorf("%s %d", r.Info.Name, r.Value)
	}
	ends := 1
	if r.Info.Imm == wasmop.ImmBlock {
		ends = 2
	}
	for r.Next() {
		ends--
		if r.Op != wasmop.End {
			t.Errorf("0x%x goes on with %s", op, r.Info.Name)
		}
	}
	if r.Err() != nil || ends != 0 {
		t.Errorf("0x%x: %v, %d ends too few", op, r.Err(), ends)
	}
}

func codeOf(t *testing.T, wasm []byte) *wasmop.Bodies {
	t.Helper()
	sections := wasmbin.NewSections(wasm)
	for sections.Next() {
		if c := sections.Section(); c.ID == wasmbin.Code {
			return wasmop.NewBodies(c)
		}
	}
	t.Fatalf("no code: %v", sections.Err())
	return nil
}

// TestAgainstWazero has an engine's type check confirm operands, results and alignment: there must be types of operands, as
// many as the table says, that the instruction turns into the result that it says.
func TestAgainstWazero(t *testing.T) {
	ctx := context.Background()
	rt := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter())
	defer rt.Close(ctx)
	accepts := func(params, results []byte, code []byte) bool {
		m, err := rt.CompileModule(ctx, oneFunction(params, results, code))
		if err == nil {
			m.Close(ctx)
		}
		return err == nil
	}
	for _, op := range all(t) {
		info, _ := wasmop.Lookup(op)
		if info.Flags.Has(wasmop.ByType) {
			if info.Pops != 0 || info.Pushes != 0 || info.Type != 0 {
				t.Errorf("%s: operands by type, but %+v", info.Name, info)
			}
			continue
		}
		if !anyTypes(info, func(params, results []byte) bool {
			return accepts(params, results, w.Cat(gets(len(params)), encode(op, info, 0)))
		}) {
			t.Errorf("%s: no types make %d operands into %d results of type %v", info.Name, info.Pops, info.Pushes, info.Type)
		}
		if info.Imm == wasmop.ImmMem || info.Imm == wasmop.ImmMemLane {
			dead := w.Cat([]byte{0x00}, encode(op, info, 1), []byte{0x00})
			if accepts(nil, nil, dead) {
				t.Errorf("%s: an alignment of 2^%d is accepted", info.Name, info.Align+1)
			}
		}
	}
}

// oneFunction is a module with everything that an instruction may refer to, and one function.
func oneFunction(params, results, code []byte) []byte {
	b := w.New()
	b.Memory(1, 2)
	b.Table(1, 2)
	b.Global(w.I32, true, w.Code{}.I32Const(0))
	b.DataCount()
	b.DataRaw([]byte{1, 0})
	f := b.Func(params, results, []w.Local{{Count: 4, Type: w.I32}}, code)
	b.ElemRaw(w.Cat([]byte{1, 0}, w.Vec(w.U32(f))))
	return b.Bytes()
}

// gets puts the parameters on the stack.
func gets(n int) (code []byte) {
	for i := range n {
		code = append(code, 0x20, byte(i))
	}
	return code
}

// encode writes an instruction with immediates that exist, and an alignment beyond the natural one by more.
func encode(op wasmop.Op, info *wasmop.Info, more byte) []byte {
	b := []byte{byte(op)}
	switch op &^ 0xff {
	case wasmop.Misc:
		b = w.Cat([]byte{0xfc}, w.U32(uint32(op&0xff)))
	case wasmop.SIMD:
		b = w.Cat([]byte{0xfd}, w.U32(uint32(op&0xff)))
	}
	size := map[wasmop.Imm]int{
		wasmop.ImmNone: 0, wasmop.ImmMemoryMemory: 2, wasmop.ImmDataMemory: 2, wasmop.ImmTableTable: 2, wasmop.ImmElemTable: 2,
		wasmop.ImmF32: 4, wasmop.ImmF64: 8, wasmop.ImmV128: 16, wasmop.ImmShuffle: 16,
	}
	switch n, ok := size[info.Imm]; {
	case info.Imm == wasmop.ImmMem:
		return append(b, info.Align+more, 0)
	case info.Imm == wasmop.ImmMemLane:
		return append(b, info.Align+more, 0, 0)
	case info.Imm == wasmop.ImmSelectTypes:
		return append(b, 1, w.I32)
	case info.Imm == wasmop.ImmRefType:
		return append(b, w.FuncRef)
	case info.Imm == wasmop.ImmLocal: // one behind the parameters
		return append(b, info.Pops)
	case ok:
		return append(b, make([]byte, n)...)
	}
	return append(b, 0)
}

var valTypes = []byte{w.I32, w.I64, w.F32, w.F64, w.V128, w.FuncRef}

// anyTypes tries types for the operands of an instruction, and for its result if the table does not say.
func anyTypes(info *wasmop.Info, try func(params, results []byte) bool) bool {
	var results [][]byte
	switch {
	case info.Pushes == 0:
		results = [][]byte{nil}
	case info.Type != 0:
		results = [][]byte{{byte(info.Type)}}
	default:
		for _, t := range valTypes {
			results = append(results, []byte{t})
		}
	}
	total := 1
	for range info.Pops {
		total *= len(valTypes)
	}
	for n := range total {
		params := make([]byte, info.Pops)
		for i := range params {
			params[i] = valTypes[n%len(valTypes)]
			n /= len(valTypes)
		}
		for _, r := range results {
			if try(params, r) {
				return true
			}
		}
	}
	return false
}

// Flags follow from names, which TestAgainstWabt confirms.
func TestFlags(t *testing.T) {
	rules := map[wasmop.Flags]string{
		wasmop.NaN:          `^f(32|64)(x\d)?\.(ceil|floor|trunc|nearest|sqrt|add|sub|mul|div|min|max|demote_.*|promote_.*)$`,
		wasmop.Load:         `\.load(\d|$|_)`,
		wasmop.Store:        `\.store(\d|$)`,
		wasmop.Div:          `\.(div|rem)(_[su])?$`,
		wasmop.Trunc:        `\.trunc_`,
		wasmop.TableOp:      `^(table|elem)\.`,
		wasmop.ChangesTable: `^(table\.(set|grow|fill|copy|init)|elem\.drop)$`,
		wasmop.DropsSegment: `^data\.drop$`,
		wasmop.Bulk:         `^(memory|table)\.(fill|copy|init)$`,
		wasmop.Grow:         `\.grow$`,
		wasmop.Calls:        `^call`,
		wasmop.Opens:        `^(block|loop|if)$`,
		wasmop.Branch:       `^br`,
		wasmop.Stops:        `^(br|br_table|return|unreachable)$`,
		wasmop.ByType:       `^(block|loop|if|else|end|br|br_if|br_table|return|call|call_indirect)$`,
		wasmop.Vector:       `^(v128|[if]\d+x\d+)\.`,
	}
	for _, op := range all(t) {
		info, _ := wasmop.Lookup(op)
		for flag, rule := range rules {
			if want := regexp.MustCompile(rule).MatchString(info.Name); info.Flags.Has(flag) != want {
				t.Errorf("%s: flag 0x%x is %t", info.Name, flag, !want)
			}
		}
		if vector := op >= wasmop.SIMD; info.Flags.Has(wasmop.Vector) != vector {
			t.Errorf("%s: vector is %t", info.Name, !vector)
		}
		if info.Flags.Has(wasmop.NaN) && !bytes.Contains([]byte{w.F32, w.F64, w.V128}, []byte{byte(info.Type)}) {
			t.Errorf("%s makes NaNs of type %v", info.Name, info.Type)
		}
	}
}
