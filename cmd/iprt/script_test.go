package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"iprt":          main,
		"slowgateway":   slowGateway,
		"garbagesocket": garbageSocket,
		"httpget":       httpGet,
	})
}

func TestScript(t *testing.T) {
	scripts, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil || len(scripts) < 10 {
		t.Fatalf("found %d scripts, %v", len(scripts), err)
	}
	testscript.Run(t, testscript.Params{
		Files:               scripts,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               setUp,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"fails":   cmdFails,
			"start":   cmdStart,
			"term":    cmdTerm,
			"let":     cmdLet,
			"await":   cmdAwait,
			"field":   cmdField,
			"chomp":   cmdChomp,
			"edit":    cmdEdit,
			"toobig":  cmdTooBig,
			"bigfile": cmdBigFile,
			"say":     cmdSay,
			"show":    cmdShow,
		},
		Condition: func(cond string) (bool, error) {
			return cond == "root" && os.Geteuid() == 0, nil
		},
	})
}

// setUp gives each script a home of its own and the test modules.
func setUp(e *testscript.Env) error {
	e.Setenv("HOME", e.WorkDir)
	e.Setenv("IPRT_DIR", filepath.Join(e.WorkDir, "data"))
	e.Values[running{}] = map[string]*background{}
	e.Defer(func() {
		for _, b := range e.Values[running{}].(map[string]*background) {
			_ = b.cmd.Process.Kill()
			_ = b.cmd.Wait()
		}
	})
	return writeModules(e.WorkDir)
}

// cmdFails runs iprt and holds what it says to the rules for errors:
//
//	fails STATUS CODE args…
func cmdFails(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: fails STATUS CODE args…")
	}
	want, code := args[0], args[1]
	human := runIprt(ts, args[2:])
	checkNoTrace(ts, human.stderr)
	if got := strconv.Itoa(human.status); got != want {
		ts.Fatalf("exit status %s, want %s\n%s", got, want, human.stderr)
	}
	lines := strings.Split(strings.TrimSuffix(human.stderr, "\n"), "\n")
	lines = withoutLog(lines)
	if len(lines) != 2 || !strings.HasPrefix(lines[0], "iprt: error: ") || !strings.HasPrefix(lines[1], "iprt: hint: ") ||
		len(lines[1]) < len("iprt: hint: ")+8 {
		ts.Fatalf("not an error and a hint:\n%s", human.stderr)
	}
	_, _ = io.WriteString(ts.Stderr(), human.stderr) // for the script's own checks

	machine := runIprt(ts, append([]string{"--json"}, args[2:]...))
	lines = strings.Split(strings.TrimSpace(machine.stderr), "\n")
	for len(lines) > 1 && strings.HasPrefix(lines[0], `{"time":`) && json.Valid([]byte(lines[0])) {
		lines = lines[1:]
	}
	var v struct {
		Error struct {
			Code    string
			Message string
			Exit    int
		}
	}
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &v); err != nil || len(lines) != 1 {
		ts.Fatalf("with --json, not one JSON object: %v\n%s", err, machine.stderr)
	}
	if v.Error.Code != code || v.Error.Exit != machine.status || machine.status != human.status || v.Error.Message == "" {
		ts.Fatalf("with --json, want code %s and status %s:\n%s", code, want, machine.stderr)
	}
}

// withoutLog drops log lines, which may come before an error.
func withoutLog(lines []string) []string {
	var out []string
	for _, l := range lines {
		if !strings.HasPrefix(l, "time=") {
			out = append(out, l)
		}
	}
	return out
}

func checkNoTrace(ts *testscript.TestScript, text string) {
	for _, bad := range []string{"goroutine ", "panic:", "runtime error", ".go:", "%!"} {
		if strings.Contains(text, bad) {
			ts.Fatalf("the error shows the inside of the program (%q):\n%s", bad, text)
		}
	}
	if strings.ContainsAny(text, "\x1b\r\x07") {
		ts.Fatalf("control characters reach the terminal: %q", text)
	}
}

type outcome struct {
	stdout, stderr string
	status         int
}

