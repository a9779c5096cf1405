package wasmtest

import "bytes"

// Section ids of the binary format.
const (
	SecCustom    byte = 0
	SecType      byte = 1
	SecImport    byte = 2
	SecFunction  byte = 3
	SecTable     byte = 4
	SecMemory    byte = 5
	SecGlobal    byte = 6
	SecExport    byte = 7
	SecStart     byte = 8
	SecElement   byte = 9
	SecCode      byte = 10
	SecData      byte = 11
	SecDataCount byte = 12
)

// Kinds of imports and exports.
const (
	KindFunc   byte = 0
	KindTable  byte = 1
	KindMemory byte = 2
	KindGlobal byte = 3
)

// Header is the magic number and version of a core module.
var Header = []byte("\x00asm\x01\x00\x00\x00")

// Raw is the header followed by sections, in the order given and unchecked.
func Raw(sections ...[]byte) []byte { return Cat(append([][]byte{Header}, sections...)...) }

// Section is a section with its size.
func Section(id byte, payload ...[]byte) []byte {
	p := Cat(payload...)
	return Cat([]byte{id}, U32(uint32(len(p))), p)
}

// Custom is a custom section.
func Custom(name string, payload []byte) []byte { return Section(SecCustom, Name(name), payload) }

// Local is a run of local variables of one type.
type Local struct {
	Count uint32
	Type  byte
}

// Builder collects a module; [Builder.Bytes] emits it with its sections in order. Import before defining: the indices
// that its methods return count imports first, so an import after a definition would shift them.
type Builder struct {
	types, imports, funcs, tables, mems, globals, exports, elems, bodies, datas, customs [][]byte

	start                           []byte
	nFuncs, nTables, nMems, nGlobal uint32
	dataCount                       bool
}

// New is an empty module.
func New() *Builder { return &Builder{} }

// Type adds a function type, or finds the same one, and returns its index.
func (b *Builder) Type(params, results []byte) uint32 {
	t := FuncType(params, results)
	for i, have := range b.types {
		if bytes.Equal(have, t) {
			return uint32(i)
		}
	}
	b.types = append(b.types, t)
	return uint32(len(b.types) - 1)
}

// FuncType is the encoding of a function type.
func FuncType(params, results []byte) []byte {
	return Cat([]byte{0x60}, U32(uint32(len(params))), params, U32(uint32(len(results))), results)
}

// ImportFunc imports a function and returns its index.
func (b *Builder) ImportFunc(module, name string, params, results []byte) uint32 {
	b.Import(module, name, KindFunc, U32(b.Type(params, results)))
	b.nFuncs++
	return b.nFuncs - 1
}

// Import adds an import of any kind with its descriptor as bytes; it moves no index.
func (b *Builder) Import(module, name string, kind byte, desc []byte) {
	b.imports = append(b.imports, Cat(Name(module), Name(name), []byte{kind}, desc))
}

// Func defines a function whose body is code and the final end, and returns its index.
func (b *Builder) Func(params, results []byte, locals []Local, code Code) uint32 {
	var runs [][]byte
	for _, l := range locals {
		runs = append(runs, append(U32(l.Count), l.Type))
	}
	return b.FuncRaw(b.Type(params, results), Cat(Vec(runs...), code, []byte{OpEnd}))
}

// FuncRaw defines a function of a type with a body given byte for byte (locals, instructions, end).
func (b *Builder) FuncRaw(typ uint32, body []byte) uint32 {
	b.funcs = append(b.funcs, U32(typ))
	b.bodies = append(b.bodies, append(U32(uint32(len(body))), body...))
	b.nFuncs++
	return b.nFuncs - 1
}

// Table defines a table of funcref; max < 0 declares no maximum.
func (b *Builder) Table(min uint32, max int64) uint32 {
	b.tables = append(b.tables, append([]byte{FuncRef}, Limits(min, max)...))
	b.nTables++
	return b.nTables - 1
}

