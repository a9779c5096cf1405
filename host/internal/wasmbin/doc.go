// Package wasmbin reads and writes the binary format of WebAssembly: what validator, meter and packer share.
//
// Start with [Sections] to walk a module and [NewReader] to read what is in a section. Reading trusts nothing: no memory is
// reserved by a number that the module claims, integers have the length the specification allows and no more, and every
// error knows the offset in the module. Writing goes through [Rewrite], which copies a module section by section.
package wasmbin

// Magic starts every WebAssembly binary.
const Magic = "\x00asm"

// Header is what starts a core module: magic and version 1.
const Header = Magic + "\x01\x00\x00\x00"

// Section ids.
const (
	Custom    byte = 0
	Type      byte = 1
	Import    byte = 2
	Function  byte = 3
	Table     byte = 4
	Memory    byte = 5
	Global    byte = 6
	Export    byte = 7
	Start     byte = 8
	Element   byte = 9
	Code      byte = 10
	Data      byte = 11
	DataCount byte = 12
)

// sectionNames is indexed by section id.
var sectionNames = [...]string{
	"custom", "type", "import", "function", "table", "memory", "global",
	"export", "start", "element", "code", "data", "data count",
}

// SectionName is the name of a section id that the specification has, and false for any other.
func SectionName(id byte) (string, bool) {
	if int(id) < len(sectionNames) {
		return sectionNames[id], true
	}
	return "", false
}

// Place orders the sections of a module: each may follow only sections with a smaller place. Custom sections have none.
func Place(id byte) int {
	switch id {
	case DataCount: // stands between element and code, though its id is the last
		return 2*int(Element) + 1
	default:
		return 2 * int(id)
	}
}

// Kind is what an import or export is.
type Kind byte

// The kinds of core WebAssembly 2.0.
const (
	KindFunc   Kind = 0
	KindTable  Kind = 1
	KindMemory Kind = 2
	KindGlobal Kind = 3
)

func (k Kind) String() string {
	switch k {
	case KindFunc:
		return "function"
	case KindTable:
		return "table"
	case KindMemory:
		return "memory"
	case KindGlobal:
		return "global"
	}
	return "unknown kind"
}

// NameSection is the custom section with function names; the only one that is kept for an engine, which uses it in
// backtraces.
const NameSection = "name"

// MeterPrefix starts the names of imports and exports that the host adds to modules. No module may use it.
const MeterPrefix = "iprt_meter"
