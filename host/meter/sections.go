package meter

import (
	"fmt"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host/internal/wasmbin"
)

// sectionBodies gives the new bodies of all sections but the code, nil for those that are not there.
func (rw *rewriter) sectionBodies() (bodies [wasmbin.DataCount + 1][]byte, err error) {
	keep := func(id byte) []byte { return rw.sections[id].Body }
	bodies[wasmbin.DataCount], bodies[wasmbin.Data] = keep(wasmbin.DataCount), keep(wasmbin.Data)
	if rw.emptyData {
		bodies[wasmbin.DataCount] = wasmbin.AppendU32(nil, rw.empty()+1)
		bodies[wasmbin.Data] = rw.extend(wasmbin.Data, 1, func(dst []byte) []byte { return append(dst, passive, 0) }, nil)
	}
	bodies[wasmbin.Table] = rw.limits(wasmbin.Table, rw.cfg.MaxTableElements, &err)
	bodies[wasmbin.Memory] = rw.limits(wasmbin.Memory, rw.cfg.MaxMemoryPages, &err)
	bodies[wasmbin.Function] = rw.extend(wasmbin.Function, len(rw.added.funcs), rw.appendFuncs, nil)
	bodies[wasmbin.Import] = rw.extend(wasmbin.Import, rw.addedImports(), rw.appendImport, nil)
	bodies[wasmbin.Type] = rw.extend(wasmbin.Type, len(rw.added.types), rw.appendTypes, nil)
	bodies[wasmbin.Global] = rw.extend(wasmbin.Global, tableGlobal+1+len(rw.added.refs), rw.appendGlobals, rw.copyGlobal)
	bodies[wasmbin.Export] = rw.extend(wasmbin.Export, rw.addedExports(), rw.appendExports, rw.copyExport)
	if s := rw.sections[wasmbin.Start]; s.Body != nil {
		bodies[wasmbin.Start] = wasmbin.AppendU32(nil, rw.shift(s.Reader().U32()))
	}
	if rw.sections[wasmbin.Element].Body != nil {
		bodies[wasmbin.Element] = rw.extend(wasmbin.Element, 0, nil, rw.copyElement)
	}
	return bodies, err
}

// empty is the number of the data segment that stands for active ones, see [rewriter.gone].
func (rw *rewriter) empty() uint32 { return uint32(len(rw.active)) }

// gone reports whether memory.init finds nothing in a data segment, because instantiation has used it up. wazero forgets that; so
// the instruction is sent to an empty segment, which is the same everywhere.
func (rw *rewriter) gone(segment uint32) bool {
	gone := int(segment) < len(rw.active) && rw.active[segment]
	rw.emptyData = rw.emptyData || gone
	return gone
}

func (rw *rewriter) limits(id byte, most uint32, err *error) []byte {
	s := rw.sections[id]
	if s.Body == nil {
		return nil
	}
	body, e := wasmbin.EditLimits(s, clamp(most))
	if e != nil {
		*err = fmt.Errorf("meter: %w", e)
	}
	return body
}

// extend copies the items of a section, all at once or by a function for each, and appends new ones.
func (rw *rewriter) extend(id byte, n int, add func([]byte) []byte, item func(dst []byte, r *wasmbin.Reader, section []byte) []byte) []byte {
	s := rw.sections[id]
	if s.Body == nil && n == 0 {
		return nil
	}
	r := wasmbin.NewReader(s.Body, 0)
	old := uint32(0)
	if s.Body != nil {
		old = r.U32()
	}
	out := wasmbin.AppendU32(make([]byte, 0, len(s.Body)+64*n+16), old+uint32(n))
	if item == nil {
		out = append(out, s.Body[r.Offset():]...)
	} else {
		for range old {
			out = item(out, r, s.Body)
		}
	}
	if add != nil {
		out = add(out)
	}
	return out
}

func (rw *rewriter) appendTypes(dst []byte) []byte {
	for _, t := range rw.added.types {
		dst = append(dst, t...)
	}
	return dst
}

func (rw *rewriter) appendFuncs(dst []byte) []byte {
	for _, t := range rw.added.funcs {
		dst = wasmbin.AppendU32(dst, t)
	}
	return dst
}

func (rw *rewriter) addedImports() int {
	if rw.cfg.Flavour == Slices {
		return 1
	}
	return 0
}

func (rw *rewriter) appendImport(dst []byte) []byte {
	if rw.addedImports() == 0 {
		return dst
	}
	dst = wasmbin.AppendName(wasmbin.AppendName(dst, ImportModule), ImportSlice)
	return wasmbin.AppendU32(append(dst, byte(wasmbin.KindFunc)), rw.typeIndex(i64s, i64s))
}

