package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	golog "github.com/ipfs/go-log/v2"
	"github.com/libp2p/go-libp2p/gologshim"
	"github.com/spf13/cobra"

	"github.com/iprt/iprt/host/node"
	"github.com/iprt/iprt/host/node/control"
)

// app is one invocation: its flags and where it reads and writes.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	log            *slog.Logger
	flags          globals
	own            bool          // the node is in this process
	jsonErrors     bool          // also of a command line that does not parse
	helpErr        error         // help was asked for on what does not exist
	drain          time.Duration // see drainTime
}

// globals are the flags that every command has.
type globals struct {
	json     bool
	dir      string
	offline  bool
	peers    []string
	gateways []string
	from     []string
	routing  string
	listen   []string
	engine   string
	logLevel string
	logJSON  bool
	builtin  bool // false with --no-builtin
}

// errInterrupted is the cause of a context that a signal ended.
var errInterrupted = errors.New("interrupted by a signal")

// run executes one command line and returns its exit status.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	a := &app{stdin: stdin, stdout: stdout, stderr: stderr, log: slog.New(slog.DiscardHandler), drain: drainTime}
	a.jsonErrors = wantsJSON(args)
	ctx, stop := interruptible(a.stoppedAtOnce)
	defer stop()
	root := newRoot(a)
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		err = a.helpErr
	}
	if err == nil {
		return 0
	}
	if errors.Is(context.Cause(ctx), errInterrupted) && node.Explain(err).Slug == "interrupted" {
		err = control.Errorf(control.Failed, "interrupted", "run the command again; what has arrived is kept", "%w", errInterrupted)
	}
	return a.fail(err)
}

// wantsJSON looks for --json in a command line that may not parse.
func wantsJSON(args []string) bool {
	if end := slices.Index(args, "--"); end >= 0 {
		args = args[:end]
	}
	return slices.Contains(args, "--json") || slices.Contains(args, "--json=true")
}

// stoppedAtOnce is the last word before the process ends.
func (a *app) stoppedAtOnce() {
	a.fail(control.Errorf(control.Failed, "interrupted", "start it again; what was acknowledged is kept", "stopped at once by a second signal"))
}

// sameSignal is how long after the first signal another one means the same: timeout
// and others send one to the process and then to its group, which it is in.
const sameSignal = 500 * time.Millisecond

// interruptible returns a context that the first SIGINT, SIGTERM or SIGHUP ends. The
// second one ends the process at once, after a call of last, unless it comes right
// after the first.
func interruptible(last func()) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	done := make(chan struct{})
	go func() {
		var first time.Time
		for {
			select {
			case <-signals:
			case <-done:
				return
			}
			switch {
			case first.IsZero():
				first = time.Now()
				cancel(errInterrupted)
			case time.Since(first) > sameSignal:
				last()
				os.Exit(1)
			}
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(done)
		cancel(nil)
	}
}

// before runs ahead of every command: it checks the global flags.
func (a *app) before(cmd *cobra.Command, _ []string) error {
	if a.flags.dir == "" && cmd.Flags().Changed("data-dir") { // a script with an unset variable
		return usagef("name a directory, or leave --data-dir out for the usual one", "--data-dir is empty")
	}
	if a.flags.dir == "" {
		a.flags.dir = os.Getenv("IPRT_DIR")
	}
	if a.flags.dir == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return usagef("say where, with --data-dir or IPRT_DIR", "there is no home directory to keep data in: %v", err)
		}
		a.flags.dir = filepath.Join(home, ".iprt")
	}
	if a.flags.routing != "none" {
		return usagef("leave it out, and name peers with --peer or gateways with --gateway",
			"--routing %q: this release looks nothing up; only none is accepted", a.flags.routing)
	}
	if err := checkEngine(a.flags.engine); err != nil {
		return err
	}
	if a.flags.offline && len(a.flags.peers)+len(a.flags.gateways) > 0 {
		return usagef("drop one of them", "--offline contradicts --peer and --gateway")
	}
	return a.setUpLog()
}

func (a *app) setUpLog() error {
	var level slog.Level
	if err := level.UnmarshalText([]byte(a.flags.logLevel)); err != nil {
		return usagef("take one of debug, info, warn, error", "--log-level %q is not a level", a.flags.logLevel)
	}
	opts := &slog.HandlerOptions{Level: level}
	if a.flags.logJSON || a.flags.json {
		a.log = slog.New(slog.NewJSONHandler(a.stderr, opts))
	} else {
		a.log = slog.New(slog.NewTextHandler(a.stderr, opts))
	}
	quietLibraries(a.log, level)
	return nil
}

// quietLibraries keeps what libp2p and boxo log away from the terminal: an
// error of theirs is seldom one of ours, and where it is, we say it ourselves.
// They are heard at level debug, or as GOLOG_LOG_LEVEL says.
func quietLibraries(log *slog.Logger, level slog.Level) {
	switch {
	case os.Getenv("GOLOG_LOG_LEVEL") != "":
	case level <= slog.LevelDebug:
		gologshim.SetDefaultHandler(log.Handler())
	default:
		gologshim.SetDefaultHandler(slog.DiscardHandler)
		golog.SetAllLoggers(golog.LevelFatal)
	}
}

// reach is how far this invocation may go for blocks. A node of its own was
// opened with that already.
func (a *app) reach() control.Reach {
	if a.own {
		return control.Reach{}
	}
	return control.Reach{Offline: a.flags.offline, Peers: a.flags.peers, Gateways: a.flags.gateways}
}