func runIprt(ts *testscript.TestScript, args []string) outcome {
	cmd := command(ts, "iprt", args)
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	exit, ok := errors.AsType[*exec.ExitError](err)
	if err != nil && !ok {
		ts.Fatalf("cannot run iprt: %v", err)
	}
	if ok && !exit.Exited() {
		ts.Fatalf("iprt was ended by a signal: %v\n%s", exit, stderr.String())
	}
	return outcome{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

func command(ts *testscript.TestScript, name string, args []string) *exec.Cmd {
	path, err := exec.LookPath(name)
	ts.Check(err)
	cmd := exec.Command(path, args...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = append(os.Environ(), "HOME="+ts.Getenv("HOME"), "IPRT_DIR="+ts.Getenv("IPRT_DIR"), "PWD="+cmd.Dir)
	return cmd
}

type running struct{}

// background is a process that a script started.
type background struct {
	cmd    *exec.Cmd
	lines  chan string // of standard output; closed at its end
	stderr lockedText
	output []string
}

// lockedText collects what a process prints while others look at it.
type lockedText struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lockedText) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// waitFor waits until a process has printed something, for at most 30 seconds.
func waitFor(ts *testscript.TestScript, l *lockedText, what string) {
	for begun := time.Now(); !strings.Contains(l.String(), what); time.Sleep(10 * time.Millisecond) {
		if time.Since(begun) > 30*time.Second {
			ts.Fatalf("nothing says %q:\n%s", what, l.String())
		}
	}
}

// cmdStart runs a program in the background until it says "ready". What it
// prints before becomes variables: the last word of a line that begins with
// KEY is NAME_KEY.
//
//	start NAME PROGRAM args…
func cmdStart(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: start NAME PROGRAM args…")
	}
	b := &background{cmd: command(ts, args[1], args[2:]), lines: make(chan string, 1024)}
	b.cmd.Stderr = &b.stderr
	out, err := b.cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(b.cmd.Start())
	ts.Value(running{}).(map[string]*background)[args[0]] = b
	go b.read(out)
	timeout := time.After(30 * time.Second)
	for {
		select {
		case line, ok := <-b.lines:
			if !ok {
				_ = b.cmd.Wait()
				ts.Fatalf("%s ended before it was ready: %s\n%s", args[0], strings.Join(b.output, "\n"), b.stderr.String())
			}
			b.output = append(b.output, line)
			ts.Logf("%s: %s", args[0], line)
			if words := strings.Fields(line); len(words) > 1 {
				ts.Setenv(args[0]+"_"+words[0], words[len(words)-1])
			}
			if line == "ready" {
				return
			}
		case <-timeout:
			ts.Fatalf("%s is not ready after 30 s", args[0])
		}
	}
}

func (b *background) read(r io.Reader) {
	defer close(b.lines)
	for s := bufio.NewScanner(r); s.Scan(); {
		b.lines <- s.Text()
	}
}

// cmdTerm sends SIGTERM to what start started, and expects exit status 0 soon
// after. With -kill it sends SIGKILL and expects nothing; with -twice it sends
// the signal again later, and expects status 1 at once; with -doubled it sends it
// twice right away, as timeout does, and expects the same as with one.
//
//	term [-kill|-twice|-doubled] NAME
func cmdTerm(ts *testscript.TestScript, neg bool, args []string) {
	how := ""
	if len(args) == 2 {
		how, args = args[0], args[1:]
	}
	if neg || len(args) != 1 {
		ts.Fatalf("usage: term [-kill|-twice|-doubled] NAME")
	}
	all := ts.Value(running{}).(map[string]*background)
	b := all[args[0]]
	if b == nil {
		ts.Fatalf("%s was not started", args[0])
	}
	delete(all, args[0])
	if how == "-kill" {
		ts.Check(b.cmd.Process.Kill())
		_ = b.cmd.Wait()
		return
	}
	begun := time.Now()
	ts.Check(b.cmd.Process.Signal(syscall.SIGTERM))
	switch how {
	case "-twice": // until it has an effect, as people do
		waitFor(ts, &b.stderr, "stopping")
		ended := make(chan struct{})
		defer close(ended)
		go func() {
			for {
				select {
				case <-ended:
					return
				case <-time.After(50 * time.Millisecond):
					_ = b.cmd.Process.Signal(syscall.SIGTERM) // it may be gone by now
				}
			}
		}()
	case "-doubled":
		ts.Check(b.cmd.Process.Signal(syscall.SIGTERM))
	}
	for range b.lines { // until the pipe is closed, as Wait wants it
	}
	err := b.cmd.Wait()
	if how == "-twice" && b.cmd.ProcessState.ExitCode() == 1 {
		err = nil
	}
	if err != nil {
		ts.Fatalf("%s: %v\n%s", args[0], err, b.stderr.String())
	}
	if took := time.Since(begun); took > 8*time.Second {
		ts.Fatalf("%s took %s to stop", args[0], took)
	}
	checkNoTrace(ts, b.stderr.String())
}

// cmdLet runs iprt, which must succeed, and puts what it prints into a
// variable.
//
//	let NAME args…
func cmdLet(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: let NAME args…")
	}
	o := runIprt(ts, args[1:])
	if o.status != 0 {
		ts.Fatalf("exit status %d\n%s", o.status, o.stderr)
	}
	ts.Setenv(args[0], strings.TrimSpace(o.stdout))
	ts.Logf("%s = %s", args[0], strings.TrimSpace(o.stdout))
}

