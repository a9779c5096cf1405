// Package abi is the iprt ABI in Go: its names and numbers, the table of calls,
// and the layouts that cross between host and guest. Hosts and guests both
// import it; it needs the standard library only and builds for wasip1.
//
// Start with [TableWriter] to make a token table and [TableReader] to walk one.
// [Calls], [WASI], [Exports] and [Roles] are the tables a host checks itself and
// its modules against. [AppendFrame] and [NextFrame] read and write framed
// records.
//
// # Compatibility
//
// The names and numbers come from spec/abi.json (see abi_gen.go). What has been
// published there is frozen: a new function or a changed meaning makes a new
// version of its interface or role, and the old one stays.
package abi

// ValType is a core WebAssembly value type, by its binary encoding.
type ValType byte

// The value types that the ABI uses.
const (
	I32 ValType = 0x7f
	I64 ValType = 0x7e
	F32 ValType = 0x7d
	F64 ValType = 0x7c
)

// String gives the name of the type in the text format.
func (t ValType) String() string {
	switch t {
	case I32:
		return "i32"
	case I64:
		return "i64"
	case F32:
		return "f32"
	case F64:
		return "f64"
	}
	return "unknown"
}

// Call is one function that a host offers to guests.
type Call struct {
	Interface  string // import module name, such as "iprt:log/v1"
	Name       string // import name
	Params     []ValType
	Results    []ValType
	ParamNames []string
	Since      int // version of the ABI or the WASI set that introduced it
	Doc        string
}

// Export is one function (or the memory) that a guest offers to the host.
type Export struct {
	Name       string
	Memory     bool // the linear memory; the signature is empty then
	Required   bool
	Params     []ValType
	Results    []ValType
	ParamNames []string
	Since      int
	Doc        string
}

// Interface is a versioned set of calls under one import module name.
type Interface struct {
	Name  string
	Pure  bool // every module may use it; the others need a grant
	Since int
	Doc   string
}

// Role is a place that a module can fill, with the exports that it then has.
type Role struct {
	Name    string // as the manifest names it, such as "codec/v1"
	Pooled  bool   // instances are shared one call at a time
	Exports []Export
	Since   int
	Doc     string
}

// Errno is an error number of WASI preview 1.
type Errno uint16

// LogLevel is the level of an entry written with iprt:log/v1.
type LogLevel uint32

// String gives the level's name in lower case, or "unknown".
func (l LogLevel) String() string {
	if int(l) < len(logLevelNames) {
		return logLevelNames[l]
	}
	return "unknown"
}
