package validate

import (
	"fmt"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host/internal/wasmbin"
	"github.com/iprt/iprt/host/internal/wasmop"
)

// scan is the state of one validation: what earlier sections said that later ones refer to.
type scan struct {
	lim   Limits
	info  *Info
	place int // of the last section that is not custom

	types     []funcType
	imported  int // how many functions are imported
	sigs      wasmop.Signatures
	globals   uint64 // imported and defined
	gImported uint64
	bodies    uint64
	segments  uint64 // data segments
	elements  uint64 // element segments

	dataCount    uint32
	hasDataCount bool

	reader  wasmop.Reader
	stack   wasmop.Stack
	seen    wasmop.Flags // of all instructions
	loops   uint64       // open in the current body
	targets uint64       // of all br_tables
	simdAt  int          // offset of the first vector instruction or type; 0 if there is none
	refs    []uint64     // a bit for each function that ref.func may name; nil until there is one
	outside *Error       // the first segment that does not fit into its memory or table

	dropped   uint64   // bytes of custom sections that are not kept
	manifests [][]byte // at most two are kept: more is as wrong as two
	manifest0 int      // offset of the first
	startAt   int
}

// funcType aliases the module.
type funcType struct{ params, results []byte }

// count reads the number of items of a section and holds it to a limit, so that memory may be reserved by it.
func (s *scan) count(r *wasmbin.Reader, minSize int, rule string, limit uint64, what string) (uint32, error) {
	at := r.Offset()
	n := r.Count(minSize, what)
	if err := r.Err(); err != nil {
		return 0, fromReader(err)
	}
	if uint64(n) > limit {
		return 0, overLimit(rule, at, uint64(n), limit, what)
	}
	return n, nil
}

func (s *scan) typeSection(r *wasmbin.Reader) error {
	n, err := s.count(r, 3, "limit.types", s.lim.Types, "types")
	if err != nil {
		return err
	}
	s.types = make([]funcType, 0, n)
	s.sigs.Types = make([]wasmop.Arity, 0, n)
	for range n {
		at := r.Offset()
		if form := r.Byte(); r.Err() == nil && form != 0x60 {
			return &Error{Rule: "wasm.proposal", Offset: at, Value: uint64(form), Msg: fmt.Sprintf("type form 0x%02x is not in core WebAssembly 2.0, which has function types only", form)}
		}
		var t funcType
		if t.params, err = s.valTypes(r, "limit.params", s.lim.Params, "parameters"); err != nil {
			return err
		}
		if t.results, err = s.valTypes(r, "limit.results", s.lim.Results, "results"); err != nil {
			return err
		}
		s.types = append(s.types, t)
		s.sigs.Types = append(s.sigs.Types, wasmop.Arity{Params: len(t.params), Results: len(t.results)})
	}
	s.info.Types = len(s.types)
	return nil
}

func (s *scan) valTypes(r *wasmbin.Reader, rule string, limit uint64, what string) ([]byte, error) {
	n, err := s.count(r, 1, rule, limit, what)
	if err != nil {
		return nil, err
	}
	at := r.Offset()
	ts := r.Bytes(n)
	for i, t := range ts {
		if !wasmbin.IsValType(t) {
			return nil, &Error{Rule: "wasm.flags", Offset: at + i, Value: uint64(t), Msg: fmt.Sprintf("0x%02x is no value type of core WebAssembly 2.0", t)}
		}
		s.vector(t, at+i)
	}
	return ts, nil
}

func (s *scan) importSection(r *wasmbin.Reader) error {
	n, err := s.count(r, 4, "limit.imports", s.lim.Imports, "imports")
	if err != nil {
		return err
	}
	s.info.Imports = make([]Import, 0, n)
	for range n {
		i := Import{Offset: r.Offset(), Module: r.Name(), Name: r.Name()}
		kind := wasmbin.Kind(r.Byte())
		i.Kind = Kind(kind.String())
		if r.Err() != nil {
			return nil // section reports it
		}
		switch kind {
		case wasmbin.KindFunc:
			t, err := s.typeIndex(r)
			if err != nil {
				return err
			}
			s.sigs.Funcs = append(s.sigs.Funcs, t)
			if r.Err() == nil {
				i.Type = s.types[t].public()
			}
		case wasmbin.KindTable:
			err = s.table(r, true)
		case wasmbin.KindMemory:
			err = s.memory(r, true)
		case wasmbin.KindGlobal:
			err = s.globalType(r)
			s.gImported++
		default:
			err = unknownKind(i.Offset, kind, "import")
		}
		if err != nil {
			return err
		}
		if err := reserved(i.Offset, i.Module, "import module"); err != nil {
			return err
		}
		s.info.Imports = append(s.info.Imports, i)
	}
	s.imported = len(s.sigs.Funcs)
	return nil
}

func unknownKind(at int, kind wasmbin.Kind, what string) error {
	return &Error{Rule: "wasm.proposal", Offset: at, Value: uint64(kind), Msg: fmt.Sprintf("%s of kind %d, where core WebAssembly 2.0 has function, table, memory and global", what, kind)}
}

func (s *scan) typeIndex(r *wasmbin.Reader) (uint32, error) {
	at := r.Offset()
	t := r.U32()
	if r.Err() == nil && uint64(t) >= uint64(len(s.types)) {
		return 0, badIndex(at, uint64(t), uint64(len(s.types)), "type")
	}
	return t, nil
}

