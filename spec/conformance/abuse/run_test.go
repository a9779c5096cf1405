package abuse_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/iprt/iprt/spec/conformance/abuse"
)

// childOf makes this test binary a child whose host misbehaves in a way that the variable names.
const childOf = "IPRT_ABUSE_FAKE"

func TestMain(m *testing.M) {
	how := os.Getenv(childOf)
	if how == "" {
		os.Exit(m.Run())
	}
	f := &fake{how: how}
	open := func(_ context.Context, s abuse.Setup) (abuse.Target, error) {
		f.opened++
		return f, nil
	}
	if err := abuse.Serve(context.Background(), os.Stdin, os.Stdout, open); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// fake is a host that takes everything, answers as the honest module does, and has one fault.
type fake struct {
	how    string
	opened int
	hoard  []byte
}

var started = abuse.Result{Outcome: abuse.OK}

func (f *fake) Load(ctx context.Context, r abuse.Load) abuse.Result {
	if r.Place == "honest" {
		return started
	}
	switch f.how {
	case "panics":
		panic("a fault of the host")
	case "exits":
		os.Exit(0)
	case "babbles":
		fmt.Println("who are you?")
	case "hangs":
		select {}
	case "leaks a goroutine":
		go func() { select {} }()
	case "leaks a descriptor":
		_, _ = os.Open(os.DevNull)
	case "is late":
		<-ctx.Done()
		time.Sleep(500 * time.Millisecond)
		return abuse.Result{Outcome: abuse.Limit.Of("time")}
	case "is on time":
		<-ctx.Done()
		return abuse.Result{Outcome: abuse.Limit.Of("time")}
	case "is greedy":
		f.hoard = make([]byte, 300<<20)
		for i := 0; i < len(f.hoard); i += 4096 {
			f.hoard[i] = 1
		}
	case "needs more than there is":
		f.hoard = make([]byte, 8<<30)
	case "shows escapes":
		return abuse.Result{Outcome: abuse.OK, Text: "\x1b[2J"}
	case "logs escapes":
		return abuse.Result{Outcome: abuse.OK, Log: "a\x07"}
	case "logs without end":
		return abuse.Result{Outcome: abuse.OK, Log: strings.Repeat("x", 2<<20)}
	case "is untyped":
		return abuse.Result{Outcome: abuse.Untyped}
	case "wears out":
		if f.opened > 3 { // the first is to warm up
			return abuse.Result{Outcome: abuse.Trap}
		}
	}
	return started
}

func (f *fake) Call(_ context.Context, r abuse.Call) abuse.Result {
	out := make([]byte, 48)
	out[32], out[36] = 7, byte(len(r.Input))
	if f.how == "mixes callers up" {
		out[36]++
	}
	return abuse.Result{Outcome: abuse.OK, Output: out}
}

func (f *fake) Unload(context.Context, abuse.Unload) abuse.Result   { return started }
func (f *fake) Decode(context.Context, abuse.Decode) abuse.Result   { return started }
func (f *fake) Resolve(context.Context, abuse.Resolve) abuse.Result { return started }
func (f *fake) Fetch(context.Context, abuse.Fetch) abuse.Result {
	return abuse.Result{Outcome: abuse.Error.Of("not-found")}
}

func (f *fake) Close(context.Context) error {
	f.hoard = nil
	if f.how == "does not close" {
		return fmt.Errorf("no")
	}
	return nil
}

// run holds a fake to cases.
func run(t *testing.T, how string, ids ...string) *abuse.Report {
	t.Helper()
	cases, err := abuse.Select(abuse.Cases(), ids...)
	if err != nil {
		t.Fatal(err)
	}
	grace := time.Minute
	if how == "hangs" {
		grace = 8 * time.Second
	}
	r, err := abuse.Run(t.Context(), abuse.Config{
		Grace: grace, Memory: 256 << 20,
		Child: func(ctx context.Context) *exec.Cmd {
			cmd := exec.CommandContext(ctx, os.Args[0])
			cmd.Env = append(os.Environ(), childOf+"="+how)
			return cmd
		},
	}, cases)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestFaultsAreFound: whatever a host does wrong, the case says so, and the others go on.
func TestFaultsAreFound(t *testing.T) {
	const good, loop = "static/whole", "execution/loop/empty-in-_initialize"
	for _, c := range []struct{ how, id, what string }{
		{"panics", good, "its child died: exit status 2\npanic: a fault of the host"},
		{"exits", good, "its child died: it ended early"},
		{"babbles", good, `it printed "who are you?"`},
		{"hangs", good, "and was killed"},
		{"leaks a goroutine", good, "left behind"},
		{"leaks a descriptor", good, "left behind"},
		{"is late", loop, "after its deadline of 250ms"},
		{"is on time", loop, ""},
		{"is greedy", good, "MiB, the limit is 256"},
		{"needs more than there is", good, "its child died: exit status 2"},
		{"shows escapes", good, "the error text has the character U+001B"},
		{"logs escapes", good, "the log has the character U+0007"},
		{"logs without end", good, "2097152 bytes were logged"},
		{"is untyped", good, "came out as UNTYPED, want [OK]"},
		{"mixes callers up", good, "the honest module answered with 48 other bytes"},
		{"does not close", good, "closing the host: no"},
		{"takes everything", "static/file/empty", "came out as OK, want [REJECT]"},
		{"takes everything", good, ""},
	} {
		t.Run(c.how+" "+c.id, func(t *testing.T) {
			if runtime.GOOS != "linux" && (c.how == "leaks a descriptor" || c.how == "is greedy") || c.how == "needs more than there is" && (raceDetector || runtime.GOOS != "linux") {
				t.Skip("this cannot be measured here: see Report.Without")
			}
			r := run(t, c.how, c.id, "lifecycle/two-goroutines")
			v := r.Verdicts[0]
			var said []string
			for _, f := range v.Faults {
				said = append(said, f.What)
			}
			if text := strings.Join(said, "; "); c.what == "" && len(said) > 0 || !strings.Contains(text, c.what) {
				t.Errorf("said %q, want %q", text, c.what)
			}
			if n := len(r.Failed()); n != min(len(said), 1) || v.ID != c.id && r.Verdicts[1].ID != c.id {
				t.Errorf("%d failed: %+v", n, r.Verdicts)
			}
		})
	}
}

// TestOthersGoOn: a host that dies in one case is held to the others all the same.
func TestOthersGoOn(t *testing.T) {
	r := run(t, "panics", "static/whole", "content/cid-text")
	for _, v := range r.Verdicts {
		if died := v.ID == "static/whole"; (len(v.Faults) > 0 && strings.Contains(v.Faults[0].What, "died")) != died || !died && v.Outcomes == nil {
			t.Errorf("%s: %+v", v.ID, v)
		}
	}
}

// TestOnlyAmongOthers: what fails in company and not alone fails.
func TestOnlyAmongOthers(t *testing.T) {
	r := run(t, "wears out", "static/whole", "static/manifest/good", "static/memory/most-pages-as-maximum", "static/opcode/odd-")
	failed := r.Failed()
	if len(failed) < 1 || !strings.Contains(failed[len(failed)-1].Faults[0].What, "among others, and not alone") {
		t.Errorf("%+v", failed)
	}
}

func TestReport(t *testing.T) {
	r := run(t, "takes everything", "static/file/e", "static/whole", "lifecycle/two-goroutines")
	var text strings.Builder
	if err := r.Write(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"class         cases  passed  failed  elsewhere\n", "lifecycle         0       0       0          1\n", "FAIL  static/file/empty (bytes that are not a module): abuse.Load came out as OK"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the table lacks %q:\n%s", want, text.String())
		}
	}
	counts := r.Counts()
	total := counts[len(counts)-1]
	if total.Class != "total" || total.Cases != len(r.Verdicts)-1 || total.Passed != 1 || total.Failed != total.Cases-1 || total.Elsewhere != 1 {
		t.Errorf("%+v", total)
	}
	if b, err := json.Marshal(r.Verdicts[0]); err != nil || !strings.HasPrefix(string(b), `{"case":"static/file/empty","class":"static"`) {
		t.Errorf("%s, %v", b, err)
	}
}

// TestNoChild: a program that cannot be started is an error and no verdict.
func TestNoChild(t *testing.T) {
	cases, err := abuse.Select(abuse.Cases(), "static/file/")
	if err != nil {
		t.Fatal(err)
	}
	cfg := abuse.Config{Child: func(ctx context.Context) *exec.Cmd { return exec.CommandContext(ctx, "/nowhere/iprt") }}
	if _, err := abuse.Run(t.Context(), cfg, cases); err == nil || !strings.Contains(err.Error(), "cannot start a child") {
		t.Errorf("got %v", err)
	}
}