// Memory defines a memory in pages of 64 KiB; max < 0 declares no maximum.
func (b *Builder) Memory(min uint32, max int64) uint32 { return b.MemoryRaw(Limits(min, max)) }

// MemoryRaw defines a memory by its limits as bytes.
func (b *Builder) MemoryRaw(limits []byte) uint32 {
	b.mems = append(b.mems, limits)
	b.nMems++
	return b.nMems - 1
}

// Limits is the encoding of a minimum and, unless it is negative, a maximum.
func Limits(min uint32, max int64) []byte {
	if max < 0 {
		return append([]byte{0}, U32(min)...)
	}
	return Cat([]byte{1}, U32(min), U32(uint32(max)))
}

// Global defines a global variable initialised by code (its end is added) and returns its index.
func (b *Builder) Global(typ byte, mutable bool, init Code) uint32 {
	m := byte(0)
	if mutable {
		m = 1
	}
	b.globals = append(b.globals, Cat([]byte{typ, m}, init, []byte{OpEnd}))
	b.nGlobal++
	return b.nGlobal - 1
}

// Export adds an export; names are not checked.
func (b *Builder) Export(name string, kind byte, index uint32) {
	b.exports = append(b.exports, Cat(Name(name), []byte{kind}, U32(index)))
}

// Start names the start function.
func (b *Builder) Start(f uint32) { b.start = U32(f) }

// Elem adds an active segment that puts functions into table 0 at an offset.
func (b *Builder) Elem(offset int32, funcs ...uint32) {
	var items [][]byte
	for _, f := range funcs {
		items = append(items, U32(f))
	}
	b.ElemRaw(Cat([]byte{0}, Code{}.I32Const(offset).End(), Vec(items...)))
}

// ElemRaw adds an element segment as bytes.
func (b *Builder) ElemRaw(seg []byte) { b.elems = append(b.elems, seg) }

// Data adds an active data segment in memory 0.
func (b *Builder) Data(offset int32, content []byte) {
	b.DataRaw(Cat([]byte{0}, Code{}.I32Const(offset).End(), U32(uint32(len(content))), content))
}

// DataRaw adds a data segment as bytes.
func (b *Builder) DataRaw(seg []byte) { b.datas = append(b.datas, seg) }

// DataCount has the module declare the number of its data segments.
func (b *Builder) DataCount() { b.dataCount = true }

// Custom adds a custom section after all others.
func (b *Builder) Custom(name string, payload []byte) {
	b.customs = append(b.customs, Custom(name, payload))
}

// Bytes is the module. Sections without content are left out.
func (b *Builder) Bytes() []byte {
	out := append([]byte(nil), Header...)
	vec := func(id byte, items [][]byte) {
		if len(items) > 0 {
			out = append(out, Section(id, Vec(items...))...)
		}
	}
	vec(SecType, b.types)
	vec(SecImport, b.imports)
	vec(SecFunction, b.funcs)
	vec(SecTable, b.tables)
	vec(SecMemory, b.mems)
	vec(SecGlobal, b.globals)
	vec(SecExport, b.exports)
	if b.start != nil {
		out = append(out, Section(SecStart, b.start)...)
	}
	vec(SecElement, b.elems)
	if b.dataCount {
		out = append(out, Section(SecDataCount, U32(uint32(len(b.datas))))...)
	}
	vec(SecCode, b.bodies)
	vec(SecData, b.datas)
	return append(out, Cat(b.customs...)...)
}

// DropMemory takes back the memories defined so far; what refers to them refers to an imported one then.
func (b *Builder) DropMemory() { b.mems, b.nMems = nil, 0 }

// TableRaw defines a table by its element type and limits as bytes.
func (b *Builder) TableRaw(table []byte) uint32 {
	b.tables = append(b.tables, table)
	b.nTables++
	return b.nTables - 1
}
