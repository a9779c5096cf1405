// Command build makes the shipped codec modules and iprt.lock from their sources.
//
//	go run ./codecs/build          # write the modules and the lock
//	go run ./codecs/build -check   # build them elsewhere and compare, change nothing
//
// Run it in the root of the repository. It needs clang-19 and wasm-ld-19 ($CLANG and $WASM_LD name others). The bytes
// depend on the sources and the versions of these tools, not on the machine or the place of the checkout.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
)

// module is one codec of the set.
type module struct {
	name string // in the lock
	dir  string // source, slash-separated, relative to the root
	make func(ctx context.Context, t tools, dir, out string) error
	keep bool // small enough to be committed next to its source
}

// modules is what is shipped.
var modules = []module{
	{name: "bencode", dir: "codecs/bencode", make: compileC, keep: true},
	{name: "dag-cbor", dir: "codecs/dagcbor", make: compileC, keep: true},
	{name: "raw", dir: "codecs/raw", make: compileC, keep: true},
}

func main() {
	checkOnly := flag.Bool("check", false, "compare a fresh build with what is committed; exit status 1 if they differ")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *checkOnly); err != nil {
		fmt.Fprintf(os.Stderr, "build: %v\n", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, checkOnly bool) error {
	t, err := findTools(ctx)
	if err != nil {
		return err
	}
	tmp, err := os.MkdirTemp("", "iprt-build-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)

	built, err := buildAll(ctx, t, tmp)
	if err != nil {
		return err
	}
	if checkOnly {
		return compare(t, built)
	}
	for _, b := range built {
		if b.keep {
			if err := os.WriteFile(filepath.FromSlash(b.path()), b.wasm, 0o644); err != nil {
				return err
			}
		}
		fmt.Printf("%-10s %7d bytes  %s\n", b.name, len(b.wasm), b.cid)
	}
	return writeLock(t, built)
}
