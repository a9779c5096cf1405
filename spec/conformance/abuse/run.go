package abuse

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// Config sets up [Run]. Child is required.
type Config struct {
	// Child makes the command of a child: a program that calls [Serve] with its standard input and output.
	Child func(context.Context) *exec.Cmd

	// Slack is how long after its deadline a step may end. Default 100 ms.
	Slack time.Duration
	// AddressSpace limits each child, in bytes. Default 4 GiB, -1 for none. Engines that reserve address space need more.
	AddressSpace int64
	// Memory is the most that a child may ever have had in memory, in bytes. Default 1 GiB.
	Memory int64

	// Grace is how long a child may be silent before it counts as hung and is killed. Default 1 minute.
	Grace time.Duration

	// Batch is how many cases one child runs, Parallel how many children run at a time. Defaults 60 and 1.
	Batch, Parallel int
	// Progress, if set, is called when a case has ended, from one goroutine at a time.
	Progress func(Verdict)
}

func (c Config) filled() Config {
	if c.Slack <= 0 {
		c.Slack = 100 * time.Millisecond
	}
	if c.AddressSpace == 0 {
		c.AddressSpace = 4 << 30
	}
	if c.Memory <= 0 {
		c.Memory = 1 << 30
	}
	if c.Grace <= 0 {
		c.Grace = time.Minute
	}
	if c.Batch <= 0 {
		c.Batch = 60
	}
	if c.Parallel <= 0 {
		c.Parallel = 1
	}
	return c
}

// Run holds a host to cases and reports on each, in their order. A case that fails among others, or whose child dies, is run
// again in a child of its own: what it does there is the verdict, except that only lateness is forgiven. ctx ends the run early,
// which is an error, like a child that cannot be started.
func Run(ctx context.Context, cfg Config, cases []Case) (*Report, error) {
	r := &runner{cfg: cfg.filled(), verdicts: make(map[string]Verdict)}
	var todo []Case
	for _, c := range cases {
		if c.Steps != nil {
			todo = append(todo, c)
		}
	}
	begin := time.Now()
	if err := r.all(ctx, todo); err != nil {
		return nil, err
	}
	report := &Report{Took: time.Since(begin), Peak: r.peak, Without: without(r.cfg)}
	for _, c := range cases {
		v, ok := r.verdicts[c.ID()]
		if !ok {
			v = verdictOf(c)
			v.Elsewhere = c.Elsewhere
		}
		report.Verdicts = append(report.Verdicts, v)
	}
	return report, nil
}

// runner is one run.
type runner struct {
	cfg Config

	mu       sync.Mutex
	verdicts map[string]Verdict
	peak     uint64
}

// all runs cases in batches, several at a time.
func (r *runner) all(ctx context.Context, cases []Case) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	batches := make(chan []Case)
	var wg sync.WaitGroup
	for range r.cfg.Parallel {
		wg.Go(func() {
			for b := range batches {
				if err := r.batch(ctx, b); err != nil {
					cancel(err)
				}
			}
		})
	}
	for len(cases) > 0 && ctx.Err() == nil {
		n := min(r.cfg.Batch, len(cases))
		select {
		case batches <- cases[:n]:
			cases = cases[n:]
		case <-ctx.Done():
		}
	}
	close(batches)
	wg.Wait()
	return context.Cause(ctx)
}

// batch runs cases in one child. Those that it leaves undone, and those that fail, get one of their own.
func (r *runner) batch(ctx context.Context, cases []Case) error {
	c, err := r.child(ctx, cases)
	if err != nil {
		return err
	}
	greedy := c.death == "" && r.greedy(c.peak)
	for _, each := range cases {
		v, done := c.verdicts[each.ID()]
		if done && len(v.Faults) == 0 && !greedy {
			r.settle(v)
			continue
		}
		if err := r.alone(ctx, each, v); err != nil {
			return err
		}
	}
	if c.death != "" && r.survived(cases) {
		r.blame(c.at, Fault{What: "a child died with it among others, and not alone: " + c.death})
	}
	return ctx.Err()
}

// alone runs one case in a child of its own. among is what it did in a batch.
func (r *runner) alone(ctx context.Context, each Case, among Verdict) error {
	c, err := r.child(ctx, []Case{each})
	if err != nil {
		return err
	}
	v, done := c.verdicts[each.ID()]
	if !done {
		v = verdictOf(each)
	}
	if c.death != "" {
		v.Faults = append(v.Faults, Fault{What: "its child died: " + c.death})
	}
	if r.greedy(c.peak) {
		v.Faults = append(v.Faults, Fault{What: fmt.Sprintf("its child needed %d MiB, the limit is %d", c.peak>>20, r.cfg.Memory>>20)})
	}
	if len(v.Faults) == 0 {
		for _, f := range among.Faults {
			if f.Late {
				v.Note = "was late among others: " + f.What
				continue
			}
			v.Faults = append(v.Faults, Fault{What: "among others, and not alone: " + f.What})
		}
	}
	r.settle(v)
	return nil
}

