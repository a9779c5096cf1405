package validate_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/iprt/iprt/host/validate"
	w "github.com/iprt/iprt/internal/wasmtest"
)

// broken is a module and the rule that it must break.
type broken struct {
	name, rule string
	wasm       []byte
	msg        string // part of the text, if it matters
}

// sec is a module of the sections given; most need a type section first.
func sec(sections ...[]byte) []byte { return w.Raw(sections...) }

var (
	void   = w.Section(w.SecType, w.Vec(w.FuncType(nil, nil))) // one type: () -> ()
	oneFn  = w.Section(w.SecFunction, w.Vec(w.U32(0)))
	noop   = w.Section(w.SecCode, w.Vec([]byte{2, 0, 0x0b}))
	mem1   = w.Section(w.SecMemory, w.Vec(w.Limits(1, 2)))
	table1 = w.Section(w.SecTable, w.Vec(w.Cat([]byte{w.FuncRef}, w.Limits(1, 2))))
	claim  = w.U32(1<<32 - 1)
)

func repeat(b []byte, n int) []byte { return w.Cat(w.U32(uint32(n)), bytes.Repeat(b, n)) }

func body(locals []byte, code ...byte) []byte {
	b := w.Cat(locals, code, []byte{0x0b})
	return w.Section(w.SecCode, w.U32(1), w.U32(uint32(len(b))), b)
}

func files() []broken {
	return []broken{
		{"empty", "file.empty", nil, "empty"},
		{"half a magic number", "wasm.truncated", []byte("\x00as"), ""},
		{"half a version", "wasm.truncated", []byte("\x00asm\x01\x00"), ""},
		{"component", "file.component", []byte("\x00asm\x0d\x00\x01\x00rest"), "this is a component; iprt runs core modules"},
		{"version 2", "wasm.version", []byte("\x00asm\x02\x00\x00\x00"), "02 00 00 00"},
		{"bad magic", "file.unknown", []byte("\x00ASM\x01\x00\x00\x00"), ""},
		{"gzip", "file.gzip", []byte("\x1f\x8b\x08\x00"), "gzip"},
		{"ELF", "file.executable", []byte("\x7fELF\x02\x01\x01\x00"), "ELF"},
		{"PE", "file.executable", []byte("MZ\x90\x00\x03\x00\x00\x00"), "native"},
		{"Mach-O", "file.executable", []byte("\xcf\xfa\xed\xfe\x07\x00\x00\x01"), "native"},
		{"ar", "file.archive", []byte("!<arch>\n"), "static library"},
		{"zip", "file.archive", []byte("PK\x03\x04\x0a\x00\x00\x00"), "zip"},
		{"bitcode", "file.unknown", []byte("BC\xc0\xde\x00\x00\x00\x00"), "LLVM"},
		{"HTML", "file.html", []byte("\n<!DOCTYPE html><title>404</title>"), "HTML"},
		{"text format", "file.text", []byte("  (module)"), "text format"},
		{"Go source", "file.text", []byte("package main // größer"), "text file"},
		{"text cut within a character", "file.text", []byte(strings.Repeat("ä", 300) + "x"), "text file"},
		{"binary", "file.unknown", []byte{1, 2, 3, 4, 5, 6, 7, 8, 9}, ""},
	}
}

