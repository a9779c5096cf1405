// Command bench measures iprt against what people use today, in one process and
// one run, and prints ratios of ours to the peer: of wall time, median and worst
// of the rounds, of processor time, median, and of the fastest rounds of either
// side, which other work on the machine disturbs least. It passes no judgement:
// the column `aim` is what we want.
//
// Where a collector of garbage runs beside on a processor of its own, wall time
// leaves it out and processor time includes what it does because nobody else
// needs that processor. With -procs 1 both are the same thing, and fair.
//
// Ours are modules as the host runs them, with whatever it adds to them; what
// metering adds is measured by itself. It needs guests that are built on the
// spot: without a Rust compiler for Wasm those rows are left out. The build tag
// wasmtime adds that engine.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"regexp"
	"runtime"
)

func main() {
	rounds := flag.Int("rounds", 41, "how often each pair is measured")
	procs := flag.Int("procs", 0, "processors to use; 0 leaves it to Go")
	match := flag.String("run", "", "only pairs whose name or peer matches this regular expression")
	flag.Parse()
	runtime.GOMAXPROCS(*procs)
	if err := run(*rounds, *match); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(rounds int, match string) error {
	want, err := regexp.Compile(match)
	if err != nil {
		return err
	}
	ctx := context.Background()
	s, err := newSubjects(ctx)
	if err != nil {
		return err
	}
	defer s.close(ctx)
	pairs, err := s.pairs(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("%s/%s, %d of %d CPUs, %s; %s; %d rounds\n",
		runtime.GOOS, runtime.GOARCH, runtime.GOMAXPROCS(0), runtime.NumCPU(), runtime.Version(), s.engine.Name(), rounds)
	heading(os.Stdout)
	for _, p := range pairs {
		if !want.MatchString(p.name) && !want.MatchString(p.peer) {
			continue
		}
		r, err := measure(ctx, p, rounds)
		var missing *missingTool
		if errors.As(err, &missing) {
			fmt.Printf("%-37s not measured: %v\n", p.name, missing)
			continue
		}
		if err != nil {
			return err
		}
		r.print(os.Stdout)
	}
	return nil
}
