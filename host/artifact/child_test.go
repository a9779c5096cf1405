package artifact_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/iprt/iprt/host/artifact"
)

// TestMain is the compile child, too, good and bad.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "child" {
		os.Exit(child(os.Args[2:]))
	}
	os.Exit(m.Run())
}

// compileFunc is a compiler.
type compileFunc func([]byte) ([]byte, error)

func (f compileFunc) Precompile(_ context.Context, wasm []byte) ([]byte, error) { return f(wasm) }

var compilers = map[string]compileFunc{
	"echo":   func(b []byte) ([]byte, error) { return append([]byte("compiled "), b...), nil },
	"refuse": func([]byte) ([]byte, error) { return nil, errors.New("no \x1b[31msuch opcode") },
	"panic":  func([]byte) ([]byte, error) { panic("a bug in the compiler") },
	"large":  func([]byte) ([]byte, error) { return make([]byte, 2<<20), nil },
	"loop": func([]byte) ([]byte, error) {
		for n := 0; ; n++ {
			if n < 0 {
				return nil, nil
			}
		}
	},
	"hoard": func([]byte) ([]byte, error) {
		var all [][]byte
		for range 1 << 20 {
			b := make([]byte, 1<<20)
			for i := range b {
				b[i] = byte(i)
			}
			all = append(all, b)
		}
		return all[0], nil
	},
	"sleep": func([]byte) ([]byte, error) { time.Sleep(time.Hour); return nil, nil },
	"shot": func([]byte) ([]byte, error) {
		p, err := os.FindProcess(os.Getpid())
		if err == nil {
			err = p.Kill()
		}
		time.Sleep(time.Hour)
		return nil, err
	},
	"exit": func([]byte) ([]byte, error) { os.Exit(7); return nil, nil },
	// What it can see of its surroundings.
	"look": func([]byte) ([]byte, error) {
		dir, err := os.Getwd()
		if err != nil {
			return nil, err
		}
		open := 0
		for fd := uintptr(3); fd < 64; fd++ {
			if f := os.NewFile(fd, ""); f != nil {
				if info, err := f.Stat(); err == nil && !info.Mode().IsDir() && info.Mode()&os.ModeDevice == 0 && info.Mode()&os.ModeType != 0 {
					open++
				}
			}
		}
		_, writeErr := os.Create(os.Args[3])
		_, readErr := os.ReadFile(os.Args[4])
		_, dialErr := net.Dial("tcp", os.Args[5])
		runErr := exec.Command(os.Args[0], "child", "none").Run()
		return fmt.Appendf(nil, "%d in %s, %d files, kept from writing %v, reading %v, dialling %v, running %v",
			len(os.Environ()), dir, open, writeErr != nil, readErr != nil, dialErr != nil, runErr != nil), nil
	},
}

func child(args []string) int {
	if c, ok := compilers[args[0]]; ok {
		return artifact.ChildMain(os.Stdin, os.Stdout, func() (artifact.Compiler, error) { return c, nil })
	}
	switch args[0] {
	case "wazero":
		return artifact.ChildMain(os.Stdin, os.Stdout, func() (artifact.Compiler, error) { return precompiler() })
	case "garbage":
		_, _ = os.Stdout.WriteString("\x1b[31mhello, this is not what you expect, is it?\n")
	case "endless":
		for {
			if _, err := os.Stdout.Write(make([]byte, 1<<16)); err != nil {
				return 1
			}
		}
	case "more": // an answer, and then more of it than was announced, without end
		_, _ = os.Stdout.Write(answer(0, 4))
		for {
			if _, err := os.Stdout.Write(make([]byte, 1<<16)); err != nil {
				return 1
			}
		}
	case "claims":
		_, _ = os.Stdout.Write(answer(0, 1<<62))
	case "claims-text":
		_, _ = os.Stdout.Write(answer(1, 1<<62))
	case "status":
		_, _ = os.Stdout.Write(answer(99, 0))
	case "short":
		_, _ = os.Stdout.Write(append(answer(0, 100), 1, 2, 3))
	case "half-header":
		_, _ = os.Stdout.Write(answer(0, 100)[:11])
	case "heir": // starts something that outlives it and keeps its output open
		cmd := exec.Command(os.Args[0], "child", "heir-sleeps")
		cmd.Stdout = os.Stdout
		if err := cmd.Start(); err != nil {
			return 1
		}
	case "heir-sleeps":
		time.Sleep(time.Hour)
	case "deaf": // reads nothing
		time.Sleep(time.Hour)
	}
	return 0
}