func malformed() []broken {
	return []broken{
		{"section size past the end", "wasm.truncated", sec([]byte{w.SecType, 100, 0}), ""},
		{"section without size", "wasm.truncated", sec([]byte{w.SecType}), ""},
		{"unknown section", "wasm.section-id", sec(w.Section(13, nil)), "13"},
		{"sections out of order", "wasm.section-order", sec(mem1, table1), "table"},
		{"data count after code", "wasm.section-order", sec(void, oneFn, noop, w.Section(w.SecDataCount, w.U32(0))), "data count"},
		{"section twice", "wasm.section-repeated", sec(void, void), "second type"},
		{"section longer than its content", "wasm.section-size", sec(w.Section(w.SecType, w.Vec(w.FuncType(nil, nil)), []byte{0})), ""},
		{"section shorter than its content", "wasm.truncated", sec(mem1, w.Section(w.SecExport, []byte{1, 1, 0x61, 2})), ""},
		{"custom section without name", "wasm.truncated", sec(w.Section(w.SecCustom, nil)), ""},
		{"custom section name not UTF-8", "wasm.utf8", sec(w.Section(w.SecCustom, w.Name("\xff"))), ""},
		{"export name not UTF-8", "wasm.utf8", sec(mem1, w.Section(w.SecExport, w.Vec(w.Cat(w.Name("\xc3("), []byte{2, 0})))), ""},

		{"LEB128 of 6 bytes", "wasm.leb128", sec(w.Section(w.SecType, w.LongU32(1, 6), w.FuncType(nil, nil))), ""},
		{"LEB128 with bits beyond 32", "wasm.leb128", sec(w.Section(w.SecType, []byte{0x81, 0x80, 0x80, 0x80, 0x10}, w.FuncType(nil, nil))), ""},
		{"section size of 6 bytes", "wasm.leb128", w.Cat(w.Header, []byte{w.SecType}, w.LongU32(4, 6), w.Vec(w.FuncType(nil, nil))), ""},
		{"signed LEB128 with wrong sign bits", "wasm.leb128", sec(w.Section(w.SecGlobal, w.Vec([]byte{w.I32, 0, 0x41, 0x80, 0x80, 0x80, 0x80, 0x70, 0x0b}))), ""},

		{"2^32 types", "wasm.count", sec(w.Section(w.SecType, claim)), ""},
		{"2^32 types with bytes after", "wasm.count", sec(w.Section(w.SecType, claim, w.FuncType(nil, nil))), ""},
		{"2^32 imports", "wasm.count", sec(void, w.Section(w.SecImport, claim)), ""},
		{"2^32 functions", "wasm.count", sec(void, w.Section(w.SecFunction, claim)), ""},
		{"2^32 tables", "wasm.count", sec(w.Section(w.SecTable, claim)), ""},
		{"2^32 memories", "wasm.count", sec(w.Section(w.SecMemory, claim)), ""},
		{"2^32 globals", "wasm.count", sec(w.Section(w.SecGlobal, claim)), ""},
		{"2^32 exports", "wasm.count", sec(w.Section(w.SecExport, claim)), ""},
		{"2^32 element segments", "wasm.count", sec(table1, w.Section(w.SecElement, claim)), ""},
		{"2^32 elements", "wasm.count", sec(void, oneFn, table1, w.Section(w.SecElement, w.Vec(w.Cat([]byte{1, 0}, claim)))), ""},
		{"2^32 bodies", "wasm.count", sec(w.Section(w.SecCode, claim)), ""},
		{"2^32 runs of locals", "wasm.count", sec(void, oneFn, body(claim)), ""},
		{"2^32 data segments", "wasm.count", sec(mem1, w.Section(w.SecData, claim)), ""},
		{"2^32 bytes of data", "wasm.truncated", sec(mem1, w.Section(w.SecData, w.Vec(w.Cat([]byte{1}, claim)))), ""},
		{"2^32 parameters", "wasm.count", sec(w.Section(w.SecType, []byte{1, 0x60}, claim)), ""},
		{"name of 2^32 bytes", "wasm.truncated", sec(w.Section(w.SecExport, []byte{1}, claim)), ""},

		{"type of a struct", "wasm.proposal", sec(w.Section(w.SecType, w.Vec([]byte{0x5f, 0, 0}))), "0x5f"},
		{"exception tag imported", "wasm.proposal", sec(void, w.Section(w.SecImport, w.Vec(w.Cat(w.Name("a"), w.Name("b"), []byte{4, 0, 0})))), "kind 4"},
		{"exception tag exported", "wasm.proposal", sec(void, w.Section(w.SecExport, w.Vec(w.Cat(w.Name("a"), []byte{4, 0})))), "kind 4"},
		{"unknown value type", "wasm.flags", sec(w.Section(w.SecType, w.Vec(w.FuncType([]byte{0x6e}, nil)))), ""},
		{"unknown type of local", "wasm.flags", sec(void, oneFn, body([]byte{1, 1, 0x40})), ""},
		{"unknown type of table", "wasm.flags", sec(w.Section(w.SecTable, w.Vec([]byte{w.I32, 0, 0}))), ""},
		{"mutability 2", "wasm.flags", sec(w.Section(w.SecGlobal, w.Vec([]byte{w.I32, 2, 0x41, 0, 0x0b}))), ""},
		{"element segment of form 8", "wasm.flags", sec(table1, w.Section(w.SecElement, w.Vec([]byte{8, 0, 0}))), ""},
		{"element kind 1", "wasm.flags", sec(table1, w.Section(w.SecElement, w.Vec([]byte{1, 1, 0}))), ""},
		{"data segment of form 3", "wasm.flags", sec(mem1, w.Section(w.SecData, w.Vec([]byte{3, 0}))), ""},

		{"function of a type that is not there", "wasm.index", sec(void, w.Section(w.SecFunction, w.Vec(w.U32(1)))), "type 1"},
		{"import of a type that is not there", "wasm.index", sec(w.Section(w.SecImport, w.Vec(w.Cat(w.Name("a"), w.Name("b"), []byte{0, 0})))), "type 0"},
		{"export of a function that is not there", "wasm.index", sec(w.Section(w.SecExport, w.Vec(w.Cat(w.Name("f"), []byte{0, 0})))), "function 0"},
		{"export of a table that is not there", "wasm.index", sec(w.Section(w.SecExport, w.Vec(w.Cat(w.Name("f"), []byte{1, 0})))), "table 0"},
		{"export of a second memory", "wasm.index", sec(mem1, w.Section(w.SecExport, w.Vec(w.Cat(w.Name("f"), []byte{2, 1})))), "memory 1"},
		{"export of a global that is not there", "wasm.index", sec(w.Section(w.SecExport, w.Vec(w.Cat(w.Name("f"), []byte{3, 0})))), "global 0"},
		{"start function that is not there", "wasm.index", sec(void, w.Section(w.SecStart, w.U32(0))), "function 0"},
		{"ref.func of an undeclared function", "wasm.undeclared", sec(void, oneFn, w.Section(w.SecCode, w.Vec(w.Cat(w.U32(5), []byte{0, 0xd2, 0, 0x1a, 0x0b})))), ""},
		{"start function with a parameter", "wasm.start", sec(w.Section(w.SecType, w.Vec(w.FuncType(i32, nil))), oneFn, w.Section(w.SecStart, w.U32(0)), noop), "(i32) -> ()"},
		{"element that is not there", "wasm.index", sec(table1, w.Section(w.SecElement, w.Vec([]byte{0, 0x41, 0, 0x0b, 1, 7}))), "function 7"},
		{"element expression that is not there", "wasm.index", sec(table1, w.Section(w.SecElement, w.Vec([]byte{4, 0x41, 0, 0x0b, 1, 0xd2, 7, 0x0b}))), "function 7"},
		{"elements without table", "wasm.index", sec(void, oneFn, w.Section(w.SecElement, w.Vec([]byte{0, 0x41, 0, 0x0b, 1, 0})), noop), "table 0"},
		{"data without memory", "wasm.index", sec(w.Section(w.SecData, w.Vec([]byte{0, 0x41, 0, 0x0b, 0}))), "memory 0"},
		{"data in memory 1", "wasm.index", sec(mem1, w.Section(w.SecData, w.Vec([]byte{2, 1, 0x41, 0, 0x0b, 0}))), "memory 1"},
		{"global that reads itself", "wasm.index", sec(w.Section(w.SecGlobal, w.Vec([]byte{w.I32, 0, 0x23, 0, 0x0b}))), "global 0"},

		{"addition in a constant", "wasm.const-expr", sec(w.Section(w.SecGlobal, w.Vec([]byte{w.I32, 0, 0x41, 0, 0x41, 0, 0x6a, 0x0b}))), ""},
		{"call in a constant", "wasm.const-expr", sec(w.Section(w.SecGlobal, w.Vec([]byte{w.I32, 0, 0x10, 0, 0x0b}))), "0x10"},
		{"vector instruction in a constant", "wasm.const-expr", sec(w.Section(w.SecGlobal, w.Vec(w.Cat([]byte{w.V128, 0, 0xfd, 13}, make([]byte, 16), []byte{0x0b})))), ""},
		{"constant without end", "wasm.truncated", sec(w.Section(w.SecGlobal, w.Vec([]byte{w.I32, 0, 0x41, 0}))), ""},

		{"functions without code", "wasm.function-code", sec(void, oneFn), "0 function bodies for 1"},
		{"code without functions", "wasm.function-code", sec(void, noop), "1 function bodies for 0"},
		{"body without end", "wasm.body-end", sec(void, oneFn, w.Section(w.SecCode, w.Vec([]byte{2, 0, 1}))), ""},
		{"body of nothing but locals", "wasm.body-end", sec(void, oneFn, w.Section(w.SecCode, w.Vec([]byte{3, 1, 1, w.I32}))), ""},
		{"body of no bytes", "wasm.truncated", sec(void, oneFn, w.Section(w.SecCode, w.Vec([]byte{0}), []byte{0, 0})), ""},
		{"data count without data", "wasm.data-count", sec(mem1, w.Section(w.SecDataCount, w.U32(5))), "announces 5"},
		{"export name twice", "wasm.duplicate-export", sec(mem1, w.Section(w.SecExport, repeat(w.Cat(w.Name("m"), []byte{2, 0}), 2))), ""},
		{"reserved import", "wasm.reserved-name", sec(void, w.Section(w.SecImport, w.Vec(w.Cat(w.Name("iprt_meter"), w.Name("fuel"), []byte{0, 0})))), ""},
		{"reserved export", "wasm.reserved-name", sec(mem1, w.Section(w.SecExport, w.Vec(w.Cat(w.Name("iprt_meter_fuel"), []byte{2, 0})))), ""},

		{"maximum below minimum", "wasm.limits", sec(w.Section(w.SecMemory, w.Vec(w.Limits(2, 1)))), "below"},
		{"table maximum below minimum", "wasm.limits", sec(w.Section(w.SecTable, w.Vec(w.Cat([]byte{w.FuncRef}, w.Limits(2, 1))))), "below"},
		{"65,537 initial pages", "wasm.limits", sec(w.Section(w.SecMemory, w.Vec(w.Limits(65537, -1)))), ""},
		{"65,537 pages as maximum", "wasm.limits", sec(w.Section(w.SecMemory, w.Vec(w.Limits(1, 65537)))), ""},
		{"shared memory", "wasm.proposal", sec(w.Section(w.SecMemory, w.Vec([]byte{3, 1, 2}))), "threads"},
		{"memory64", "wasm.proposal", sec(w.Section(w.SecMemory, w.Vec([]byte{4, 1}))), "memory64"},
		{"memory of small pages", "wasm.proposal", sec(w.Section(w.SecMemory, w.Vec([]byte{8, 1, 0}))), "not defined"},
	}
}

