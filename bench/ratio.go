package main

import (
	"fmt"
	"io"
	"slices"
	"testing"
)

// A pair is one thing done two ways. Both ways run in the same round, one right
// after the other, so that a slow machine slows both.
type pair struct {
	name       string
	peer       string // what ours is measured against
	aim        float64
	ours, base func(b *testing.B)
}

// result is what the rounds of one pair gave; ratio is time of ours / time of
// the peer, so less is better.
type result struct {
	pair
	ratios     []float64
	ours, base testing.BenchmarkResult // of the last round
}

func measure(p pair, rounds int) (result, error) {
	r := result{pair: p}
	for range rounds {
		r.base = testing.Benchmark(p.base)
		r.ours = testing.Benchmark(p.ours)
		if r.base.N == 0 || r.ours.N == 0 {
			return r, fmt.Errorf("%s: a benchmark failed", p.name)
		}
		r.ratios = append(r.ratios, perOp(r.ours)/perOp(r.base))
	}
	slices.Sort(r.ratios)
	return r, nil
}

func perOp(r testing.BenchmarkResult) float64 { return float64(r.T.Nanoseconds()) / float64(r.N) }

func (r result) median() float64 { return r.ratios[len(r.ratios)/2] }
func (r result) worst() float64  { return r.ratios[len(r.ratios)-1] }

func heading(w io.Writer) {
	fmt.Fprintf(w, "%-37s %-26s %7s %7s %6s  %12s %12s %9s\n",
		"what", "against", "median", "worst", "aim", "ours ns/op", "peer ns/op", "allocs/op")
}

func (r result) print(w io.Writer) {
	aim := "-"
	if r.aim > 0 {
		aim = fmt.Sprintf("%.2f", r.aim)
	}
	fmt.Fprintf(w, "%-37s %-26s %7.3f %7.3f %6s  %12.0f %12.0f %9d\n",
		r.name, r.peer, r.median(), r.worst(), aim, perOp(r.ours), perOp(r.base), r.ours.AllocsPerOp())
}
