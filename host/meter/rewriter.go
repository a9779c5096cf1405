package meter

import (
	"github.com/iprt/iprt/host/internal/wasmbin"
)

// rewriter makes the new module. What it adds stands behind what the module has, so that only functions get other numbers:
// imports come first among them, and the added import is one more.
type rewriter struct {
	*module
	cfg   Config
	ops   sequences
	added struct {
		types  [][]byte
		byText map[string]uint32 // index of an added type by its bytes
		funcs  []uint32          // their types
		bodies []byte
		refs   []uint32          // functions, each the value of a global behind the others
		byFunc map[uint32]uint32 // those globals
	}
	emptyData  bool              // a data segment without bytes is added
	growMemory uint32            // the function that does what the instruction does, within the limits; 0 if not there
	growTable  map[uint32]uint32 // likewise, by table
}

func newRewriter(m *module, cfg Config) *rewriter {
	rw := &rewriter{module: m, cfg: cfg}
	rw.added.byText, rw.added.byFunc, rw.growTable = map[string]uint32{}, map[uint32]uint32{}, map[uint32]uint32{}
	rw.ops = newSequences(uint32(len(m.globals)), m.imported, cfg.Flavour)
	return rw
}

// The added globals, behind those of the guest.
const (
	fuelGlobal = iota
	depthGlobal
	memoryGlobal
	tableGlobal
)

func (rw *rewriter) global(i uint32) uint32 { return uint32(len(rw.globals)) + i }

// reference is the global that stands for ref.func f. wazero allocates for each ref.func that it executes, and keeps that as long as
// the instance, so that a loop of them fills the host's memory; a global has it done once.
func (rw *rewriter) reference(f uint32) uint32 {
	g, ok := rw.added.byFunc[f]
	if !ok {
		g = rw.global(tableGlobal + 1 + uint32(len(rw.added.refs)))
		rw.added.refs = append(rw.added.refs, rw.shift(f))
		rw.added.byFunc[f] = g
	}
	return g
}

// shift gives the number that a function has in the new module.
func (rw *rewriter) shift(f uint32) uint32 {
	if f >= rw.imported && rw.cfg.Flavour == Slices {
		return f + 1
	}
	return f
}

// typeIndex finds the number of a type among the added ones, and adds it if it is new.
func (rw *rewriter) typeIndex(params, results []byte) uint32 {
	t := append(wasmbin.AppendU32([]byte{0x60}, uint32(len(params))), params...)
	t = append(wasmbin.AppendU32(t, uint32(len(results))), results...)
	if i, ok := rw.added.byText[string(t)]; ok {
		return i
	}
	i := uint32(len(rw.types) + len(rw.added.types))
	rw.added.types = append(rw.added.types, t)
	rw.added.byText[string(t)] = i
	return i
}

// addFunc adds a function of a type, given its locals and code, and returns its number in the new module.
func (rw *rewriter) addFunc(params, results, body []byte) uint32 {
	f := rw.shift(uint32(len(rw.funcs))) + uint32(len(rw.added.funcs))
	rw.added.funcs = append(rw.added.funcs, rw.typeIndex(params, results))
	rw.added.bodies = append(wasmbin.AppendU32(rw.added.bodies, uint32(len(body))), body...)
	return f
}

// assemble puts the sections together. Code comes first, as it decides what is added elsewhere.
func (rw *rewriter) assemble() ([]byte, error) {
	code, err := rw.code()
	if err != nil {
		return nil, err
	}
	sections, err := rw.sectionBodies()
	if err != nil {
		return nil, err
	}
	sections[wasmbin.Code] = code
	size := len(wasmbin.Header)
	for _, body := range sections {
		size += len(body) + 6
	}
	out := append(make([]byte, 0, size+len(rw.names.Body)+16), wasmbin.Header...)
	for _, id := range inOrder {
		if body := sections[id]; body != nil {
			out = wasmbin.AppendSection(out, id, body)
		}
	}
	if names, ok := rw.newNames(); ok {
		out = wasmbin.AppendCustom(out, wasmbin.NameSection, names)
	}
	return out, nil
}

// inOrder has the sections as a module must.
var inOrder = [...]byte{
	wasmbin.Type, wasmbin.Import, wasmbin.Function, wasmbin.Table, wasmbin.Memory, wasmbin.Global,
	wasmbin.Export, wasmbin.Start, wasmbin.Element, wasmbin.DataCount, wasmbin.Code, wasmbin.Data,
}
