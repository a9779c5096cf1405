package abuse

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"time"
)

// order is what a parent sends to a child first; the ids of cases follow, a line each.
type order struct {
	Slack        time.Duration `json:"slack"`
	AddressSpace uint64        `json:"address_space"` // 0 for no limit
	Memory       int64         `json:"memory"`        // for Go's garbage collector
}

// answerLine is what a child says: that a case begins, or how it ended.
type answerLine struct {
	Begin    string          `json:"begin,omitempty"`
	End      string          `json:"end,omitempty"`
	Faults   []Fault         `json:"faults,omitempty"`
	Outcomes map[Outcome]int `json:"outcomes,omitempty"`
	Took     time.Duration   `json:"took,omitempty"`
	Peak     uint64          `json:"peak,omitempty"` // memory of the process so far
}

// Serve is the child's side of [Run]: it reads the names of cases from in, runs each against a target of its own, and writes what came of
// it to out. The process should do nothing else: Serve limits its memory, and counts its goroutines.
func Serve(ctx context.Context, in io.Reader, out io.Writer, open Open) error {
	lines := bufio.NewScanner(in)
	var o order
	if !lines.Scan() {
		return fmt.Errorf("abuse: no order was given: %w", io.ErrUnexpectedEOF)
	}
	if err := json.Unmarshal(lines.Bytes(), &o); err != nil {
		return fmt.Errorf("abuse: the order: %w", err)
	}
	if o.AddressSpace > 0 {
		if err := limitAddressSpace(o.AddressSpace); err != nil {
			return fmt.Errorf("abuse: limiting the address space: %w", err)
		}
	}
	if o.Memory > 0 {
		debug.SetMemoryLimit(o.Memory)
	}
	cases := byID()
	warm := trial{open: open, slack: time.Hour, came: map[Outcome]int{}} // what a process starts once is no leak
	idle := Case{Offer: func() *Offer { return &Offer{} }, Steps: func() []Step { return []Step{fetches(missing(0), Error)} }}
	if err := warm.world(ctx, idle); err != nil {
		return fmt.Errorf("abuse: warming up: %w", err)
	}
	w := json.NewEncoder(out)
	for lines.Scan() {
		c, ok := cases[lines.Text()]
		if !ok {
			return fmt.Errorf("abuse: there is no case %q", lines.Text())
		}
		if err := w.Encode(answerLine{Begin: c.ID()}); err != nil {
			return err
		}
		t := trial{open: open, slack: o.Slack, came: map[Outcome]int{}}
		begin := time.Now()
		faults := t.try(ctx, c)
		if err := w.Encode(answerLine{End: c.ID(), Faults: faults, Outcomes: t.came, Took: time.Since(begin), Peak: peakMemory()}); err != nil {
			return err
		}
		runtime.GC() // so that a case is not charged for the garbage of the one before
	}
	return lines.Err()
}

func byID() map[string]Case {
	all := map[string]Case{}
	for _, c := range Cases() {
		all[c.ID()] = c
	}
	return all
}
