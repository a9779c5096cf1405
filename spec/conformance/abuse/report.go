package abuse

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"time"
)

// Verdict is what came of one case.
type Verdict struct {
	ID        string          `json:"case"`
	Class     Class           `json:"class"`
	Tries     string          `json:"tries"`
	Faults    []Fault         `json:"faults,omitempty"`    // none if the host stood the test
	Outcomes  map[Outcome]int `json:"outcomes,omitempty"`  // how often each came, the honest module's included
	Took      time.Duration   `json:"took_ns,omitempty"`   // all of it, from an empty world to a closed host
	Note      string          `json:"note,omitempty"`      // what is worth knowing of a case that passed
	Elsewhere []string        `json:"elsewhere,omitempty"` // tests that try it from inside
}

func verdictOf(c Case) Verdict { return Verdict{ID: c.ID(), Class: c.Class, Tries: c.Tries} }

// Report is what came of a run.
type Report struct {
	Verdicts []Verdict
	Took     time.Duration
	Peak     uint64 // the most memory that any child had, in bytes; 0 where that cannot be known
	Without  string // what could not be held to a limit on this machine, and why; empty if everything was
}

// Failed lists the cases that the host did not stand.
func (r *Report) Failed() []Verdict {
	var failed []Verdict
	for _, v := range r.Verdicts {
		if len(v.Faults) > 0 {
			failed = append(failed, v)
		}
	}
	return failed
}

// Count is a line of the table.
type Count struct {
	Class     Class `json:"class"` // "total" for all together
	Cases     int   `json:"cases"` // that were run
	Passed    int   `json:"passed"`
	Failed    int   `json:"failed"`
	Elsewhere int   `json:"elsewhere"` // not run: tests of the host try them from inside
}

// Counts has a line for each class with cases, and one for all.
func (r *Report) Counts() []Count {
	total := Count{Class: "total"}
	var counts []Count
	for _, class := range Classes() {
		n := Count{Class: class}
		for _, v := range r.Verdicts {
			switch {
			case v.Class != class:
			case len(v.Elsewhere) > 0:
				n.Elsewhere++
			default:
				n.Cases++
				n.Failed += min(len(v.Faults), 1)
			}
		}
		n.Passed = n.Cases - n.Failed
		if n.Cases+n.Elsewhere > 0 {
			counts = append(counts, n)
		}
		total.Cases += n.Cases
		total.Passed += n.Passed
		total.Failed += n.Failed
		total.Elsewhere += n.Elsewhere
	}
	return append(counts, total)
}

// Write writes the report for people: a table by class, then every failure.
func (r *Report) Write(to io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%-12s %6s %7s %7s %10s\n", "class", "cases", "passed", "failed", "elsewhere")
	for _, c := range r.Counts() {
		fmt.Fprintf(&b, "%-12s %6d %7d %7d %10d\n", c.Class, c.Cases, c.Passed, c.Failed, c.Elsewhere)
	}
	fmt.Fprintf(&b, "took %v", r.Took.Round(time.Second/10))
	if r.Peak > 0 {
		fmt.Fprintf(&b, ", at most %d MiB in one process", r.Peak>>20)
	}
	b.WriteByte('\n')
	if r.Without != "" {
		fmt.Fprintf(&b, "without %s\n", r.Without)
	}
	for _, v := range r.Verdicts {
		if v.Note != "" {
			fmt.Fprintf(&b, "note  %s: %s\n", v.ID, v.Note)
		}
		for _, f := range v.Faults {
			fmt.Fprintf(&b, "FAIL  %s (%s): %s\n", v.ID, v.Tries, f.What)
		}
	}
	_, err := io.WriteString(to, b.String())
	return err
}

// addressSpaceLimited reports whether children can be limited: under the race detector a process maps terabytes.
func addressSpaceLimited(cfg Config) bool {
	return cfg.AddressSpace > 0 && runtime.GOOS == "linux" && !raceDetector
}

func without(cfg Config) string {
	switch {
	case addressSpaceLimited(cfg):
		return ""
	case runtime.GOOS != "linux":
		return "limits of memory and descriptors, which are Linux's"
	case raceDetector:
		return "a limit of address space, of which the race detector needs terabytes"
	}
	return "a limit of address space, as asked for"
}