func (r *runner) greedy(peak uint64) bool { return peak > uint64(r.cfg.Memory) }

func (r *runner) settle(v Verdict) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.verdicts[v.ID] = v
	if r.cfg.Progress != nil {
		r.cfg.Progress(v)
	}
}

// survived reports whether none of the cases has a fault.
func (r *runner) survived(cases []Case) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range cases {
		if len(r.verdicts[c.ID()].Faults) > 0 {
			return false
		}
	}
	return true
}

func (r *runner) blame(id string, f Fault) {
	r.mu.Lock()
	defer r.mu.Unlock()
	v := r.verdicts[id]
	v.Faults = append(v.Faults, f)
	r.verdicts[id] = v
}

// ended is what came of a child.
type ended struct {
	verdicts map[string]Verdict
	at       string // the case that was running last
	death    string // why it ended before its time; empty if it did not
	peak     uint64
}

// child runs cases in one new process. The error is about starting it; whatever happens later is in the result.
func (r *runner) child(ctx context.Context, cases []Case) (*ended, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := r.cfg.Child(ctx)
	var stderr tail
	cmd.Stderr = &stderr
	cmd.Stdin = r.script(cases)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("abuse: cannot start a child: %w", err)
	}
	e := &ended{verdicts: map[string]Verdict{}}
	hung := time.AfterFunc(r.cfg.Grace, cancel)
	reading := e.read(out, cases, func() { hung.Reset(r.cfg.Grace) })
	wait := cmd.Wait()
	late := !hung.Stop()
	switch {
	case late:
		e.death = fmt.Sprintf("it hung in %s and was killed", e.at)
	case wait != nil:
		e.death = fmt.Sprintf("%v\n%s", wait, stderr.String())
	case reading != nil:
		e.death = reading.Error()
	case len(e.verdicts) < len(cases):
		e.death = "it ended early"
	}
	r.mu.Lock()
	r.peak = max(r.peak, e.peak)
	r.mu.Unlock()
	return e, nil
}

// script is what a child reads.
func (r *runner) script(cases []Case) io.Reader {
	var b bytes.Buffer
	o := order{Slack: r.cfg.Slack, AddressSpace: uint64(max(r.cfg.AddressSpace, 0)), Memory: r.cfg.Memory * 3 / 4}
	if !addressSpaceLimited(r.cfg) {
		o.AddressSpace = 0
	}
	_ = json.NewEncoder(&b).Encode(o) // into memory
	for _, c := range cases {
		b.WriteString(c.ID() + "\n")
	}
	return &b
}

// read collects what a child says, until it ends. alive is called with every sign of life.
func (e *ended) read(out io.Reader, cases []Case, alive func()) error {
	known := map[string]Case{}
	for _, c := range cases {
		known[c.ID()] = c
	}
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		alive()
		var a answerLine
		if err := json.Unmarshal(lines.Bytes(), &a); err != nil {
			return fmt.Errorf("it printed %.200q", lines.Text())
		}
		if a.Begin != "" {
			e.at = a.Begin
			continue
		}
		c, ok := known[a.End]
		if !ok {
			return fmt.Errorf("it reported on %q, which it was not asked for", a.End)
		}
		v := verdictOf(c)
		v.Faults, v.Outcomes, v.Took = a.Faults, a.Outcomes, a.Took
		e.verdicts[a.End] = v
		e.peak = max(e.peak, a.Peak)
	}
	return lines.Err()
}

// tail keeps the first and the last of what is written: the reason of a crash, and where it was.
type tail struct{ first, last []byte }

const tailSize = 2 << 10

func (t *tail) Write(b []byte) (int, error) {
	if room := tailSize - len(t.first); room > 0 {
		t.first = append(t.first, b[:min(room, len(b))]...)
	}
	t.last = append(t.last, b...)
	t.last = t.last[max(0, len(t.last)-tailSize):]
	return len(b), nil
}

func (t *tail) String() string {
	if bytes.HasSuffix(t.first, t.last) {
		return string(t.first)
	}
	return strings.TrimSpace(string(t.first)) + "\n…\n" + strings.TrimSpace(string(t.last))
}

// Select keeps the cases whose id begins with one of the prefixes; without prefixes, all. A prefix that matches none is an error.
func Select(cases []Case, prefixes ...string) ([]Case, error) {
	if len(prefixes) == 0 {
		return cases, nil
	}
	var kept []Case
	matched := make([]bool, len(prefixes))
	for _, c := range cases {
		found := false
		for i, p := range prefixes {
			if strings.HasPrefix(c.ID(), p) {
				matched[i], found = true, true
			}
		}
		if found {
			kept = append(kept, c)
		}
	}
	var errs []error
	for i, ok := range matched {
		if !ok {
			errs = append(errs, fmt.Errorf("no case begins with %q", prefixes[i]))
		}
	}
	return kept, errors.Join(errs...)
}