// cmdAwait waits for a line of a background program, for at most 30 seconds.
//
//	await NAME REGEXP
func cmdAwait(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: await NAME REGEXP")
	}
	re, err := regexp.Compile(args[1])
	ts.Check(err)
	b := ts.Value(running{}).(map[string]*background)[args[0]]
	timeout := time.After(30 * time.Second)
	for {
		select {
		case line, ok := <-b.lines:
			if !ok {
				ts.Fatalf("%s ended", args[0])
			}
			if re.MatchString(line) {
				return
			}
		case <-timeout:
			ts.Fatalf("no line like %s", args[1])
		}
	}
}

// cmdField puts one field of what iprt prints with --json into a variable.
//
//	field NAME FIELD args…
func cmdField(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: field NAME FIELD args…")
	}
	o := runIprt(ts, append([]string{"--json"}, args[2:]...))
	var v map[string]any
	if err := json.Unmarshal([]byte(o.stdout), &v); err != nil || o.status != 0 {
		ts.Fatalf("%v\n%s%s", err, o.stdout, o.stderr)
	}
	text, ok := v[args[1]].(string)
	if !ok {
		ts.Fatalf("no text %q in %s", args[1], o.stdout)
	}
	ts.Setenv(args[0], text)
}

// cmdEdit replaces text in a file.
//
//	edit FILE OLD NEW
func cmdEdit(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: edit FILE OLD NEW")
	}
	text := ts.ReadFile(args[0])
	if !strings.Contains(text, args[1]) {
		ts.Fatalf("%s has no %q", args[0], args[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.ReplaceAll(text, args[1], args[2])), 0o600))
}

// cmdTooBig makes a file of some MiB that takes no room.
//
//	toobig FILE MIB
func cmdTooBig(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: toobig FILE MIB")
	}
	mib, err := strconv.ParseInt(args[1], 10, 32)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), nil, 0o600))
	ts.Check(os.Truncate(ts.MkAbs(args[0]), mib<<20))
}

// cmdBigFile makes a file of some KiB that does not compress or repeat.
//
//	bigfile FILE KIB
func cmdBigFile(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: bigfile FILE KIB")
	}
	kib, err := strconv.Atoi(args[1])
	ts.Check(err)
	b := make([]byte, kib<<10)
	for i, r := 0, rand.New(rand.NewPCG(1, 2)); i < len(b); i++ {
		b[i] = byte(r.Uint32())
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), b, 0o600))
}

// cmdChomp takes the line feed off the end of a file, which txtar cannot.
//
//	chomp FILE
func cmdChomp(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: chomp FILE")
	}
	text := strings.TrimSuffix(ts.ReadFile(args[0]), "\n")
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}