func overLimits() []broken {
	exports := func(n int) []byte {
		var b []byte
		for i := range n {
			b = append(b, w.Cat(w.Name(string(rune('a'+i%26))+string(w.U32(uint32(i)&0x7f))+strings.Repeat("x", i/3328)), []byte{2, 0})...)
		}
		return w.Section(w.SecExport, w.U32(uint32(n)), b)
	}
	straight := bytes.Repeat([]byte{0x01}, 3<<20)
	return []broken{
		{"100,000 functions", "limit.functions", sec(void, w.Section(w.SecFunction, repeat([]byte{0}, 100_000)), w.Section(w.SecCode, repeat([]byte{2, 0, 0x0b}, 100_000))), "100000"},
		{"a million types", "limit.types", sec(w.Section(w.SecType, repeat(w.FuncType(nil, nil), 1_000_000))), ""},
		{"200,000 exports", "limit.exports", sec(mem1, exports(200_000)), ""},
		{"200 imports", "limit.imports", sec(void, w.Section(w.SecImport, repeat(w.Cat(w.Name("a"), w.Name("b"), []byte{0, 0}), 200))), ""},
		{"20,000 globals", "limit.globals", sec(w.Section(w.SecGlobal, repeat([]byte{w.I32, 0, 0x41, 0, 0x0b}, 20_000))), ""},
		{"100,000 parameters", "limit.params", sec(w.Section(w.SecType, w.Vec(w.FuncType(bytes.Repeat([]byte{w.I32}, 100_000), nil)))), ""},
		{"100 results", "limit.results", sec(w.Section(w.SecType, w.Vec(w.FuncType(nil, bytes.Repeat([]byte{w.I32}, 100))))), ""},
		{"a body of 3 MB", "limit.body-bytes", sec(void, oneFn, body([]byte{0}, straight...)), ""},
		{"2^32−1 locals", "limit.locals", sec(void, oneFn, body(w.Vec(append(w.U32(1<<32-1), w.I64)))), "4294967295"},
		{"2^27 locals", "limit.locals", sec(void, oneFn, body(w.Vec(append(w.U32(1<<27), w.I64)))), ""},
		{"locals that wrap 32 bits", "limit.locals", sec(void, oneFn, body(repeat(append(w.U32(1<<31), w.I64), 2))), "4294967296"},
		{"50,000 locals in 200 functions", "limit.locals", sec(void, w.Section(w.SecFunction, repeat([]byte{0}, 200)), w.Section(w.SecCode, repeat(w.Cat([]byte{6, 1}, w.U32(50_000), []byte{w.I32, 0x0b}), 200))), "50000"},
		{"200,000 data segments", "limit.data-segments", sec(w.Section(w.SecData, repeat([]byte{1, 0}, 200_000))), ""},
		{"20,000 element segments", "limit.element-segments", sec(w.Section(w.SecElement, repeat([]byte{1, 0, 0}, 20_000))), ""},
		{"300,000 elements", "limit.elements", sec(void, oneFn, w.Section(w.SecElement, repeat(w.Cat([]byte{1, 0}, repeat([]byte{0}, 100_000)), 3)), noop), "200000"},
		{"table of 2^27", "limit.table-min", sec(w.Section(w.SecTable, w.Vec(w.Cat([]byte{w.FuncRef}, w.Limits(1<<27, -1))))), ""},
		{"table that grows to 2^27", "limit.table-max", sec(w.Section(w.SecTable, w.Vec(w.Cat([]byte{w.FuncRef}, w.Limits(1, 1<<27))))), ""},
		{"two tables", "limit.tables", sec(w.Section(w.SecTable, repeat(w.Cat([]byte{w.FuncRef}, w.Limits(1, 1)), 2))), ""},
		{"two memories", "limit.memories", sec(w.Section(w.SecMemory, repeat(w.Limits(1, 1), 2))), ""},
		{"a memory imported and one defined", "limit.memories", sec(w.Section(w.SecImport, w.Vec(w.Cat(w.Name("a"), w.Name("b"), []byte{2}, w.Limits(1, 1)))), mem1), ""},
		{"65,536 initial pages", "limit.initial-pages", sec(w.Section(w.SecMemory, w.Vec(w.Limits(65536, 65536)))), ""},
		{"2,000 custom sections", "limit.custom-sections", sec(bytes.Repeat(w.Custom("a", nil), 2000)), ""},
		{"9 MiB of custom section", "limit.custom-bytes", sec(w.Custom("a", make([]byte, 9<<20))), ""},
		{"64 MiB of custom section", "limit.module-bytes", sec(w.Custom("a", make([]byte, 64<<20))), ""},
		{"9 MiB of names", "limit.module-bytes", sec(w.Custom("name", make([]byte, 9<<20))), "without"},
		{"9 MiB of data", "limit.module-bytes", sec(w.Section(w.SecData, w.Vec(w.Cat([]byte{1}, w.U32(9<<20), make([]byte, 9<<20))))), "without"},
	}
}