func (s *scan) functionSection(r *wasmbin.Reader) error {
	n, err := s.count(r, 1, "limit.functions", s.lim.Functions, "functions")
	if err != nil {
		return err
	}
	funcs := make([]uint32, 0, len(s.sigs.Funcs)+int(n))
	s.sigs.Funcs = append(funcs, s.sigs.Funcs...)
	for range n {
		t, err := s.typeIndex(r)
		if err != nil {
			return err
		}
		if r.Err() != nil {
			return nil
		}
		s.sigs.Funcs = append(s.sigs.Funcs, t)
	}
	s.info.Functions = int(n)
	return nil
}

func (s *scan) globalSection(r *wasmbin.Reader) error {
	n, err := s.count(r, 4, "limit.globals", s.lim.Globals, "globals")
	if err != nil {
		return err
	}
	for range n {
		if err := s.globalType(r); err != nil {
			return err
		}
		if _, err := s.constExpr(r); err != nil {
			return err
		}
	}
	s.info.Globals = int(n)
	return nil
}

func (s *scan) globalType(r *wasmbin.Reader) error {
	at := r.Offset()
	t := r.ValType()
	s.vector(t, at)
	at = r.Offset()
	mut := r.Byte()
	if mut > 1 {
		return &Error{Rule: "wasm.flags", Offset: at, Value: uint64(mut), Limit: 1, Msg: fmt.Sprintf("mutability is %d, expected 0 or 1", mut)}
	}
	if mut == 1 && r.Err() == nil {
		s.info.MutableGlobals = append(s.info.MutableGlobals, MutableGlobal{Index: uint32(s.globals), Type: abi.ValType(t)})
	}
	s.globals++
	return nil
}

// constExpr checks that what a constant expression refers to exists. Only imported globals may be read: a defined one would
// have to be initialised before.
func (s *scan) constExpr(r *wasmbin.Reader) (wasmbin.ConstExpr, error) {
	e := r.ConstExpr()
	if r.Err() != nil {
		return e, fromReader(r.Err())
	}
	switch {
	case e.Op == wasmbin.ConstV128:
		s.vector(wasmbin.TypeV128, e.Offset)
	case e.Op == wasmbin.ConstGlobalGet && uint64(e.Index) >= s.gImported:
		return e, badIndex(e.Offset, uint64(e.Index), s.gImported, "imported global")
	case e.Op == wasmbin.ConstRefFunc && uint64(e.Index) >= uint64(len(s.sigs.Funcs)):
		return e, badIndex(e.Offset, uint64(e.Index), uint64(len(s.sigs.Funcs)), "function")
	case e.Op == wasmbin.ConstRefFunc:
		s.declare(e.Index)
	}
	return e, nil
}

// declare notes a function that occurs outside of code, which ref.func asks for.
func (s *scan) declare(f uint32) {
	if s.refs == nil {
		s.refs = make([]uint64, len(s.sigs.Funcs)/64+1)
	}
	s.refs[f/64] |= 1 << (f % 64)
}

func (s *scan) declared(f uint32) bool {
	return s.refs != nil && s.refs[f/64]&(1<<(f%64)) != 0
}

func (s *scan) exportSection(r *wasmbin.Reader) error {
	n, err := s.count(r, 3, "limit.exports", s.lim.Exports, "exports")
	if err != nil {
		return err
	}
	for range n {
		e := Export{Offset: r.Offset()}
		name := r.Name()
		kind := wasmbin.Kind(r.Byte())
		e.Index = r.U32()
		if r.Err() != nil {
			return nil
		}
		e.Kind = Kind(kind.String())
		have, err := s.have(e.Offset, kind)
		if err != nil {
			return err
		}
		if uint64(e.Index) >= have {
			return badIndex(e.Offset, uint64(e.Index), have, kind.String())
		}
		if kind == wasmbin.KindFunc {
			s.declare(e.Index)
			e.Type = s.types[s.sigs.Funcs[e.Index]].public()
		}
		if _, dup := s.info.Exports[name]; dup {
			return &Error{Rule: "wasm.duplicate-export", Offset: e.Offset, Msg: fmt.Sprintf("the export %s is there twice", show(name))}
		}
		if err := reserved(e.Offset, name, "export"); err != nil {
			return err
		}
		s.info.Exports[name] = e
	}
	return nil
}

// have is how many of a kind there are to export.
func (s *scan) have(at int, kind wasmbin.Kind) (uint64, error) {
	switch kind {
	case wasmbin.KindFunc:
		return uint64(len(s.sigs.Funcs)), nil
	case wasmbin.KindTable:
		return uint64(len(s.info.Tables)), nil
	case wasmbin.KindMemory:
		return one(s.info.Memory != nil), nil
	case wasmbin.KindGlobal:
		return s.globals, nil
	}
	return 0, unknownKind(at, kind, "export")
}

func one(there bool) uint64 {
	if there {
		return 1
	}
	return 0
}

func (s *scan) startSection(r *wasmbin.Reader) error {
	at := r.Offset()
	s.info.Start, s.startAt = true, at
	f := r.U32()
	if r.Err() != nil {
		return nil // section reports it
	}
	if uint64(f) >= uint64(len(s.sigs.Funcs)) {
		return badIndex(at, uint64(f), uint64(len(s.sigs.Funcs)), "function")
	}
	if a := s.sigs.Func(f); a.Params+a.Results > 0 {
		return &Error{Rule: "wasm.start", Offset: at, Value: uint64(f), Msg: fmt.Sprintf("the start function has the type %s, expected () -> ()", s.types[s.sigs.Funcs[f]].public())}
	}
	return nil
}

func (s *scan) funcIndex(r *wasmbin.Reader) error {
	at := r.Offset()
	f := r.U32()
	switch {
	case r.Err() != nil:
		return nil
	case uint64(f) >= uint64(len(s.sigs.Funcs)):
		return badIndex(at, uint64(f), uint64(len(s.sigs.Funcs)), "function")
	}
	s.declare(f)
	return nil
}
