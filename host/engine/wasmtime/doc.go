// Package wasmtime runs WebAssembly with wasmtime, through cgo.
//
// It takes part in builds with cgo and the tag "wasmtime" only, where New gives an engine.Precompiler. wazero is the
// engine to use: wasmtime costs microseconds a call and tens of megabytes a binary, and is a second opinion.
//
// # What differs from other engines
//
// A closed instance is freed by the garbage collector, once neither it nor its memory, functions and globals are reachable:
// its memory lies outside Go's heap, and a view of it must not dangle. A view does not keep it alive; whoever holds one
// holds the instance. An engine runs the collector itself when many closed instances wait for it.
//
// wasmtime accepts constant expressions that add, subtract and multiply, which WebAssembly 2.0 does not have.
package wasmtime
