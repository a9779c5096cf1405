// Command bench measures iprt against what people use today, in one process and
// one run, and prints ratios: time of ours / time of the peer, median and worst
// of the rounds. It passes no judgement: the column `aim` is what we want.
//
// Modules are unmetered and trusted in this release; the table says so.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"testing"
)

func main() {
	testing.Init()
	rounds := flag.Int("rounds", 5, "how often each pair is measured")
	match := flag.String("run", "", "only pairs whose name matches this regular expression")
	flag.Parse()
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
	pairs, err := s.pairs()
	if err != nil {
		return err
	}
	fmt.Printf("%s/%s, %d CPUs, %s; %s; guests unmetered, trusted\n",
		runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version(), s.engine.Name())
	heading(os.Stdout)
	for _, p := range pairs {
		if !want.MatchString(p.name) {
			continue
		}
		r, err := measure(p, rounds)
		if err != nil {
			return err
		}
		r.print(os.Stdout)
	}
	return nil
}
