package validate

import (
	"fmt"

	"github.com/iprt/iprt/host/internal/wasmbin"
	"github.com/iprt/iprt/host/internal/wasmop"
)

const blockV128 = int64(wasmbin.TypeV128) - 0x80 // how the reader gives it

func (s *scan) codeSection(r *wasmbin.Reader) error {
	at := r.Offset()
	n := r.Count(3, "function bodies")
	if want := uint64(len(s.sigs.Funcs) - s.imported); r.Err() == nil && uint64(n) != want {
		return &Error{Rule: "wasm.function-code", Offset: at, Value: uint64(n), Limit: want, Msg: fmt.Sprintf("%d function bodies for %d functions", n, want)}
	}
	for i := range int(n) {
		at := r.Offset()
		size := r.U32()
		bodyAt := r.Offset()
		body := r.Bytes(size)
		if r.Err() != nil {
			return nil
		}
		if uint64(size) > s.lim.BodyBytes {
			return overLimit("limit.body-bytes", at, uint64(size), s.lim.BodyBytes, "bytes of one function body")
		}
		s.reader.Reset(body, bodyAt)
		if err := s.body(s.sigs.Funcs[s.imported+i]); err != nil {
			return err
		}
		s.info.CodeBytes += len(body)
	}
	s.bodies = uint64(n)
	return nil
}

// body checks the function body that s.reader was reset to, of a function of type typ.
func (s *scan) body(typ uint32) error {
	at := s.reader.End()
	var locals uint64
	for {
		n, t, ok := s.reader.Local()
		if !ok {
			break
		}
		locals += uint64(n)
		s.vector(t, at)
	}
	if s.reader.Err() == nil && locals > s.lim.Locals {
		return overLimit("limit.locals", at, locals, s.lim.Locals, "local variables in one function")
	}
	locals += uint64(s.sigs.Types[typ].Params)
	s.stack.Reset(&s.sigs, typ)
	s.loops = 0
	for s.reader.Next() {
		if err := s.instruction(locals); err != nil {
			return err
		}
	}
	return fromReader(s.reader.Err())
}

// instruction checks what the current instruction refers to, and what it does to the operand stack and to nesting.
func (s *scan) instruction(locals uint64) error {
	r := &s.reader
	info := r.Info
	s.seen |= info.Flags
	if info.Flags.Has(wasmop.Vector) && s.simdAt == 0 {
		s.simdAt = r.At
	}
	switch info.Imm {
	case wasmop.ImmNone:
		if r.Op == wasmop.End && s.stack.Top().Op == wasmop.Loop {
			s.loops--
		}
	case wasmop.ImmLocal:
		if uint64(r.A) >= locals {
			return badIndex(r.At, uint64(r.A), locals, "local variable")
		}
	case wasmop.ImmI32, wasmop.ImmI64, wasmop.ImmLabel:
	case wasmop.ImmMem:
		if s.info.Memory == nil || r.A > uint32(info.Align) {
			return s.badAccess()
		}
	case wasmop.ImmGlobal:
		if uint64(r.A) >= s.globals {
			return badIndex(r.At, uint64(r.A), s.globals, "global")
		}
	case wasmop.ImmBlock:
		if r.Value == blockV128 {
			s.vector(wasmbin.TypeV128, r.At)
		}
		if err := s.nesting(); err != nil {
			return err
		}
	default:
		if err := s.rare(); err != nil {
			return err
		}
	}
	if err := s.stack.Step(r); err != nil {
		return fromReader(err)
	}
	return nil
}

// badAccess says what is wrong with an access to memory.
func (s *scan) badAccess() error {
	if s.info.Memory == nil {
		return badIndex(s.reader.At, 0, 0, "memory")
	}
	r := &s.reader
	return &Error{Rule: "wasm.alignment", Offset: r.At, Value: uint64(r.A), Limit: uint64(r.Info.Align), Msg: fmt.Sprintf("%s has the alignment 2^%d, at most 2^%d is natural", r.Info.Name, r.A, r.Info.Align)}
}

