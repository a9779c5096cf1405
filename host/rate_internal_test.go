package host

import (
	"testing"
	"time"
)

func TestRate(t *testing.T) {
	const s = int64(time.Second)
	r := newRate(100, 1000, 0)
	for _, step := range []struct {
		at, spend int64
		wait      time.Duration
	}{
		{0, 400, 0},
		{0, 600, 0},
		{0, 1, 10 * time.Millisecond}, // nothing left: one unit takes 10 ms
		{s, 300, 0},                   // 100 came back; spending goes into debt
		{2 * s, 1, time.Second + 10*time.Millisecond},
		{3*s + s/100, 1, 0},
		{1000 * s, 1000, 0}, // never more than 1,000 saved up
		{1000 * s, 1, 10 * time.Millisecond},
		{999 * s, 1, 10 * time.Millisecond}, // a clock that goes back gives nothing
	} {
		if got := r.spend(step.spend, step.at); got != step.wait {
			t.Errorf("spending %d at %v: wait %v, want %v", step.spend, time.Duration(step.at), got, step.wait)
		}
	}
}

// TestRateSlowly: a rate that is asked often does not lose what comes in
// between by rounding.
func TestRateSlowly(t *testing.T) {
	r := newRate(3, 3, 0)
	r.settle(3)
	for now := int64(0); now <= int64(time.Second); now += 1000 {
		r.refill(now)
	}
	if r.level < 2 || r.level > 3 {
		t.Errorf("level is %d after a second of 3", r.level)
	}
}

func TestRateSettle(t *testing.T) {
	r := newRate(10, 100, 0)
	r.settle(500)
	if got := r.spend(1, 0); got != 40*time.Second+100*time.Millisecond {
		t.Errorf("wait %v", got)
	}
	r.settle(-1_000_000)
	if r.level != 100 {
		t.Errorf("level is %d", r.level)
	}
	var none *rate
	none.settle(1 << 60)
	if none.spend(1<<60, 0) != 0 || newRate(0, 5, 0) != nil {
		t.Error("no bound bounds")
	}
}
