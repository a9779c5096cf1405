package hostcall

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/iprt/iprt/abi"
)

func TestLogRate(t *testing.T) {
	clock := time.Unix(0, 0)
	r := NewLogRate(2, 100)
	r.now, r.at = func() time.Time { return clock }, clock
	admitted := func(times, bytes int) (n, missed int) {
		for range times {
			ok, m := r.admit(bytes)
			if missed += m; ok {
				n++
			}
		}
		return n, missed
	}
	for _, step := range []struct {
		pass         time.Duration
		times, bytes int
		want, missed int
	}{
		{0, 100, 1, 20, 0},               // ten seconds' worth
		{0, 10, 1, 0, 0},                 //
		{time.Second, 10, 1, 2, 90},      // says how many are missing, once
		{time.Hour, 100, 500, 2, 8},      // never more than 1,000 bytes saved up
		{-time.Hour, 10, 1, 0, 0},        // a clock that goes back gives nothing
		{2 * time.Hour, 100, 1, 20, 108}, //
		{500 * time.Millisecond, 9, 9, 1, 80},
	} {
		clock = clock.Add(step.pass)
		if n, missed := admitted(step.times, step.bytes); n != step.want || missed != step.missed {
			t.Errorf("%+v: admitted %d, missed %d", step, n, missed)
		}
	}
}

// TestLogRateIsShared: instances share the bound, the guest does not notice, and the log
// says what is missing.
func TestLogRateIsShared(t *testing.T) {
	var log strings.Builder
	clock := time.Now()
	r := NewLogRate(1, 1<<20)
	r.now, r.at = func() time.Time { return clock }, clock
	for i := range 40 {
		s := New(Options{Log: slog.New(slog.NewTextHandler(&log, nil)), LogRate: r})
		if !s.write(t.Context(), slog.LevelInfo, "", fmt.Appendf(nil, "entry-%d", i)) {
			t.Fatalf("entry %d: the guest is told", i)
		}
	}
	if n := strings.Count(log.String(), "entry-"); n != savedSeconds {
		t.Errorf("%d entries, want %d", n, savedSeconds)
	}
	clock = clock.Add(time.Second)
	New(Options{Log: slog.New(slog.NewTextHandler(&log, nil)), LogRate: r}).write(t.Context(), slog.LevelInfo, "", []byte("last"))
	if !strings.Contains(log.String(), "entries=30") || !strings.Contains(log.String(), "msg=last") {
		t.Errorf("log ends %q", log.String()[max(0, log.Len()-300):])
	}
}

// TestNothingWaits: no function of this release waits, and the table says so for each.
func TestNothingWaits(t *testing.T) {
	for _, c := range abi.Calls {
		if Waits(c.Interface, c.Name) {
			t.Errorf("%s %s waits", c.Interface, c.Name)
		}
	}
	if Waits("iprt:none/v1", "x") {
		t.Error("a function that is not there waits")
	}
}
