package main

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"
)

// A pair is one thing done two ways.
type pair struct {
	name       string
	peer       string // what ours is measured against
	aim        float64
	ours, base func() error // the thing, once

	open func(context.Context) (ours, base func() error, err error) // makes them, if that takes long
}

// result is what the rounds of one pair gave, sorted. Ratios are ours / peer, so less is better.
type result struct {
	pair
	wall, cpu          []float64 // ratios
	oursTime, baseTime []float64 // nanoseconds
	allocs             float64
}

// sampleTime is how long one side runs in one round: long enough for a few collections of garbage, short enough that whatever else the machine
// does hits some rounds and not all.
const sampleTime = 15 * time.Millisecond

// measure runs both sides in every round, one right after the other and in turns the one and the other first, so that a slow machine slows both.
func measure(ctx context.Context, p pair, rounds int) (r result, err error) {
	if p.open != nil {
		if p.ours, p.base, err = p.open(ctx); err != nil {
			return r, fmt.Errorf("%s: %w", p.name, err)
		}
	}
	r = result{pair: p}
	nOurs, err := calibrate(p.ours)
	if err != nil {
		return r, fmt.Errorf("%s: %w", p.name, err)
	}
	nBase, err := calibrate(p.base)
	if err != nil {
		return r, fmt.Errorf("%s: %s: %w", p.name, p.peer, err)
	}
	for i := range rounds {
		var ours, base usage
		if i%2 == 0 {
			base, ours = sample(p.base, nBase), sample(p.ours, nOurs)
		} else {
			ours, base = sample(p.ours, nOurs), sample(p.base, nBase)
		}
		r.wall = append(r.wall, ours.wall/base.wall)
		r.cpu = append(r.cpu, ours.cpu/base.cpu)
		r.oursTime = append(r.oursTime, ours.wall)
		r.baseTime = append(r.baseTime, base.wall)
	}
	for _, s := range [][]float64{r.wall, r.cpu, r.oursTime, r.baseTime} {
		slices.Sort(s)
	}
	r.allocs = testing.AllocsPerRun(5, func() { _ = p.ours() })
	return r, nil
}

// calibrate returns how often f runs in sampleTime.
func calibrate(f func() error) (int, error) {
	if err := f(); err != nil {
		return 0, err
	}
	for n := 1; ; n *= 2 {
		if took := time.Duration(sample(f, n).wall * float64(n)); took >= sampleTime/2 {
			return max(1, int(float64(n)*float64(sampleTime)/float64(took))), nil
		}
	}
}

// usage is the cost of doing something once, in nanoseconds. cpu counts every thread of the process, and thus the collector's as well.
type usage struct{ wall, cpu float64 }

// sample runs f n times, with no garbage left over from before. Errors were seen to by calibrate: they would not come and go.
func sample(f func() error, n int) usage {
	runtime.GC()
	cpu, begin := cpuTime(), time.Now()
	for range n {
		_ = f()
	}
	wall := time.Since(begin)
	return usage{wall: float64(wall) / float64(n), cpu: float64(cpuTime()-cpu) / float64(n)}
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func median(sorted []float64) float64 { return sorted[len(sorted)/2] }
func worst(sorted []float64) float64  { return sorted[len(sorted)-1] }

func heading(w io.Writer) {
	fmt.Fprintf(w, "%-37s %-28s %6s %6s %6s %6s %6s  %11s %11s %9s\n",
		"what", "against", "wall", "worst", "cpu", "best", "aim", "ours ns/op", "peer ns/op", "allocs/op")
}

func (r result) print(w io.Writer) {
	aim := "-"
	if r.aim > 0 {
		aim = fmt.Sprintf("%.2f", r.aim)
	}
	fmt.Fprintf(w, "%-37s %-28s %6.3f %6.3f %6.3f %6.3f %6s  %11.0f %11.0f %9.0f\n",
		r.name, r.peer, median(r.wall), worst(r.wall), median(r.cpu), r.oursTime[0]/r.baseTime[0], aim, median(r.oursTime), median(r.baseTime), r.allocs)
}
