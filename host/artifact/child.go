package artifact

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/iprt/iprt/host/engine/guesttext"
)

// Child says how to start the process that compiles, and what bounds it. The
// zero value of a bound means its default.
type Child struct {
	// Path is the program. Empty means this one.
	Path string
	// Args make its main call [ChildMain].
	Args []string
	// MaxTime is how long it may take, 60 seconds by default.
	MaxTime time.Duration
	// MaxCPU is how much processor time it may use, in whole seconds, 30 by default.
	MaxCPU time.Duration
	// MaxMemory is how much address space it may use beyond what it starts with, in
	// bytes, 1 GiB by default.
	MaxMemory int64
	// MaxOutput is the size of the largest artifact, in bytes, 256 MiB by default.
	MaxOutput int64
	// Parallel is how many of them a [Store] runs at once, 1 by default.
	Parallel int
}

func (c Child) withDefaults() Child {
	def := func(v *int64, d int64) {
		if *v <= 0 {
			*v = d
		}
	}
	def((*int64)(&c.MaxTime), int64(60*time.Second))
	def((*int64)(&c.MaxCPU), int64(30*time.Second))
	def(&c.MaxMemory, 1<<30)
	def(&c.MaxOutput, 256<<20)
	if c.Parallel <= 0 {
		c.Parallel = 1
	}
	return c
}

// lastWords is how long pipes may stay open after the child ended, in the hands
// of something it started.
const lastWords = time.Second

var errMaxTime = errors.New("the compile process passed its deadline")

// Compile runs one child, and returns what it made of the module. Whatever
// happens, the child and what it started are gone when Compile returns.
//
// Errors: [*ChildError]; ctx.Err().
func (c Child) Compile(ctx context.Context, metered []byte) ([]byte, error) {
	c = c.withDefaults()
	path, name := c.Path, c.Path
	if path == "" {
		self, err := os.Executable()
		if err != nil {
			return nil, &ChildError{Failure: FailedStart, Err: err}
		}
		path, name = self, os.Args[0]
	}
	life, end := context.WithTimeoutCause(ctx, c.MaxTime, errMaxTime)
	defer end()
	cmd := exec.CommandContext(life, path, c.Args...)
	cmd.Args[0] = name // programs that are several things look at it
	cmd.Env, cmd.Dir = []string{}, root()
	cmd.Stdin = io.MultiReader(bytes.NewReader(c.request(len(metered))), bytes.NewReader(metered))
	complaint := &head{limit: 4 << 10}
	cmd.Stderr = complaint
	cmd.WaitDelay = lastWords
	group(cmd)
	// The system ties the life of the child to the thread that started it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return nil, &ChildError{Failure: FailedStart, Err: err}
	}
	// What a child starts may keep the pipe open for longer than the child lives.
	defer context.AfterFunc(life, func() { _ = out.Close() })()
	blob, answer := readAnswer(out, c.MaxOutput)
	if answer != nil && answer.Failure != FailedCrash {
		_ = cmd.Cancel() // nothing it may still say matters
	}
	err = cmd.Wait()
	_ = cmd.Cancel() // what it started, if it did
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case answer == nil && err == nil:
		return blob, nil
	case answer != nil && answer.Failure != FailedCrash:
		answer.Limit = c.limit(answer.Failure)
		return nil, answer
	}
	if err == nil {
		err = answer.Err
	}
	return nil, c.autopsy(life, cmd, complaint.String(), err)
}

// autopsy says why a child ended that gave no answer.
func (c Child) autopsy(life context.Context, cmd *exec.Cmd, complaint string, err error) error {
	e := &ChildError{Failure: FailedCrash, Text: lastLine(complaint), Err: err}
	s := cmd.ProcessState
	switch {
	case errors.Is(context.Cause(life), errMaxTime):
		e.Failure = FailedTime
	case s != nil && killed(s) && s.UserTime()+s.SystemTime() >= wholeSeconds(c.MaxCPU)-time.Second/2:
		e.Failure = FailedCPU
	case outOfMemory(complaint):
		e.Failure = FailedMemory
	}
	if e.Limit = c.limit(e.Failure); e.Limit != "" {
		e.Text, e.Err = "", nil // that it was killed is how it was stopped
	}
	return e
}

// outOfMemory knows what the runtime says when it gets no more address space.
func outOfMemory(complaint string) bool {
	return slices.ContainsFunc([]string{"out of memory", "cannot allocate memory", "address space"}, func(s string) bool {
		return strings.Contains(complaint, s)
	})
}

func (c Child) limit(f Failure) string {
	switch f {
	case FailedTime:
		return c.MaxTime.String()
	case FailedCPU:
		return wholeSeconds(c.MaxCPU).String()
	case FailedMemory:
		return fmt.Sprintf("%d MiB", c.MaxMemory>>20)
	case FailedOutput:
		return fmt.Sprintf("%d bytes", c.MaxOutput)
	}
	return ""
}

// wholeSeconds rounds up: the system counts processor time in seconds.
func wholeSeconds(d time.Duration) time.Duration {
	return (d + time.Second - 1).Truncate(time.Second)
}

// lastLine finds the line of a crash report that says what happened.
func lastLine(text string) string {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			return guesttext.Line(line, 256)
		}
	}
	return ""
}

// head keeps the beginning of what is written to it, and takes the rest too.
type head struct {
	limit int
	text  []byte
}

func (h *head) Write(b []byte) (int, error) {
	h.text = append(h.text, b[:min(len(b), h.limit-len(h.text))]...)
	return len(b), nil
}

func (h *head) String() string { return string(h.text) }