func answer(status, length uint64) []byte {
	b := []byte("IPRTANS1")
	for _, n := range []uint64{status, length} {
		for range 8 {
			b, n = append(b, byte(n)), n>>8
		}
	}
	return b
}

func childOf(kind string, more ...string) artifact.Child {
	return artifact.Child{Args: append([]string{"child", kind}, more...), MaxOutput: 1 << 20}
}

func TestChild(t *testing.T) {
	module := bytes.Repeat([]byte("module"), 1<<16) // more than a pipe holds
	got, err := childOf("echo").Compile(t.Context(), module)
	if err != nil || string(got) != "compiled "+string(module) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	if got, err = childOf("echo").Compile(t.Context(), nil); err != nil || string(got) != "compiled " {
		t.Fatalf("of nothing: %q, %v", got, err)
	}
}

// Whatever a child does, the parent gets one typed error, soon.
func TestBadChildren(t *testing.T) {
	for kind, want := range map[string][]artifact.Failure{
		"refuse": {artifact.FailedRefused}, "panic": {artifact.FailedCrash}, "large": {artifact.FailedOutput},
		"sleep": {artifact.FailedTime}, "deaf": {artifact.FailedTime}, "shot": {artifact.FailedCrash},
		"exit": {artifact.FailedCrash}, "garbage": {artifact.FailedGarbage}, "endless": {artifact.FailedGarbage},
		"more": {artifact.FailedGarbage}, "claims": {artifact.FailedOutput}, "claims-text": {artifact.FailedGarbage},
		"status": {artifact.FailedGarbage}, "short": {artifact.FailedCrash}, "half-header": {artifact.FailedCrash},
		"heir": {artifact.FailedTime}, "no such kind": {artifact.FailedCrash},
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			c := childOf(kind)
			c.MaxTime = 20 * time.Second
			if slices.Contains(want, artifact.FailedTime) {
				c.MaxTime = 500 * time.Millisecond
			}
			begun := time.Now()
			blob, err := c.Compile(t.Context(), make([]byte, 1<<20))
			e, ok := errors.AsType[*artifact.ChildError](err)
			if !ok || !slices.Contains(want, e.Failure) || blob != nil {
				t.Fatalf("%d bytes, %v; want %v", len(blob), err, want)
			}
			if e.Code() == "" || e.Hint() == "" || strings.ContainsAny(e.Error(), "\x1b\n") {
				t.Errorf("%q, %q, %q", e.Error(), e.Code(), e.Hint())
			}
			if took := time.Since(begun); took > 15*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
}

func TestChildThatIsNotThere(t *testing.T) {
	c := artifact.Child{Path: "/nowhere/at/all"}
	_, err := c.Compile(t.Context(), nil)
	if e, ok := errors.AsType[*artifact.ChildError](err); !ok || e.Failure != artifact.FailedStart {
		t.Fatal(err)
	}
}

// The end of the caller's context is the caller's, and ends the child.
func TestCallerGoesAway(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := childOf("sleep").Compile(ctx, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
}

// A request that is cut off, or is none, is not compiled.
func TestBadRequests(t *testing.T) {
	for _, in := range []string{"", "IPRTREQ", "something else that is as long as a request is, or longer"} {
		var out bytes.Buffer
		status := artifact.ChildMain(strings.NewReader(in), &out, func() (artifact.Compiler, error) {
			t.Error("it came to open an engine")
			return nil, io.EOF
		})
		if status == 0 || out.Len() > 0 {
			t.Errorf("%q: status %d, %d bytes", in, status, out.Len())
		}
	}
}
