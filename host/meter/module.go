package meter

import (
	"fmt"

	"github.com/iprt/iprt/host/internal/wasmbin"
)

// module is what the rewriting of code has to know of the other sections. It aliases the module's bytes.
type module struct {
	sections [wasmbin.DataCount + 1]wasmbin.Section // by id; Body is nil where there is none
	names    wasmbin.Section                        // the first name section

	types    []funcType
	funcs    []uint32 // type index of each function, imported ones first
	imported uint32   // how many of funcs are imported
	globals  []global // imported ones first

	active    []bool // of each data segment: it is copied when the module is instantiated, and gone then
	memoryMax uint32 // pages; 0 without memory
	tables    []table
}

type table struct {
	typ byte   // of its elements
	max uint32 // elements
}

type funcType struct{ params, results []byte }

type global struct {
	typ     byte
	mutable bool
}

// numeric reports whether the host can read and write the global.
func (g global) numeric() bool { return g.typ >= 0x7c && g.typ <= 0x7f }

// parse reads a module that passed validation, so that only bytes which did not pass give an error.
func parse(wasm []byte, cfg Config) (*module, error) {
	m := &module{}
	s := wasmbin.NewSections(wasm)
	for s.Next() {
		c := s.Section()
		switch {
		case c.ID == wasmbin.Custom:
			if c.Name == wasmbin.NameSection && m.names.Body == nil {
				m.names = c
			}
			continue
		case int(c.ID) >= len(m.sections):
			return nil, fmt.Errorf("meter: section id %d", c.ID)
		}
		m.sections[c.ID] = c
		r := c.Reader()
		m.read(c.ID, r, cfg)
		if err := r.Err(); err != nil {
			return nil, fmt.Errorf("meter: %w", err)
		}
	}
	if err := s.Err(); err != nil {
		return nil, fmt.Errorf("meter: %w", err)
	}
	for _, t := range m.funcs {
		if int(t) >= len(m.types) {
			return nil, fmt.Errorf("meter: type %d of %d", t, len(m.types))
		}
	}
	return m, nil
}

func (m *module) read(id byte, r *wasmbin.Reader, cfg Config) {
	switch id {
	case wasmbin.Type:
		m.readTypes(r)
	case wasmbin.Import:
		m.readImports(r, cfg)
	case wasmbin.Function:
		for range r.Count(1, "functions") {
			m.funcs = append(m.funcs, r.U32())
		}
	case wasmbin.Table:
		for range r.Count(3, "tables") {
			m.table(r, cfg)
		}
	case wasmbin.Memory:
		for range r.Count(2, "memories") {
			m.memory(r, cfg)
		}
	case wasmbin.Global:
		for range r.Count(4, "globals") {
			m.global(r)
			r.ConstExpr()
		}
	case wasmbin.Data:
		m.readData(r)
	}
}

func (m *module) readData(r *wasmbin.Reader) {
	n := r.Count(2, "data segments")
	m.active = make([]bool, n)
	for i := range m.active {
		form := r.U32()
		m.active[i] = form != passive
		if form == explicitMemory {
			r.U32()
		}
		if m.active[i] {
			r.ConstExpr()
		}
		r.Bytes(r.U32())
	}
}

// Forms of data segments.
const (
	passive        = 1
	explicitMemory = 2
)

func (m *module) readTypes(r *wasmbin.Reader) {
	n := r.Count(3, "types")
	m.types = make([]funcType, 0, n)
	for range n {
		r.Byte()
		m.types = append(m.types, funcType{r.Bytes(r.U32()), r.Bytes(r.U32())})
	}
}

func (m *module) readImports(r *wasmbin.Reader, cfg Config) {
	for range r.Count(4, "imports") {
		r.Bytes(r.U32())
		r.Bytes(r.U32())
		switch wasmbin.Kind(r.Byte()) {
		case wasmbin.KindFunc:
			m.funcs = append(m.funcs, r.U32())
			m.imported++
		case wasmbin.KindTable:
			m.table(r, cfg)
		case wasmbin.KindMemory:
			m.memory(r, cfg)
		case wasmbin.KindGlobal:
			m.global(r)
		}
	}
}

func (m *module) table(r *wasmbin.Reader, cfg Config) {
	typ := r.Byte()
	m.tables = append(m.tables, table{typ, clamp(cfg.MaxTableElements)(r.Limits()).Max})
}

func (m *module) memory(r *wasmbin.Reader, cfg Config) {
	m.memoryMax = clamp(cfg.MaxMemoryPages)(r.Limits()).Max
}

func (m *module) global(r *wasmbin.Reader) {
	m.globals = append(m.globals, global{typ: r.Byte(), mutable: r.Byte() == 1})
}

// clamp lowers a maximum to most, and adds it where there is none.
func clamp(most uint32) func(wasmbin.Limits) wasmbin.Limits {
	return func(l wasmbin.Limits) wasmbin.Limits {
		if !l.HasMax || l.Max > most {
			l.HasMax, l.Max = true, most
		}
		return l
	}
}
