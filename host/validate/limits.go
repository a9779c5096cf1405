package validate

import "time"

// Limits bounds the shape of a module. Each zero field means the value that [Untrusted] has for it.
type Limits struct {
	ModuleBytes     uint64 // of the module, without the custom sections that are dropped before compiling (all but "name")
	CustomBytes     uint64 // of the dropped custom sections together
	CustomSections  uint64
	BodyBytes       uint64 // of one function body
	Functions       uint64 // defined ones
	Types           uint64
	Globals         uint64
	Exports         uint64
	Imports         uint64
	Params          uint64 // of one function type
	Results         uint64 // of one function type
	Locals          uint64 // of one function, without its parameters
	BlockNesting    uint64 // constructs (block, loop, if) in one another
	LoopNesting     uint64 // loops in one another
	BrTable         uint64 // targets of one br_table, the default among them
	BrTableSum      uint64 // targets of all br_tables together
	DataSegments    uint64
	ElementSegments uint64
	Elements        uint64 // in all element segments together
	Tables          uint64
	TableElements   uint64 // of a table, as minimum or maximum
	InitialPages    uint64 // of memory, 64 KiB each; a larger maximum is no error, host/meter lowers it

	// What [Estimate.Over] holds an estimate to; [Module] does not look at them.
	CompileFunction time.Duration
	CompileModule   time.Duration
	CompileMemory   uint64 // bytes
}

// Untrusted are the limits for modules from strangers, the ones that zero fields stand for.
func Untrusted() Limits {
	return Limits{
		ModuleBytes:     8 << 20,
		CustomBytes:     8 << 20,
		CustomSections:  1_000,
		BodyBytes:       128 << 10,
		Functions:       20_000,
		Types:           4_096,
		Globals:         10_000,
		Exports:         1_000,
		Imports:         128,
		Params:          32,
		Results:         16,
		Locals:          2_000,
		BlockNesting:    2_048,
		LoopNesting:     16,
		BrTable:         4_096,
		BrTableSum:      131_072,
		DataSegments:    100_000,
		ElementSegments: 10_000,
		Elements:        131_072,
		Tables:          1,
		TableElements:   65_536,
		InitialPages:    1_024,
		CompileFunction: 500 * time.Millisecond,
		CompileModule:   3 * time.Second,
		CompileMemory:   256 << 20,
	}
}

// Pinned are the limits for modules that an operator chose by CID: room for everything that toolchains were seen to emit.
func Pinned() Limits {
	l := Untrusted()
	l.ModuleBytes = 32 << 20
	l.CustomBytes = 32 << 20
	l.BodyBytes = 512 << 10 // stock Go puts a large composite literal into one function: 228 kB in gojq
	l.BlockNesting = 8_192  // the same function: stock Go opens a block for each place that a call may resume at
	l.Functions *= 2
	l.Types *= 2
	l.Globals *= 2
	l.Exports *= 2
	l.Imports *= 2
	l.Locals = 4_096
	l.BrTableSum = 524_288
	l.InitialPages = 4_096
	l.CompileFunction = 5 * time.Second
	l.CompileModule = time.Minute
	l.CompileMemory = 1 << 30
	return l
}

func (l Limits) withDefaults() Limits {
	d := Untrusted()
	for _, f := range []struct{ have, def *uint64 }{
		{&l.ModuleBytes, &d.ModuleBytes}, {&l.CustomBytes, &d.CustomBytes}, {&l.CustomSections, &d.CustomSections},
		{&l.BodyBytes, &d.BodyBytes}, {&l.Functions, &d.Functions}, {&l.Types, &d.Types}, {&l.Globals, &d.Globals},
		{&l.Exports, &d.Exports}, {&l.Imports, &d.Imports}, {&l.Params, &d.Params}, {&l.Results, &d.Results},
		{&l.Locals, &d.Locals},
		{&l.BlockNesting, &d.BlockNesting}, {&l.LoopNesting, &d.LoopNesting},
		{&l.BrTable, &d.BrTable}, {&l.BrTableSum, &d.BrTableSum}, {&l.DataSegments, &d.DataSegments}, {&l.ElementSegments, &d.ElementSegments},
		{&l.Elements, &d.Elements}, {&l.Tables, &d.Tables}, {&l.TableElements, &d.TableElements}, {&l.InitialPages, &d.InitialPages},
		{&l.CompileMemory, &d.CompileMemory},
	} {
		if *f.have == 0 {
			*f.have = *f.def
		}
	}
	if l.CompileFunction == 0 {
		l.CompileFunction = d.CompileFunction
	}
	if l.CompileModule == 0 {
		l.CompileModule = d.CompileModule
	}
	return l
}
