// Package wasmtest emits small WebAssembly modules for tests: good ones, and ones that no toolchain would ever make.
//
// Start with [Codec] for a complete iprt module whose behaviour options bend, with [New] to build a module section by
// section, and with [Raw] and [Section] for bytes that a builder would refuse to produce (claimed counts, wrong order).
//
// Nothing here checks that a module makes sense; that is the point. The package is for tests only and stands on its own:
// it repeats the names of the ABI as literals, so that a test which uses it would notice if a name in the ABI moved.
package wasmtest