func TestShapeRefuses(t *testing.T) {
	for group, cases := range map[string][]broken{"files": files(), "malformed": malformed(), "limits": overLimits(), "code": code()} {
		for _, c := range cases {
			t.Run(group+"/"+c.name, func(t *testing.T) {
				for _, set := range []validate.RuleSet{validate.Shape, validate.ABI} {
					info, err := validate.Module(c.wasm, validate.Rules{Set: set})
					e := wantRule(t, err, c)
					if info != nil {
						t.Error("there is an Info")
					}
					if e != nil && (e.Offset < 0 || e.Offset > len(c.wasm)) {
						t.Errorf("offset %d of %d bytes", e.Offset, len(c.wasm))
					}
				}
			})
		}
	}
}

func wantRule(t *testing.T, err error, c broken) *validate.Error {
	t.Helper()
	var e *validate.Error
	if !errors.As(err, &e) {
		t.Errorf("got %v, want rule %s", err, c.rule)
		return nil
	}
	if e.Rule != c.rule || !strings.Contains(e.Msg, c.msg) {
		t.Errorf("got %v, want rule %s and %q", err, c.rule, c.msg)
	}
	if e.Code() == "" || !strings.Contains(err.Error(), e.Rule) {
		t.Errorf("code %q, text %q", e.Code(), err)
	}
	return e
}

