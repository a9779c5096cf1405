// Command abigen writes everything that is derived from spec/abi.json: package
// abi's tables, the SDK bindings, and the reference tables inside spec/*.md.
//
// Run it from the root of the repository:
//
//	go run ./internal/abigen          write the files
//	go run ./internal/abigen -check   fail when a file differs from what would be written
//
// The generated files are committed, so that nobody needs this command to build.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// An output is one file of the tree and the bytes it has to hold.
type output struct {
	path string // relative to the root of the repository, slash-separated
	data []byte
}

func main() {
	check := flag.Bool("check", false, "compare instead of writing; exit 1 on a difference")
	root := flag.String("root", ".", "root of the repository")
	flag.Parse()
	if err := run(*root, *check); err != nil {
		fmt.Fprintln(os.Stderr, "abigen:", err)
		os.Exit(1)
	}
}

func run(root string, check bool) error {
	spec, err := load(filepath.Join(root, "spec", "abi.json"))
	if err != nil {
		return err
	}
	outs, err := generate(root, spec)
	if err != nil {
		return err
	}
	var stale []error
	for _, o := range outs {
		path := filepath.Join(root, filepath.FromSlash(o.path))
		have, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err == nil && bytes.Equal(have, o.data) {
			continue
		}
		if check {
			stale = append(stale, fmt.Errorf("%s differs from spec/abi.json; run: go run ./internal/abigen", o.path))
			continue
		}
		if err := os.WriteFile(path, o.data, 0o644); err != nil {
			return err
		}
	}
	return errors.Join(stale...)
}

// generate computes every output without touching the tree.
func generate(root string, spec *Spec) ([]output, error) {
	var outs []output
	for _, g := range []struct {
		path string
		make func(*Spec) ([]byte, error)
	}{
		{"abi/abi_gen.go", genABI},
		{"sdk/internal/hostcall/hostcall_wasip1_gen.go", genGoGuest},
		{"sdk/internal/hostcall/hostcall_native_gen.go", genGoNative},
		{"sdk/c/iprt_abi.h", genC},
	} {
		data, err := g.make(spec)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", g.path, err)
		}
		outs = append(outs, output{g.path, data})
	}
	docs, err := genDocs(root, spec)
	if err != nil {
		return nil, err
	}
	return append(outs, docs...), nil
}