// nesting holds the depth of constructs and of loops to their limits. The function itself does not count.
func (s *scan) nesting() error {
	if depth := uint64(s.reader.Depth() - 1); depth > s.lim.BlockNesting {
		return overLimit("limit.block-nesting", s.reader.At, depth, s.lim.BlockNesting, "constructs in one another")
	}
	if s.reader.Op == wasmop.Loop {
		if s.loops++; s.loops > s.lim.LoopNesting {
			return overLimit("limit.loop-nesting", s.reader.At, s.loops, s.lim.LoopNesting, "loops in one another")
		}
	}
	return nil
}

// rare checks the instructions that are seldom.
func (s *scan) rare() error {
	r := &s.reader
	switch r.Info.Imm {
	case wasmop.ImmFunc:
		if err := s.refers(r.A, uint64(len(s.sigs.Funcs)), "function"); err != nil {
			return err
		}
		if r.Op == wasmop.RefFunc && !s.declared(r.A) {
			return &Error{Rule: "wasm.undeclared", Offset: r.At, Value: uint64(r.A), Msg: fmt.Sprintf("ref.func of function %d, which no export, element or global names", r.A)}
		}
		return nil
	case wasmop.ImmTable:
		return s.refers(r.A, uint64(len(s.info.Tables)), "table")
	case wasmop.ImmTypeTable: // the type is a matter of the stack
		return s.refers(r.B, uint64(len(s.info.Tables)), "table")
	case wasmop.ImmTableTable:
		return s.refers(max(r.A, r.B), uint64(len(s.info.Tables)), "table")
	case wasmop.ImmElemTable:
		if err := s.refers(r.B, uint64(len(s.info.Tables)), "table"); err != nil {
			return err
		}
		return s.refers(r.A, s.elements, "element segment")
	case wasmop.ImmElem:
		return s.refers(r.A, s.elements, "element segment")
	case wasmop.ImmMemory, wasmop.ImmMemoryMemory:
		return s.refers(0, one(s.info.Memory != nil), "memory")
	case wasmop.ImmDataMemory:
		if err := s.refers(0, one(s.info.Memory != nil), "memory"); err != nil {
			return err
		}
		return s.dataIndex()
	case wasmop.ImmData:
		return s.dataIndex()
	case wasmop.ImmLabelTable:
		return s.labelTable()
	case wasmop.ImmSelectTypes:
		s.vector(byte(r.B), r.At)
		if r.A != 1 {
			return &Error{Rule: "wasm.select", Offset: r.At, Value: uint64(r.A), Limit: 1, Msg: fmt.Sprintf("select has %d types, expected one", r.A)}
		}
	case wasmop.ImmMemLane:
		if s.info.Memory == nil || r.A > uint32(r.Info.Align) {
			return s.badAccess()
		}
		return s.lane(byte(r.Value), 16>>r.Info.Align)
	case wasmop.ImmLane:
		return s.lane(byte(r.Value), 16>>r.Info.Align)
	case wasmop.ImmShuffle:
		raw := r.Raw()
		for _, l := range raw[len(raw)-16:] {
			if err := s.lane(l, 32); err != nil {
				return err
			}
		}
	}
	return nil
}

// refers checks an index of the current instruction.
func (s *scan) refers(i uint32, n uint64, what string) error {
	if uint64(i) >= n {
		return badIndex(s.reader.At, uint64(i), n, what)
	}
	return nil
}

// dataIndex: data segments follow the code, so a module that refers to them announces their number.
func (s *scan) dataIndex() error {
	if !s.hasDataCount {
		return &Error{Rule: "wasm.data-count", Offset: s.reader.At, Msg: "uses a data segment without announcing their number"}
	}
	return s.refers(s.reader.A, uint64(s.dataCount), "data segment")
}

func (s *scan) labelTable() error {
	r := &s.reader
	n := uint64(r.A) + 1
	if n > s.lim.BrTable {
		return overLimit("limit.br-table", r.At, n, s.lim.BrTable, "targets of one br_table")
	}
	if s.targets += n; s.targets > s.lim.BrTableSum {
		return overLimit("limit.br-table-sum", r.At, s.targets, s.lim.BrTableSum, "targets of all br_tables together")
	}
	return nil
}

func (s *scan) lane(l byte, n int) error {
	if int(l) < n {
		return nil
	}
	return &Error{Rule: "wasm.lane", Offset: s.reader.At, Value: uint64(l), Limit: uint64(n - 1), Msg: fmt.Sprintf("%s uses lane %d of %d", s.reader.Info.Name, l, n)}
}
