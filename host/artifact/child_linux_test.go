package artifact_test

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/iprt/iprt/host/artifact"
)

// The bounds that the system enforces hold against code that does not cooperate.
func TestChildBounds(t *testing.T) {
	for kind, want := range map[string]artifact.Failure{"loop": artifact.FailedCPU, "hoard": artifact.FailedMemory} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			c := childOf(kind)
			c.MaxCPU, c.MaxMemory = time.Second, 64<<20
			if kind == "hoard" {
				c.MaxCPU = 30 * time.Second
			}
			_, err := c.Compile(t.Context(), nil)
			if e, ok := errors.AsType[*artifact.ChildError](err); !ok || e.Failure != want || e.Code() != "compile-limit" {
				t.Fatal(err)
			}
		})
	}
}

// A child has no environment, stands in the root, holds no file of its parent, and
// can reach none, nor the network, nor run anything.
func TestChildSeesNothing(t *testing.T) {
	t.Setenv("SECRET", "of the parent")
	held, err := os.Create(filepath.Join(t.TempDir(), "held"))
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if _, err := held.WriteString("secret"); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	got, err := childOf("look", filepath.Join(t.TempDir(), "made"), held.Name(), l.Addr().String()).Compile(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := "0 in /, 0 files, kept from writing true, reading true, dialling true, running true"
	if runtime.GOARCH != "amd64" && runtime.GOARCH != "arm64" {
		want = "0 in /, 0 files, "
	}
	if !strings.HasPrefix(string(got), want) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// A child does not outlive the process that started it.
func TestChildDiesWithParent(t *testing.T) {
	if pid := os.Getenv("ARTIFACT_PARENT"); pid != "" {
		_, err := childOf("sleep").Compile(t.Context(), nil)
		t.Fatal(err)
	}
	parent := exec.Command(os.Args[0], "-test.run=^TestChildDiesWithParent$")
	parent.Env = append(os.Environ(), "ARTIFACT_PARENT=1")
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(20 * time.Second)
	var pid int
	for pid == 0 && time.Now().Before(deadline) {
		b, _ := os.ReadFile("/proc/" + strconv.Itoa(parent.Process.Pid) + "/task/" + strconv.Itoa(parent.Process.Pid) + "/children")
		for _, task := range tasks(parent.Process.Pid) {
			c, _ := os.ReadFile(task + "/children")
			b = append(b, c...)
		}
		if words := strings.Fields(string(b)); len(words) > 0 {
			pid, _ = strconv.Atoi(words[0])
		}
	}
	if pid == 0 {
		t.Skip("cannot see the children of a process here")
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()
	for alive(pid) {
		if time.Now().After(deadline) {
			t.Fatalf("process %d lives on", pid)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func tasks(pid int) []string {
	all, _ := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*")
	return all
}

// alive reports whether a process runs; one that is dead and not yet reaped does not.
func alive(pid int) bool {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	return !strings.HasPrefix(rest, "Z") && syscall.Kill(pid, 0) == nil
}
