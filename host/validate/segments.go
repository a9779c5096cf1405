package validate

import (
	"fmt"

	"github.com/iprt/iprt/host/internal/wasmbin"
)

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
		s.elements++
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
	var offset wasmbin.ConstExpr
	extern := false
	table := uint32(0)
	if active {
		if explicit {
			table = r.U32()
		}
		if r.Err() == nil && uint64(table) >= uint64(len(s.info.Tables)) {
			return badIndex(at, uint64(table), uint64(len(s.info.Tables)), "table")
		}
		var err error
		if offset, err = s.constExpr(r); err != nil {
			return err
		}
	}
	switch {
	case active && !explicit: // functions, in the type of the table
	case exprs:
		extern = r.RefType() == wasmbin.TypeExternRef
	default:
		kindAt := r.Offset()
		if kind := r.Byte(); kind != 0 {
			return &Error{Rule: "wasm.flags", Offset: kindAt, Value: uint64(kind), Msg: fmt.Sprintf("element kind 0x%02x, expected 0 (functions)", kind)}
		}
	}
	before := s.info.Elements
	if err := s.elementItems(r, exprs); err != nil {
		return err
	}
	if extern && !active && s.outside == nil && s.info.Elements > before { // wazero has table.init find it empty
		s.outside = &Error{Rule: "abi.extern-elements", Offset: at, Msg: "a passive element segment holds external references, of which there is none but null"}
	}
	if active && int(table) < len(s.info.Tables) {
		s.fits("abi.element-bounds", offset, s.info.Elements-before, uint64(s.info.Tables[table].Min), "elements")
	}
	return nil
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
			_, err = s.constExpr(r)
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
		var offset wasmbin.ConstExpr
		if flags != 1 {
			mem := uint32(0)
			if flags == 2 {
				mem = r.U32()
			}
			if r.Err() == nil && uint64(mem) >= one(s.info.Memory != nil) {
				return badIndex(at, uint64(mem), one(s.info.Memory != nil), "memory")
			}
			if offset, err = s.constExpr(r); err != nil {
				return err
			}
		}
		size := len(r.Bytes(r.U32()))
		s.info.DataBytes += size
		if flags != 1 && s.info.Memory != nil {
			s.fits("abi.data-bounds", offset, size, uint64(s.info.Memory.Min)*wasmbin.PageSize, "bytes of memory")
		}
		if r.Err() != nil {
			return nil
		}
	}
	s.segments = uint64(n)
	s.info.DataSegments = int(n)
	return nil
}

// fits notes an active segment that is known not to fit into what there is at the start. Such a module is well-formed, but
// no instance of it can be made.
func (s *scan) fits(rule string, offset wasmbin.ConstExpr, size int, have uint64, what string) {
	if offset.Op != wasmbin.ConstI32 || s.outside != nil {
		return
	}
	if end := uint64(uint32(offset.Value)) + uint64(size); end > have {
		s.outside = &Error{Rule: rule, Offset: offset.Offset, Value: end, Limit: have, Msg: fmt.Sprintf("a segment ends at %d, where there are %d %s at the start", end, have, what)}
	}
}

// finish checks what only the end of the module can tell.
func (s *scan) finish(end int) error {
	if want := uint64(len(s.sigs.Funcs) - s.imported); s.bodies != want {
		return &Error{Rule: "wasm.function-code", Offset: end, Value: s.bodies, Limit: want, Msg: fmt.Sprintf("%d function bodies for %d functions", s.bodies, want)}
	}
	if s.hasDataCount && uint64(s.dataCount) != s.segments {
		return &Error{Rule: "wasm.data-count", Offset: end, Value: uint64(s.dataCount), Limit: s.segments, Msg: fmt.Sprintf("announces %d data segments and has %d", s.dataCount, s.segments)}
	}
	return nil
}
