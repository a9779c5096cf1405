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
// Guests use the stacks of threads: 2 MiB a call where those have the usual 8 MiB. A function of thousands of short-lived
// values has a frame of many kilobytes, whatever its number of locals, so that deep recursion of such functions may end
// with engine.TrapStack here, on a stack that another engine would have grown.
//
// A call allocates, and so does access to a global.
//
// wasmtime accepts constant expressions that add, subtract and multiply, which WebAssembly 2.0 does not have.
package wasmtime
