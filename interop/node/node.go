// Package node runs the iprt binary, each node with a data directory of its own.
//
// Start with [New], which makes an empty data directory; [Node.Run] runs one
// command in it and [Node.Start] a daemon.
package node

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// Node is a data directory and the binary that works on it.
type Node struct {
	t   testing.TB
	dir string
}

// binary is built from the product's own module, not with this one's build list.
var binary = sync.OnceValues(func() (string, error) {
	mod, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("find interop/go.mod: %w", err)
	}
	root := filepath.Dir(filepath.Dir(strings.TrimSpace(string(mod))))
	dir, err := os.MkdirTemp("", "iprt-interop-")
	if err != nil {
		return "", err
	}
	bin := filepath.Join(dir, "iprt")
	cmd := exec.Command("go", "build", "-o", bin, "./cmd/iprt")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build iprt: %w\n%s", err, out)
	}
	return bin, nil
})

// Cleanup removes the binary; call it at the end of TestMain.
func Cleanup() {
	if bin, err := binary(); err == nil {
		_ = os.RemoveAll(filepath.Dir(bin))
	}
}

// New makes a node with an empty data directory.
func New(t testing.TB) *Node {
	t.Helper()
	return &Node{t: t, dir: filepath.Join(t.TempDir(), "data")}
}

// Result is how a command ended.
type Result struct {
	Stdout, Stderr string
	Exit           int
}

// Try runs `iprt args…` and returns how it ended, whatever that was.
func (n *Node) Try(args ...string) Result {
	n.t.Helper()
	if _, err := binary(); err != nil { // building it does not count as time of the command
		n.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	cmd := n.command(ctx, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		n.t.Fatalf("iprt %s: %v", strings.Join(args, " "), err)
	}
	return Result{Stdout: strings.TrimSpace(out.String()), Stderr: errs.String(), Exit: cmd.ProcessState.ExitCode()}
}

// Run is [Node.Try] for commands that must succeed; it returns standard output.
func (n *Node) Run(args ...string) string {
	n.t.Helper()
	r := n.Try(args...)
	if r.Exit != 0 {
		n.t.Fatalf("iprt %s: exit %d\n%s", strings.Join(args, " "), r.Exit, r.Stderr)
	}
	return r.Stdout
}

func (n *Node) command(ctx context.Context, args ...string) *exec.Cmd {
	n.t.Helper()
	bin, err := binary()
	if err != nil {
		n.t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, bin, args...)
	cmd.Env = append(os.Environ(), "IPRT_DIR="+n.dir)
	return cmd
}

// Daemon is a running `iprt run`.
type Daemon struct {
	Addr string // multiaddr with peer id, loopback TCP
	HTTP string // URL of the trustless gateway, if --http was given
}

// Start runs `iprt run args…` until the test ends and returns once it is ready.
func (n *Node) Start(args ...string) Daemon {
	n.t.Helper()
	args = append([]string{"run", "--listen", "/ip4/127.0.0.1/tcp/0"}, args...)
	cmd := n.command(context.Background(), args...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.StdoutPipe()
	if err != nil {
		n.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	ready, exited := make(chan struct{}), make(chan error, 1)
	go func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if strings.HasPrefix(lines.Text(), "ready") {
				close(ready)
				break
			}
		}
		_, _ = io.Copy(io.Discard, out)
		exited <- cmd.Wait()
	}()
	n.t.Cleanup(func() { n.stop(cmd, exited, &errs) })
	select {
	case <-ready:
	case err := <-exited:
		exited <- err
		n.t.Fatalf("iprt run ended before it was ready: %v\n%s", err, errs.String())
	case <-time.After(60 * time.Second):
		n.t.Fatal("iprt run was not ready within a minute")
	}
	return n.daemon()
}

// stop asks the daemon to drain, as an operator would.
func (n *Node) stop(cmd *exec.Cmd, exited <-chan error, errs *bytes.Buffer) {
	_ = cmd.Process.Signal(os.Interrupt)
	select {
	case err := <-exited:
		if err != nil {
			n.t.Errorf("iprt run did not end cleanly: %v\n%s", err, errs.String())
		}
	case <-time.After(20 * time.Second):
		_ = cmd.Process.Kill()
		n.t.Error("iprt run did not end within 20 s of an interrupt")
	}
}

func (n *Node) daemon() Daemon {
	n.t.Helper()
	var id struct {
		Addresses []string `json:"addresses"`
		HTTP      string   `json:"http"`
	}
	if err := json.Unmarshal([]byte(n.Run("id", "--json")), &id); err != nil {
		n.t.Fatal(err)
	}
	for _, a := range id.Addresses {
		if strings.HasPrefix(a, "/ip4/127.0.0.1/tcp/") {
			return Daemon{Addr: a, HTTP: id.HTTP}
		}
	}
	n.t.Fatalf("the node has no loopback TCP address among %q", id.Addresses)
	return Daemon{}
}
