package validate_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/iprt/iprt/host/meter"
	"github.com/iprt/iprt/host/validate"
	w "github.com/iprt/iprt/internal/wasmtest"
)

// function is a module of n equal functions of type () -> () over so many locals of type i32.
func function(n int, locals uint32, code []byte) []byte {
	b := w.Cat(w.Vec(append(w.U32(locals), w.I32)), code, []byte{0x0b})
	b = w.Cat(w.U32(uint32(len(b))), b)
	return sec(void, w.Section(w.SecFunction, repeat([]byte{0}, n)), mem1, w.Section(w.SecCode, repeat(b, n)))
}

// kept is a module of n equal functions that push values, have code run over them, and add them all up.
func kept(n, values int, code []byte) []byte {
	push := bytes.Repeat([]byte{0x20, 0, 0x41, 1, 0x6a}, values)
	return function(n, 1, w.Cat(push, code, bytes.Repeat([]byte{0x6a}, values-1), []byte{0x1a}))
}

// bombs take some compiler seconds to minutes by their shape, and no instruction of them looks harmful. Most are within all
// limits for size; where the limit for nested loops stops one first, it is lifted here.
func bombs() map[string][]byte {
	times := func(n int, code ...byte) []byte { return slices.Repeat(code, n) }
	ifEnd := []byte{0x20, 0, 0x04, w.Void, 0x0b}
	store := []byte{0x41, 0, 0x41, 0, 0x36, 2, 0}
	return map[string][]byte{
		"40,000 empty loops":                   function(1, 0, times(40_000, 0x03, w.Void, 0x0b)),
		"2,000 loops over 2,000 locals":        function(1, 2000, times(2000, 0x03, w.Void, 0x0b)),
		"24,000 empty ifs":                     function(1, 1, times(24_000, ifEnd...)),
		"300 nested loops over 300 locals":     function(1, 300, blocks(0x03, 300)),
		"80 of 100 nested loops, 200 locals":   function(80, 200, blocks(0x03, 100)),
		"16 nested loops in 2,000 functions":   function(2000, 2000, blocks(0x03, 16)),
		"1,000 loops in each of 100 functions": function(100, 100, times(1000, 0x03, w.Void, 0x0b)),
		"18,000 stores":                        function(1, 0, times(18_000, store...)),
		"1 MiB of ifs":                         function(200, 1, times(1000, ifEnd...)),
		"31 tables of 4,096 targets":           function(1, 0, bytes.Repeat(brTable(4096), 31)),

		"3,000 ifs over 12,000 operands":        kept(1, 12_000, times(3000, ifEnd...)),
		"4,000 ifs over 4,000 operands, 11":     kept(11, 4000, times(4000, ifEnd...)),
		"1,000 ifs over 1,000 operands, 11":     kept(11, 1000, times(1000, ifEnd...)),
		"2,000 ifs in loops, 2,000 operands":    kept(1, 2000, w.Cat(times(8, 0x03, w.Void), times(2000, ifEnd...), times(8, 0x20, 0, 0x0d, 0, 0x0b))),
		"500 loops over 2,000 operands":         kept(1, 2000, times(500, 0x03, w.Void, 0x20, 0, 0x0d, 0, 0x0b)),
		"1,000 br_ifs over 4,000 operands":      function(1, 1, w.Cat([]byte{0x02, w.Void}, times(4000, 0x20, 0), times(1000, 0x20, 0, 0x0d, 0), times(4000, 0x1a), []byte{0x0b})),
		"a br_table of 2,000 over 8,000":        kept(1, 8000, w.Cat([]byte{0x02, w.Void}, brTable(2000), []byte{0x0b})),
		"30 br_tables of 500 over 8,000":        kept(1, 8000, times(30, w.Cat([]byte{0x02, w.Void}, brTable(500), []byte{0x0b})...)),
		"10 br_tables of 300 over 1,500 locals": function(1, 1500, times(10, w.Cat([]byte{0x02, w.Void}, brTable(300), []byte{0x0b})...)),
	}
}

