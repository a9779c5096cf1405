// Package spectest runs WebAssembly's own core 2.0 test suite, as converted in wazero's module directory, over modules that
// went through host/validate and host/meter, and over the same modules as they were. Everything in it is a test:
//
//	go test ./internal/spectest            // a sample of the files
//	SPECTEST=all go test ./internal/spectest -v
package spectest
