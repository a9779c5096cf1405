package iprthost_test

import (
	"context"
	"flag"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/iprt/iprt/host/engine"
	"github.com/iprt/iprt/host/engine/wazero"
	"github.com/iprt/iprt/spec/conformance/abuse"
	"github.com/iprt/iprt/spec/conformance/abuse/iprthost"
)

// childOf is the variable that makes this test binary a child of the corpus's runner.
const childOf = "IPRT_ABUSE_CHILD"

func TestMain(m *testing.M) {
	if which := os.Getenv(childOf); which != "" {
		open := iprthost.Open(func() (engine.Engine, error) { return wazero.New(wazero.Config{Interpreter: which == "interpreter"}) })
		if err := abuse.Serve(context.Background(), os.Stdin, os.Stdout, open); err != nil {
			os.Stderr.WriteString(err.Error() + "\n")
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

var only = flag.String("abuse", "", "run only cases that begin with one of these, separated by commas")

// TestCompiled holds the host to a tenth of the corpus, unless $IPRT_ABUSE is "all". CI runs the whole by the command.
func TestCompiled(t *testing.T) {
	cases := abuse.Cases()
	if os.Getenv("IPRT_ABUSE") != "all" {
		t.Log("a sample; all of them: iprt conformance --abuse")
		cases = sampled(cases)
	}
	hold(t, "compiler", cases)
}

// sampled is every tenth case, every hundredth under the race detector, where each takes ten times as long.
func sampled(cases []abuse.Case) (some []abuse.Case) {
	step := 10
	if raceDetector {
		step = 100
	}
	for i := 0; i < len(cases); i += step {
		some = append(some, cases[i])
	}
	return some
}

// TestInterpreted samples it: what does not depend on how code runs was tried above.
func TestInterpreted(t *testing.T) {
	t.Log("a sample; all of them: iprt conformance --abuse --engine wazero-interpreter")
	hold(t, "interpreter", sampled(abuse.Cases()))
}

func hold(t *testing.T, engine string, cases []abuse.Case) {
	if *only != "" {
		var err error
		if cases, err = abuse.Select(cases, strings.Split(*only, ",")...); err != nil {
			t.Fatal(err)
		}
	}
	cfg := abuse.Config{Parallel: 2, Child: func(ctx context.Context) *exec.Cmd {
		cmd := exec.CommandContext(ctx, os.Args[0])
		cmd.Env = append(os.Environ(), childOf+"="+engine)
		return cmd
	}}
	if os.Getenv("CI") != "" {
		cfg.Slack = 300 * time.Millisecond // machines that are shared
	}
	if raceDetector { // which makes everything ten times as slow, and keeps several words for each
		cfg.Slack, cfg.Memory = 5*time.Second, 4<<30
	}
	report, err := abuse.Run(t.Context(), cfg, cases)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := report.Write(&text); err != nil {
		t.Fatal(err)
	}
	t.Logf("%s\n%s", engine, text.String())
	if failed := report.Failed(); len(failed) > 0 {
		t.Errorf("%d cases failed", len(failed))
	}
}