// estimated is the estimate of what an engine would get of a module.
func estimated(t *testing.T, wasm []byte, limits validate.Limits) validate.Estimate {
	t.Helper()
	info, err := validate.Module(wasm, validate.Rules{Set: validate.Shape, Limits: limits})
	if err != nil {
		t.Fatal(err)
	}
	metered, err := meter.Rewrite(wasm, info, meter.Config{})
	if err != nil {
		t.Fatal(err)
	}
	e, err := validate.EstimateCompile(metered)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestEstimateOfBombs(t *testing.T) {
	for name, wasm := range bombs() {
		t.Run(name, func(t *testing.T) {
			e := estimated(t, wasm, validate.Limits{LoopNesting: 1000})
			t.Logf("%d bytes: %v in all, %v for the worst function, %d MiB", len(wasm), e.Total.Round(time.Millisecond), e.Worst.Round(time.Millisecond), e.Memory>>20)
			err := e.Over(validate.Limits{})
			var over *validate.Error
			if !errors.As(err, &over) || over.Code() != "wasm-over-limit" || over.Hint() == "" || over.Value <= over.Limit {
				t.Errorf("not over budget: %v, %+v", err, e)
			}
		})
	}
}

// What toolchains emit is far below the budgets.
func TestEstimateOfRealModules(t *testing.T) {
	real := map[string][]byte{"csv by stock Go": goModule(t)}
	found, err := filepath.Glob("../../codecs/*/*.wasm")
	if err != nil || len(found) < 3 {
		t.Fatalf("found %d modules: %v", len(found), err)
	}
	for _, path := range found {
		if real[filepath.Base(path)], err = os.ReadFile(path); err != nil {
			t.Fatal(err)
		}
	}
	for name, wasm := range real {
		t.Run(name, func(t *testing.T) {
			e := estimated(t, wasm, validate.Pinned())
			t.Logf("%d bytes: %v in all, %v for the worst function (%d)", len(wasm), e.Total.Round(time.Millisecond), e.Worst.Round(time.Millisecond), e.WorstFunction)
			if err := e.Over(validate.Limits{}); err != nil {
				t.Error(err)
			}
			if 4*e.Memory > validate.Untrusted().CompileMemory {
				t.Errorf("a real function takes %d bytes, too near to the budget", e.Memory)
			}
			if 4*e.Worst > validate.Untrusted().CompileFunction {
				t.Errorf("a real function takes %v, too near to the budget", e.Worst)
			}
		})
	}
}

// The terms of the formula, one at a time, over what the constant and the bytes cost.
func TestEstimateFormula(t *testing.T) {
	for _, c := range []struct {
		name   string
		locals uint32
		code   []byte
		want   int // without 20,000, 400 a byte, and B = 1
	}{
		{"nothing", 0, nil, 15},
		{"locals", 100, nil, 1000*100 + 15},
		{"a block, an if with else, br_if", 10, []byte{0x02, w.Void, 0x0b, 0x41, 0, 0x04, w.Void, 0x05, 0x41, 0, 0x0d, 0, 0x0b}, 1000*5*10 + 15*25},
		{"two loops beside each other", 10, []byte{0x03, w.Void, 0x0b, 0x03, w.Void, 0x0b}, 1000*3*10 + 115*2*10 + 15*9},
		{"two loops in each other", 10, []byte{0x03, w.Void, 0x02, w.Void, 0x03, w.Void, 0x0b, 0x0b, 0x0b}, 1000*4*10 + 115*3*10 + 15*16},
		{"a table of 7", 0, brTable(7), 15 + 3*49},
		{"a table of 7 over 10 locals", 10, brTable(7), 1000*10 + 200*7*10 + 15 + 3*49},
		{"a table of 7 over 2 operands", 0, w.Cat([]byte{0x41, 0, 0x41, 0}, brTable(7)), 15 + 150*7*2 + 3*49},
		{"an if with else over 2 operands", 0, []byte{0x41, 0, 0x41, 0, 0x41, 0, 0x04, w.Void, 0x05, 0x0b, 0x1a, 0x1a}, 450*4 + 15*9},
		{"a block with a result over 2 operands", 0, []byte{0x41, 0, 0x41, 0, 0x02, w.I32, 0x41, 0, 0x0b, 0x1a, 0x1a, 0x1a}, 450*3 + 15*4},
		{"a br_if over 1 operand in a block", 0, []byte{0x41, 0, 0x02, w.Void, 0x41, 0, 0x0d, 0, 0x0b, 0x1a}, 450*2 + 15*9},
		{"two loops in each other over 1 operand", 0, []byte{0x41, 0, 0x03, w.Void, 0x03, w.Void, 0x0b, 0x0b, 0x1a}, 450*2 + 115*3 + 15*9},
		{"a load, a division, a truncation, a call", 0, []byte{0x41, 0, 0x28, 2, 0, 0x41, 1, 0x6d, 0x1a, 0x43, 0, 0, 0, 0, 0xa8, 0x1a, 0x10, 0}, 15 + 3*16},
		{"two bulk operations", 0, []byte{0x00, 0xfc, 10, 0, 0, 0x00, 0xfc, 11, 0}, 15 + 3*100},
	} {
		wasm := function(1, c.locals, c.code)
		size := 1 + len(w.U32(c.locals)) + 1 + len(c.code) + 1
		e, err := validate.EstimateCompile(wasm)
		if want := time.Duration(20_000 + 400*size + c.want); err != nil || e.Total != want || e.Worst != want || e.WorstFunction != 0 {
			t.Errorf("%s: %+v, %v, want %d", c.name, e, err, want)
		}
	}
}

func TestEstimateCounts(t *testing.T) {
	b := w.New()
	b.ImportFunc("env", "f", nil, nil)
	b.Import("env", "m", w.KindMemory, w.Limits(1, 2))
	b.Import("env", "t", w.KindTable, w.Cat([]byte{w.FuncRef}, w.Limits(1, 1)))
	b.Import("env", "g", w.KindGlobal, []byte{w.I32, 0})
	b.Func(nil, nil, nil, nil)
	b.Func(i32s(30), nil, nil, nil)
	e, err := validate.EstimateCompile(b.Bytes())
	if err != nil || e.WorstFunction != 2 || e.Worst != 20_000+2*400+30_000+15 || e.Total != e.Worst+20_000+2*400+15 {
		t.Errorf("%+v, %v", e, err)
	}
	if e, err := validate.EstimateCompile(w.Header); err != nil || e != (validate.Estimate{WorstFunction: -1}) {
		t.Errorf("no functions: %+v, %v", e, err)
	}
}

// Budgets: that of one function, that of all, and the wider class.
func TestEstimateOver(t *testing.T) {
	ms := time.Millisecond
	for _, c := range []struct {
		total, worst time.Duration
		memory       uint64
		limits       validate.Limits
		rule         string
	}{
		{3000 * ms, 500 * ms, 256 << 20, validate.Limits{}, ""},
		{3000*ms + 1, 500 * ms, 0, validate.Limits{}, "limit.compile-module"},
		{3000 * ms, 500*ms + 1, 0, validate.Limits{}, "limit.compile-function"},
		{3001 * ms, 501 * ms, 0, validate.Pinned(), ""},
		{2 * ms, ms, 0, validate.Limits{CompileModule: ms}, "limit.compile-module"},
		{ms, ms, 256<<20 + 1, validate.Limits{}, "limit.compile-memory"},
		{ms, ms, 256<<20 + 1, validate.Pinned(), ""},
		{ms, ms, 2, validate.Limits{CompileMemory: 1}, "limit.compile-memory"},
	} {
		err := validate.Estimate{Total: c.total, Worst: c.worst, Memory: c.memory}.Over(c.limits)
		var e *validate.Error
		if errors.As(err, &e) != (c.rule != "") || e != nil && e.Rule != c.rule {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestEstimateOfNonsense(t *testing.T) {
	huge := sec(void, oneFn, body(repeat(w.Cat(claim, i32), 60)))
	if e, err := validate.EstimateCompile(huge); err != nil || e.Total <= 0 || e.Over(validate.Pinned()) == nil {
		t.Errorf("2^38 locals: %+v, %v", e, err)
	}
	for _, cases := range [][]broken{files(), malformed(), code()} {
		for _, c := range cases {
			e, err := validate.EstimateCompile(c.wasm)
			var known *validate.Error
			if err != nil && !errors.As(err, &known) {
				t.Errorf("%s: %#v", c.name, err)
			}
			if err != nil && e != (validate.Estimate{}) {
				t.Errorf("%s: %+v beside an error", c.name, e)
			}
		}
	}
	if _, err := validate.EstimateCompile([]byte("text")); err == nil || !strings.Contains(fmt.Sprint(err), "file.text") {
		t.Error(err)
	}
}
