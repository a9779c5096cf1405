package abuse

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
	"unicode"
)

// MaxLog is the most that one step may add to the log, in bytes.
const MaxLog = 1 << 20

// Open makes a target in a world. ctx bounds the opening.
type Open func(ctx context.Context, s Setup) (Target, error)

// trial is one run of one case in this process.
type trial struct {
	open   Open
	slack  time.Duration
	setup  Setup
	target Target

	asked  atomic.Int64 // requests that the gateway got
	mu     sync.Mutex
	faults []Fault
	came   map[Outcome]int
}

// Fault is one way in which a host did not stand the test.
type Fault struct {
	What string `json:"what"`
	// Late tells lateness, which a machine that is busy with other things can cause, from all that cannot be excused.
	Late bool `json:"late,omitempty"`
}

func (t *trial) fault(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.faults) < 10 {
		t.faults = append(t.faults, Fault{What: fmt.Sprintf(format, args...)})
	}
}

// try runs a case from an empty world to the end of its host, and returns what was wrong.
func (t *trial) try(ctx context.Context, c Case) []Fault {
	before := held()
	if err := t.world(ctx, c); err != nil {
		t.fault("the corpus itself failed: %v", err)
	}
	if after := settled(before); after != before {
		t.fault("left behind: %s, before it: %s", after, before)
	}
	return t.faults
}

// world sets up what is around the host, and takes it down.
func (t *trial) world(ctx context.Context, c Case) (err error) {
	dir, err := os.MkdirTemp("", "abuse-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if c.Disk {
		t.setup.Dir = filepath.Join(dir, "data")
		if err := os.Mkdir(t.setup.Dir, 0o700); err != nil {
			return err
		}
	}
	offer := &Offer{}
	if c.Offer != nil {
		offer = c.Offer()
		gateway, end, err := t.serve(offer)
		if err != nil {
			return err
		}
		defer end()
		t.setup.Gateways = []string{gateway}
	}
	for i, car := range offer.Files {
		path := filepath.Join(dir, fmt.Sprintf("%d.car", i))
		if err := os.WriteFile(path, car, 0o600); err != nil {
			return err
		}
		t.setup.CARs = append(t.setup.CARs, path)
	}
	t.host(ctx, c)
	if most := max(offer.Most, 0); offer.Most != 0 && t.asked.Load() > most {
		t.fault("the gateway was asked %d times, at most %d were due", t.asked.Load(), most)
	}
	return nil
}

// serve runs the gateway on the loopback interface.
func (t *trial) serve(o *Offer) (url string, end func(), err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	server := &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		t.asked.Add(1)
		o.ServeHTTP(rw, r)
	})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(l) // until it is closed
	}()
	return "http://" + l.Addr().String(), func() { _ = server.Close(); <-done }, nil
}

// host opens the host, runs the steps, sees that it still does honest work, and closes it.
func (t *trial) host(ctx context.Context, c Case) {
	var err error
	if t.target, err = t.open(ctx, t.setup); err != nil {
		t.fault("the host does not open: %v", err)
		return
	}
	defer t.close(ctx)
	t.do(ctx, honestLoad())
	for i, s := range c.Steps() {
		if ctx.Err() != nil {
			return
		}
		t.step(ctx, i, s)
	}
	if t.target != nil {
		t.do(ctx, honestCall())
	}
}

func (t *trial) close(ctx context.Context) {
	if t.target == nil {
		return
	}
	begin := time.Now()
	for range 2 { // twice must be fine
		if err := t.target.Close(ctx); err != nil {
			t.fault("closing the host: %v", err)
		}
	}
	if took := time.Since(begin); took > Usual {
		t.fault("closing the host took %v", took)
	}
}

// step does one step; those of the corpus's own are done here, the rest by the target.
func (t *trial) step(ctx context.Context, i int, s Step) {
	switch do := s.Do.(type) {
	case Together:
		var wg sync.WaitGroup
		for _, s := range do.Steps {
			wg.Go(func() { t.step(ctx, i, s) })
		}
		wg.Wait()
	case Starve:
		restore, err := starve(do.Leave)
		if err != nil {
			t.fault("step %d: cannot take descriptors away: %v", i, err)
			return
		}
		for _, s := range do.Steps {
			t.step(ctx, i, s)
		}
		restore()
	case Damage:
		if err := damage(t.setup.Dir, do.How); err != nil {
			t.fault("step %d: cannot damage files: %v", i, err)
		}
	case Reopen:
		t.reopen(ctx, s)
	default:
		t.do(ctx, s)
	}
}

// reopen closes the target and opens another on what it left. One that says that it cannot open is well-behaved too; then there is
// nothing more to be done with it.
func (t *trial) reopen(ctx context.Context, s Step) {
	t.close(ctx)
	target, err := t.open(ctx, t.setup)
	if err != nil && !Error.among(s.Want) {
		t.fault("the host does not open again: %v", err)
	}
	t.target = target
	if err != nil {
		t.target = nil
		return
	}
	t.do(ctx, honestLoad())
}

// do has the target do a step as often as it says, and judges what came.
func (t *trial) do(ctx context.Context, s Step) {
	for n := range max(s.Times, 1) {
		if t.target == nil || ctx.Err() != nil {
			return
		}
		r, late := t.request(ctx, s)
		at := fmt.Sprintf("%T", s.Do)
		if s.Times > 1 {
			at += fmt.Sprintf(" %d of %d", n+1, s.Times)
		}
		switch {
		case !r.Outcome.among(s.Want):
			t.fault("%s came out as %s, want %v: %.500q", at, r.Outcome, s.Want, r.Text)
		case r.Outcome == OK && s.Check != nil:
			if err := s.Check(r); err != nil {
				t.fault("%s: %v", at, err)
			}
		}
		if bad := unprintable(r.Text); bad != 0 {
			t.fault("%s: the error text has the character %U: %.200q", at, bad, r.Text)
		}
		if bad := unprintable(r.Log); bad != 0 {
			t.fault("%s: the log has the character %U", at, bad)
		}
		if len(r.Log) > MaxLog {
			t.fault("%s: %d bytes were logged", at, len(r.Log))
		}
		if late > t.slack {
			t.mu.Lock()
			t.faults = append(t.faults, Fault{What: fmt.Sprintf("%s ended %v after its deadline of %v", at, late.Round(time.Millisecond), s.within()), Late: true})
			t.mu.Unlock()
			return // once is enough
		}
		t.mu.Lock()
		t.came[r.Outcome]++
		t.mu.Unlock()
	}
}

// request passes a step on to the target. late is how long after its deadline it ended.
func (t *trial) request(ctx context.Context, s Step) (r Result, late time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, s.within())
	defer cancel()
	begin := time.Now()
	switch do := s.Do.(type) {
	case Load:
		r = t.target.Load(ctx, do)
	case Unload:
		r = t.target.Unload(ctx, do)
	case Call:
		r = t.target.Call(ctx, do)
	case Decode:
		r = t.target.Decode(ctx, do)
	case Fetch:
		r = t.target.Fetch(ctx, do)
	case Resolve:
		r = t.target.Resolve(ctx, do)
	default:
		r = Result{Outcome: Untyped, Text: fmt.Sprintf("the corpus has a step of type %T", do)}
	}
	return r, time.Since(begin) - s.within()
}

// unprintable finds a character that text for terminals and logs must not have.
func unprintable(s string) rune {
	for _, r := range s {
		if r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029') {
			return r
		}
	}
	return 0
}

// damage changes all files below a directory.
func damage(dir string, how func([]byte) []byte) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(path, how(b), 0o600)
	})
}