// At the limit is fine, one more is not, and the wider class moves the border.
func TestLimitsAreInclusive(t *testing.T) {
	locals := func(n uint32) []byte { return sec(void, oneFn, body(w.Vec(append(w.U32(n), w.I32)))) }
	pages := func(n uint32) []byte { return sec(w.Section(w.SecMemory, w.Vec(w.Limits(n, -1)))) }
	for _, c := range []struct {
		name   string
		wasm   []byte
		limits validate.Limits
		ok     bool
	}{
		{"2,000 locals", locals(2000), validate.Limits{}, true},
		{"2,001 locals", locals(2001), validate.Limits{}, false},
		{"4,096 locals, pinned", locals(4096), validate.Pinned(), true},
		{"4,097 locals, pinned", locals(4097), validate.Pinned(), false},
		{"1,024 pages", pages(1024), validate.Limits{}, true},
		{"1,025 pages", pages(1025), validate.Limits{}, false},
		{"11 pages of 10", pages(11), validate.Limits{InitialPages: 10}, false},
		{"2,001 locals, other limit changed", locals(2001), validate.Limits{InitialPages: 10}, false},
		{"table of 65,536", sec(w.Section(w.SecTable, w.Vec(w.Cat([]byte{w.FuncRef}, w.Limits(65536, 65536))))), validate.Limits{}, true},
	} {
		if _, err := validate.Module(c.wasm, validate.Rules{Set: validate.Shape, Limits: c.limits}); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestShapeAccepts(t *testing.T) {
	i32c0 := []byte{0x41, 0, 0x0b}
	elems := w.Section(w.SecElement, w.Vec(
		w.Cat([]byte{0}, i32c0, []byte{1, 0}),
		[]byte{1, 0, 1, 0},
		w.Cat([]byte{2, 0}, i32c0, []byte{0, 1, 0}),
		[]byte{3, 0, 1, 0},
		w.Cat([]byte{4}, i32c0, []byte{1, 0xd2, 0, 0x0b}),
		[]byte{5, w.FuncRef, 1, 0xd0, w.FuncRef, 0x0b},
		w.Cat([]byte{6, 0}, i32c0, []byte{w.ExternRef, 1, 0xd0, w.ExternRef, 0x0b}),
		[]byte{7, w.FuncRef, 1, 0xd2, 0, 0x0b},
	))
	datas := w.Section(w.SecData, w.Vec(w.Cat([]byte{0}, i32c0, w.Name("ab")), w.Cat([]byte{1}, w.Name("c")), w.Cat([]byte{2, 0}, i32c0, w.Name(""))))
	globals := w.Section(w.SecGlobal, w.Vec(
		[]byte{w.I32, 1, 0x41, 0x80, 0x80, 0x80, 0x80, 0x78, 0x0b}, // −2^31
		[]byte{w.I64, 0, 0x42, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7f, 0x0b},
		[]byte{w.F32, 0, 0x43, 0, 0, 0, 0, 0x0b},
		[]byte{w.F64, 0, 0x44, 0, 0, 0, 0, 0, 0, 0, 0, 0x0b},
		w.Cat([]byte{w.V128, 0, 0xfd, 12}, make([]byte, 16), []byte{0x0b}),
		[]byte{w.FuncRef, 0, 0xd2, 0, 0x0b},
		[]byte{w.I32, 0, 0x23, 0, 0x0b},
	))
	imports := w.Section(w.SecImport, w.Vec(w.Cat(w.Name("env"), w.Name("g"), []byte{3, w.I32, 0})))
	wasm := sec(w.Custom("a", nil), void, imports, oneFn, table1, w.Custom("a", nil), mem1, globals,
		w.Section(w.SecExport, w.Vec(w.Cat(w.Name("g"), []byte{3, 7}))), w.Section(w.SecStart, w.U32(0)),
		elems, w.Section(w.SecDataCount, w.U32(3)), body(w.Vec(w.Cat(w.LongU32(3, 5), []byte{w.V128}))), datas)
	info, err := validate.Module(wasm, validate.Rules{Set: validate.Shape, SIMD: true})
	if err != nil {
		t.Fatal(err)
	}
	if info.Functions != 1 || info.Elements != 8 || info.DataSegments != 3 || info.DataBytes != 3 || info.Globals != 7 || !info.Start || len(info.Custom) != 2 {
		t.Errorf("%+v", info)
	}
	if _, err := validate.Module(w.Header, validate.Rules{Set: validate.Shape}); err != nil {
		t.Errorf("a module without sections: %v", err)
	}
}
