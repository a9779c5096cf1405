package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"github.com/spf13/cobra"

	"github.com/iprt/iprt/host/node/control"
	"github.com/iprt/iprt/spec/conformance/abuse"
	"github.com/iprt/iprt/spec/conformance/abuse/iprthost"
)

const abuseVerb = "abuse-child"

// conformance is the flags of one `iprt conformance`.
type conformance struct {
	abuse, list bool
	slack       time.Duration
	jobs        int
}

func (a *app) conformanceCmd() *cobra.Command {
	var o conformance
	cmd := &cobra.Command{
		Use:   "conformance --abuse [CASES…]",
		Short: "Hold this host to what it promises",
		Long: `Try on this host what hostile modules, calls and content would: each case runs
against a host of its own, in a child process under limits of memory and time,
and must come out as the corpus says. CASES are beginnings of case names, such
as execution/loop or content/; without any, all are run, which takes a minute
or two. --engine chooses the engine.

The exit status is 1 if a case fails.`,
		Example: "  iprt conformance --abuse\n  iprt conformance --abuse execution/ values/table\n  iprt conformance --abuse --list content/\n  iprt --json conformance --abuse --engine wazero-interpreter",
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, prefixes []string) error {
			if !o.abuse {
				return usagef("add --abuse", "say what to hold the host to; this release knows only --abuse")
			}
			cases, err := abuse.Select(abuse.Cases(), prefixes...)
			if err != nil {
				return usagef("see the names with `iprt conformance --abuse --list`", "%v", err)
			}
			if o.list {
				return a.listCases(cases)
			}
			return a.conform(cmd.Context(), o, cases)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&o.abuse, "abuse", false, "the corpus of abuse cases")
	f.BoolVar(&o.list, "list", false, "list the cases, run none")
	f.DurationVar(&o.slack, "slack", 100*time.Millisecond, "how long after its deadline a step may end")
	f.IntVar(&o.jobs, "jobs", 1, "children at a time; deadlines are met best with 1")
	return cmd
}

func (a *app) listCases(cases []abuse.Case) error {
	for _, c := range cases {
		v := abuse.Verdict{ID: c.ID(), Class: c.Class, Tries: c.Tries, Elsewhere: c.Elsewhere}
		if err := a.printf(v, "%-60s %s\n", v.ID, v.Tries); err != nil {
			return err
		}
	}
	return nil
}

// conform runs cases, and prints each as it ends with --json, and a table at the end without.
func (a *app) conform(ctx context.Context, o conformance, cases []abuse.Case) error {
	done, terminal := 0, !a.flags.json && isTerminal(a.stderr)
	cfg := abuse.Config{
		Child: func(ctx context.Context) *exec.Cmd { return a.abuseChild(ctx) },
		Slack: o.slack, Parallel: o.jobs,
		Progress: func(abuse.Verdict) {
			if done++; terminal {
				_, _ = fmt.Fprintf(a.stderr, "\r%d of %d", done, len(cases))
			}
		},
	}
	if a.flags.engine == wasmtimeEngine {
		cfg.AddressSpace = -1 // it reserves gigabytes for each memory
	}
	report, err := abuse.Run(ctx, cfg, cases)
	if terminal {
		_, _ = fmt.Fprint(a.stderr, "\r\x1b[K")
	}
	if err != nil {
		return err
	}
	if a.flags.json {
		err = writeReport(a.stdout, report)
	} else {
		err = report.Write(a.stdout)
	}
	if err != nil {
		return writeFailed(err)
	}
	if n := len(report.Failed()); n > 0 {
		return control.Errorf(control.Failed, "not-conformant", "each failure is named above; run one alone by its name",
			"%s of %d failed", plural(n, "case", "cases"), len(cases))
	}
	return nil
}

// writeReport writes a line for each case, then one for each class and one for all.
func writeReport(to io.Writer, r *abuse.Report) error {
	out := json.NewEncoder(to)
	for _, v := range r.Verdicts {
		if err := out.Encode(v); err != nil {
			return err
		}
	}
	for _, c := range r.Counts() {
		if err := out.Encode(c); err != nil {
			return err
		}
	}
	return nil
}

// abuseChild is this program as a child of the corpus's runner.
func (a *app) abuseChild(ctx context.Context) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		self = os.Args[0]
	}
	cmd := exec.CommandContext(ctx, self, abuseVerb, a.flags.engine)
	cmd.Args[0] = os.Args[0] // programs that are several things look at it
	return cmd
}

// abuseCmd is what children run. It is not for people.
func (a *app) abuseCmd() *cobra.Command {
	return &cobra.Command{
		Use:               abuseVerb + " ENGINE",
		Hidden:            true,
		Args:              wants(cobra.ExactArgs(1), "one ENGINE"),
		PersistentPreRunE: func(_ *cobra.Command, args []string) error { return checkEngine(args[0]) },
		RunE: func(cmd *cobra.Command, args []string) error {
			return abuse.Serve(cmd.Context(), a.stdin, a.stdout, iprthost.Open(engines()[args[0]]))
		},
	}
}