func (rw *rewriter) copyGlobal(dst []byte, r *wasmbin.Reader, section []byte) []byte {
	dst = append(dst, r.Byte(), r.Byte())
	return rw.copyConst(dst, r, section)
}

// copyConst copies a constant expression.
func (rw *rewriter) copyConst(dst []byte, r *wasmbin.Reader, section []byte) []byte {
	at := r.Offset()
	e := r.ConstExpr()
	if e.Op == wasmbin.ConstRefFunc {
		return append(wasmbin.AppendU32(append(dst, byte(e.Op)), rw.shift(e.Index)), opEnd)
	}
	return append(dst, section[at:r.Offset()]...)
}

func (rw *rewriter) appendGlobals(dst []byte) []byte {
	i32 := func(v uint32) {
		dst = append(dst, byte(abi.I32), 1, opI32Const)
		dst = append(appendS64(dst, int64(int32(v))), opEnd)
	}
	dst = append(dst, byte(abi.I64), 1, opI64Const, 0, opEnd) // fuel
	i32(MaxDepth)
	i32(rw.memoryMax)
	most := uint32(0)
	for _, t := range rw.tables {
		most = max(most, t.max)
	}
	i32(most)
	for _, f := range rw.added.refs {
		dst = append(dst, wasmbin.TypeFuncRef, 0, byte(wasmbin.ConstRefFunc))
		dst = append(wasmbin.AppendU32(dst, f), opEnd)
	}
	return dst
}

func (rw *rewriter) copyExport(dst []byte, r *wasmbin.Reader, _ []byte) []byte {
	dst = wasmbin.AppendName(dst, r.Name())
	kind, i := r.Byte(), r.U32()
	if wasmbin.Kind(kind) == wasmbin.KindFunc {
		i = rw.shift(i)
	}
	return wasmbin.AppendU32(append(dst, kind), i)
}

func (rw *rewriter) addedExports() int {
	n := tableGlobal + 1
	for _, g := range rw.globals {
		if g.mutable && g.numeric() {
			n++
		}
	}
	return n
}

func (rw *rewriter) appendExports(dst []byte) []byte {
	export := func(name string, i uint32) {
		dst = wasmbin.AppendName(dst, name)
		dst = wasmbin.AppendU32(append(dst, byte(wasmbin.KindGlobal)), i)
	}
	for i, g := range rw.globals {
		if g.mutable && g.numeric() {
			export(fmt.Sprint(ExportGlobal, i), uint32(i))
		}
	}
	export(ExportFuel, rw.global(fuelGlobal))
	export(ExportDepth, rw.global(depthGlobal))
	export(ExportMemoryLimit, rw.global(memoryGlobal))
	export(ExportTableLimit, rw.global(tableGlobal))
	return dst
}

// copyElement copies an element segment of any of the eight forms, told apart by the bits of its first number: 1 for passive
// or declarative, 2 for a table given (or declarative), 4 for expressions.
func (rw *rewriter) copyElement(dst []byte, r *wasmbin.Reader, section []byte) []byte {
	flags := r.U32()
	active, explicit, exprs := flags&1 == 0, flags&2 != 0, flags&4 != 0
	dst = wasmbin.AppendU32(dst, flags)
	if active {
		if explicit {
			dst = wasmbin.AppendU32(dst, r.U32())
		}
		dst = rw.copyConst(dst, r, section)
	}
	if !active || explicit {
		dst = append(dst, r.Byte()) // type or kind of the elements
	}
	n := r.U32()
	dst = wasmbin.AppendU32(dst, n)
	for range n {
		if exprs {
			dst = rw.copyConst(dst, r, section)
		} else {
			dst = wasmbin.AppendU32(dst, rw.shift(r.U32()))
		}
	}
	return dst
}

// newNames is the content of the name section, or false if there is none that is well-formed.
func (rw *rewriter) newNames() ([]byte, bool) {
	if rw.names.Body == nil {
		return nil, false
	}
	clean, ok := wasmbin.CleanNames(rw.names, uint64(len(rw.funcs)))
	if !ok {
		return nil, false
	}
	r := wasmbin.NewReader(clean, 0)
	id := r.Byte()
	r.U32() // its size, which changes
	n := r.U32()
	out := wasmbin.AppendU32(make([]byte, 0, len(clean)+int(n)), n)
	for range n {
		out = wasmbin.AppendU32(out, rw.shift(r.U32()))
		out = wasmbin.AppendName(out, r.Name())
	}
	return wasmbin.AppendSection(nil, id, out), true
}
