//go:build wasmtime && cgo && !unix

package wasmtime

// threadStack is what Go asks of the system linker on Windows.
func threadStack() uint64 { return 2 << 20 }
