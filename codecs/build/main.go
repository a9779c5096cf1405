// Command build makes the shipped codec modules and iprt.lock from their sources.
//
//	go run ./codecs/build          # write the modules and the lock
//	go run ./codecs/build -check   # build them elsewhere and compare, change nothing
//
// Run it in the root of the repository. It needs clang-19 and wasm-ld-19 ($CLANG and $WASM_LD name others). The bytes
// depend on the sources and on the versions of these tools and of Go, not on the machine or the place of the checkout.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
)

// module is one codec of the set.
type module struct {
	name string // in the lock
	dir  string // source, slash-separated, relative to the root
	lang language
}

// language is how a module is built. Those in C are committed next to their source. Those in Go are not, being a hundred
// times bigger; the lock has their CIDs, which hold for one version of Go.
type language int

const (
	inC language = iota
	inGo
)

// modules is what is shipped.
var modules = []module{
	{"bencode", "codecs/bencode", inC},
	{"csv", "codecs/csv", inGo},
	{"dag-cbor", "codecs/dagcbor", inC},
	{"raw", "codecs/raw", inC},
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
	locked, err := readLock()
	if err != nil && checkOnly {
		return err
	}
	tmp, err := os.MkdirTemp("", "iprt-build-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)

	var all []built
	for _, m := range modules {
		if checkOnly && m.lang == inGo && locked.Toolchains["go"] != t.goVersion {
			fmt.Printf("%-10s not checked: its CID holds for %s, this is %s\n", m.name, locked.Toolchains["go"], t.goVersion)
			continue
		}
		b, err := build(ctx, t, m, tmp)
		if err != nil {
			return err
		}
		fmt.Printf("%-10s %7d bytes  %s\n", b.name, len(b.wasm), b.cid)
		all = append(all, b)
	}
	if checkOnly {
		return compare(t, locked, all)
	}
	return write(t, all)
}
