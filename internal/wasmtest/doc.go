// Package wasmtest emits small WebAssembly modules, good and broken: for tests, and for the corpora that hosts are held to.
//
// Start with [Codec] for a complete iprt module whose behaviour options bend, with [New] to build a module section by
// section, and with [Raw] and [Section] for bytes that a builder would refuse to produce (claimed counts, wrong order).
//
// Nothing here checks that a module makes sense; that is the point. Nothing that a host does is made with it. The package stands on its
// own: it repeats the names of the ABI as literals, so that a test which uses it would notice if a name in the ABI moved.
package wasmtest
