package validate

import (
	"errors"
	"fmt"
	"strings"

	"github.com/iprt/iprt/host/internal/wasmbin"
)

// Error is a rule that a module breaks.
type Error struct {
	Rule   string // stable id, like "wasm.section-order", "limit.functions" or "abi.no-marker"
	Offset int    // in the module; −1 if it is about something that is not there
	Value  uint64 // what was found, where the rule is about a number
	Limit  uint64 // what is allowed, where the rule has a limit
	Msg    string // what was wrong and what was expected
	Err    error  // cause, if there is one
}

func (e *Error) Error() string {
	if e.Offset < 0 {
		return fmt.Sprintf("%s (rule %s)", e.Msg, e.Rule)
	}
	return fmt.Sprintf("offset %d: %s (rule %s)", e.Offset, e.Msg, e.Rule)
}

func (e *Error) Unwrap() error { return e.Err }

// Code is the stable name of the kind of failure: "not-wasm", "wasm-malformed", "wasm-over-limit", "wasm-outside-profile" or
// "not-an-iprt-module".
func (e *Error) Code() string {
	switch kind, _, _ := strings.Cut(e.Rule, "."); kind {
	case "file":
		return "not-wasm"
	case "limit":
		return "wasm-over-limit"
	case "profile":
		return "wasm-outside-profile"
	case "abi":
		return "not-an-iprt-module"
	default:
		return "wasm-malformed"
	}
}

// Hint says what to do about it, or "".
func (e *Error) Hint() string {
	if h, ok := hints[e.Rule]; ok {
		return h
	}
	switch e.Code() {
	case "not-an-iprt-module":
		return "build it with an iprt SDK and finish it with \"iprt pack\", which holds it to these rules"
	case "wasm-over-limit":
		return "make the module smaller, or pin it by its CID if you trust it: pinned modules have wider limits"
	case "wasm-malformed":
		return "the file is damaged, or made by a tool that does not follow the specification; build or fetch it again"
	}
	return ""
}

// hints has what to do about rules for which the kind alone does not say it.
var hints = map[string]string{
	"file.empty":     "the file has no content; build or fetch it again",
	"file.component": "build a core module instead: for Rust use the target wasm32-wasip1, for TinyGo -target=wasip1, without wasm-tools component new",
	"file.text":      "compile it first: a module is WebAssembly in its binary form",
	"file.gzip":      "unpack it first: a module's CID is that of the uncompressed bytes",
	"file.html":      "a server answered with a page instead of the file; check the address",

	"wasm.proposal":   "build for core WebAssembly 2.0: without threads, exceptions, garbage collection, memory64 and multi-memory",
	"limit.locals":    "build with optimisation: unoptimised code has one local per temporary",
	"limit.table-max": "iprt tables hold at most 65,536 elements; link without a growable table",

	"profile.simd":           "build without vectors: -mno-simd128 for clang, -C target-feature=-simd128 for Rust",
	"limit.loop-nesting":     "split the function: compilers take time by the product of nested loops and variables",
	"limit.compile-function": "split the longest functions",
	"limit.compile-memory":   "split the longest functions",
	"limit.compile-module":   "make the module smaller",
	"limit.br-table":         "split the switch: compilers take time by the square of its targets",

	"abi.no-marker":       "a module is made with an iprt SDK; this release does not run WASI commands (with _start)",
	"abi.marker-version":  "update iprt, or use a module built for the version that this host has",
	"abi.no-manifest":     "\"iprt pack\" adds the manifest",
	"abi.memory-max":      "\"iprt pack\" adds the maximum that a toolchain left out",
	"abi.table-max":       "\"iprt pack\" adds the maximum that a toolchain left out",
	"abi.start":           "move the work to iprt_init: a start function runs before the host can bound it",
	"abi.extern-elements": "leave the segment out, and fill the table with null by table.fill",
	"abi.data-bounds":     "declare a larger initial memory: a segment lies outside of it",
	"abi.element-bounds":  "declare a larger initial table: a segment lies outside of it",
	"abi.import-unlisted": "list the interface under requires or optional of the manifest, or do not import it",
	"abi.import-kind":     "modules own their memory, tables and globals; link without importing them",
	"abi.role-unlisted":   "list the role in the manifest, or do not export it",
	"abi.role-export":     "export every function of the role, or leave the role out of the manifest",
	"abi.reserved-export": "names that start with iprt_ belong to the ABI; rename the export",
}

// fromReader turns a fault of the binary reader into the rule it breaks.
func fromReader(err error) error {
	if err == nil {
		return nil
	}
	var e *wasmbin.Error
	if !errors.As(err, &e) {
		return err
	}
	return &Error{Rule: "wasm." + string(e.Fault), Offset: e.Offset, Value: e.Value, Limit: e.Limit, Msg: e.Msg}
}

func overLimit(rule string, offset int, value, limit uint64, what string) error {
	return &Error{Rule: rule, Offset: offset, Value: value, Limit: limit, Msg: fmt.Sprintf("%d %s, at most %d are allowed", value, what, limit)}
}

func badIndex(offset int, index, n uint64, what string) error {
	return &Error{Rule: "wasm.index", Offset: offset, Value: index, Limit: n, Msg: fmt.Sprintf("%s %d does not exist: there are %d", what, index, n)}
}
