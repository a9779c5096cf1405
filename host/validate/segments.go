package validate

import (
	"fmt"

	"github.com/iprt/iprt/host/internal/wasmbin"
)

func (s *scan) codeSection(r *wasmbin.Reader) error {
	at := r.Offset()
	n := r.Count(3, "function bodies")
	if want := uint64(len(s.funcs) - s.imported); r.Err() == nil && uint64(n) != want {
		return &Error{Rule: "wasm.function-code", Offset: at, Value: uint64(n), Limit: want, Msg: fmt.Sprintf("%d function bodies for %d functions", n, want)}
	}
	for range n {
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
		if err := s.body(body, bodyAt); err != nil {
			return err
		}
		s.info.CodeBytes += len(body)
	}
	s.bodies = uint64(n)
	return nil
}

// body checks the local variables of a function and that its instructions have an end.
func (s *scan) body(b []byte, at int) error {
	r := wasmbin.NewReader(b, at)
	runs := r.Count(2, "runs of locals")
	var locals uint64
	for range runs {
		locals += uint64(r.U32())
		r.ValType()
	}
	if err := r.Err(); err != nil {
		return fromReader(err)
	}
	if locals > s.lim.Locals {
		return overLimit("limit.locals", at, locals, s.lim.Locals, "local variables in one function")
	}
	if r.Len() == 0 || b[len(b)-1] != 0x0b {
		return &Error{Rule: "wasm.body-end", Offset: at + len(b), Msg: "the function body does not finish with the instruction end"}
	}
	return nil
}

// elementSection reads the segments in their eight forms; bit 0 of the flags says passive or declarative, bit 1 has an
// explicit table (or declarative), bit 2 says that the items are expressions.
func (s *scan) elementSection(r *wasmbin.Reader) error {
	n, err := s.count(r, 2, "limit.element-segments", s.lim.ElementSegments, "element segments")
	if err != nil {
		return err
	}
	for range n {
		if err := s.element(r); err != nil {
			return err
		}
	}
	return nil
}

func (s *scan) element(r *wasmbin.Reader) error {
	at := r.Offset()
	flags := r.U32()
	if flags > 7 {
		return &Error{Rule: "wasm.flags", Offset: at, Value: uint64(flags), Limit: 7, Msg: fmt.Sprintf("element segment of form %d, there are 0 to 7", flags)}
	}
	active, explicit, exprs := flags&1 == 0, flags&2 != 0, flags&4 != 0
	if active {
		table := uint32(0)
		if explicit {
			table = r.U32()
		}
		if r.Err() == nil && uint64(table) >= one(s.info.Table != nil) {
			return badIndex(at, uint64(table), one(s.info.Table != nil), "table")
		}
		if err := s.constExpr(r); err != nil {
			return err
		}
	}
	switch {
	case active && !explicit: // functions, in the type of the table
	case exprs:
		r.RefType()
	default:
		kindAt := r.Offset()
		if kind := r.Byte(); kind != 0 {
			return &Error{Rule: "wasm.flags", Offset: kindAt, Value: uint64(kind), Msg: fmt.Sprintf("element kind 0x%02x, expected 0 (functions)", kind)}
		}
	}
	return s.elementItems(r, exprs)
}

func (s *scan) elementItems(r *wasmbin.Reader, exprs bool) error {
	at, minSize := r.Offset(), 1
	if exprs {
		minSize = 3
	}
	n := r.Count(minSize, "elements")
	s.info.Elements += int(n)
	if total := uint64(s.info.Elements); total > s.lim.Elements {
		return overLimit("limit.elements", at, total, s.lim.Elements, "elements in all segments")
	}
	for range n {
		var err error
		if exprs {
			err = s.constExpr(r)
		} else {
			err = s.funcIndex(r)
		}
		if err != nil {
			return err
		}
		if r.Err() != nil {
			return nil
		}
	}
	return nil
}

func (s *scan) dataSection(r *wasmbin.Reader) error {
	n, err := s.count(r, 2, "limit.data-segments", s.lim.DataSegments, "data segments")
	if err != nil {
		return err
	}
	for range n {
		at := r.Offset()
		flags := r.U32()
		if flags > 2 {
			return &Error{Rule: "wasm.flags", Offset: at, Value: uint64(flags), Limit: 2, Msg: fmt.Sprintf("data segment of form %d, there are 0 to 2", flags)}
		}
		if flags != 1 {
			mem := uint32(0)
			if flags == 2 {
				mem = r.U32()
			}
			if r.Err() == nil && uint64(mem) >= one(s.info.Memory != nil) {
				return badIndex(at, uint64(mem), one(s.info.Memory != nil), "memory")
			}
			if err := s.constExpr(r); err != nil {
				return err
			}
		}
		s.info.DataBytes += len(r.Bytes(r.U32()))
		if r.Err() != nil {
			return nil
		}
	}
	s.segments = uint64(n)
	s.info.DataSegments = int(n)
	return nil
}

// finish checks what only the end of the module can tell.
func (s *scan) finish(end int) error {
	if want := uint64(len(s.funcs) - s.imported); s.bodies != want {
		return &Error{Rule: "wasm.function-code", Offset: end, Value: s.bodies, Limit: want, Msg: fmt.Sprintf("%d function bodies for %d functions", s.bodies, want)}
	}
	if s.hasDataCount && uint64(s.dataCount) != s.segments {
		return &Error{Rule: "wasm.data-count", Offset: end, Value: uint64(s.dataCount), Limit: s.segments, Msg: fmt.Sprintf("announces %d data segments and has %d", s.dataCount, s.segments)}
	}
	return nil
}
