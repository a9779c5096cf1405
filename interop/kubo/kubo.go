// Package kubo builds and runs a real Kubo node on loopback for tests.
//
// Start with [Start]. The binary is the release that build/go.mod pins, with
// that release's own dependencies; the node talks to nobody: no bootstrap peers, no routing, no mDNS, no
// telemetry.
package kubo

import (
	"bytes"
	"context"
	"encoding/json"
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

// Node is a running Kubo daemon with a repository of its own. It is stopped
// when the test that started it ends.
type Node struct {
	t    testing.TB
	repo string
}

// settings turn every way of reaching out off; all addresses are loopback.
var settings = []struct{ key, json string }{
	{"Addresses.Swarm", `["/ip4/127.0.0.1/tcp/0"]`},
	{"Addresses.API", `"/ip4/127.0.0.1/tcp/0"`},
	{"Addresses.Gateway", `"/ip4/127.0.0.1/tcp/0"`},
	{"Routing.Type", `"none"`},
	{"Discovery.MDNS.Enabled", `false`},
	{"Swarm.DisableNatPortMap", `true`},
	{"Swarm.RelayClient.Enabled", `false`},
	{"Swarm.RelayService.Enabled", `false`},
	{"Swarm.EnableHolePunching", `false`},
	{"AutoNAT", `{"ServiceMode":"disabled"}`},
	{"AutoTLS.Enabled", `false`},
	{"AutoConf.Enabled", `false`},
	{"Provide.Enabled", `false`},
	{"Gateway.NoFetch", `true`},
	{"Plugins.Plugins.telemetry", `{"Config":{"Mode":"off"}}`},
}

// binary builds Kubo, or finds it in Go's build cache.
var binary = sync.OnceValues(func() (string, error) {
	mod, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("find interop/go.mod: %w", err)
	}
	pinned := filepath.Join(filepath.Dir(strings.TrimSpace(string(mod))), "kubo", "build", "go.mod")
	out, err := exec.Command("go", "tool", "-modfile="+pinned, "-n", "ipfs").Output()
	if err != nil {
		return "", fmt.Errorf("build Kubo from %s: %w", pinned, err)
	}
	return strings.TrimSpace(string(out)), nil
})

// Start initialises a repository in a temporary directory and runs the daemon.
func Start(t testing.TB) *Node {
	t.Helper()
	n := &Node{t: t, repo: filepath.Join(t.TempDir(), "repo")}
	n.Run("init", "--profile=test", "--empty-repo")
	n.Run("bootstrap", "rm", "--all")
	for _, s := range settings {
		n.Run("config", "--json", s.key, s.json)
	}
	n.daemon()
	return n
}

// daemon starts the process and waits until its gateway is up, which is the
// last thing that Kubo does before it says that it is ready.
func (n *Node) daemon() {
	n.t.Helper()
	log, err := os.Create(filepath.Join(filepath.Dir(n.repo), "daemon.log"))
	if err != nil {
		n.t.Fatal(err)
	}
	cmd := n.command(context.Background(), "daemon", "--migrate=false")
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	exited := make(chan struct{})
	go func() { _ = cmd.Wait(); close(exited) }()
	n.t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		select {
		case <-exited:
		case <-time.After(20 * time.Second):
			_ = cmd.Process.Kill()
			<-exited
		}
		_ = log.Close()
	})
	deadline := time.Now().Add(60 * time.Second)
	for {
		if b, _ := os.ReadFile(log.Name()); bytes.Contains(b, []byte("Daemon is ready")) {
			return
		}
		select {
		case <-exited:
			b, _ := os.ReadFile(log.Name())
			n.t.Fatalf("Kubo ended before it was ready:\n%s", b)
		case <-time.After(50 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			b, _ := os.ReadFile(log.Name())
			n.t.Fatalf("Kubo was not ready within a minute:\n%s", b)
		}
	}
}

func (n *Node) command(ctx context.Context, args ...string) *exec.Cmd {
	n.t.Helper()
	bin, err := binary()
	if err != nil {
		n.t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, bin, args...)
	cmd.Env = append(os.Environ(), "IPFS_PATH="+n.repo, "IPFS_TELEMETRY=off", "GOLOG_LOG_LEVEL=error",
		"HTTP_PROXY=", "HTTPS_PROXY=", "LIBP2P_FORCE_PNET=")
	return cmd
}

// Run runs `ipfs args…` against the node and returns its trimmed output; the
// test fails when the command does.
func (n *Node) Run(args ...string) string {
	n.t.Helper()
	return n.RunIn(nil, args...)
}

// RunIn is [Node.Run] with something on standard input.
func (n *Node) RunIn(stdin io.Reader, args ...string) string {
	n.t.Helper()
	out, err := n.TryIn(stdin, args...)
	if err != nil {
		n.t.Fatal(err)
	}
	return out
}

// Try is [Node.Run] for commands that may fail.
func (n *Node) Try(args ...string) (string, error) { return n.TryIn(nil, args...) }

// TryIn is [Node.Try] with something on standard input.
func (n *Node) TryIn(stdin io.Reader, args ...string) (string, error) {
	n.t.Helper()
	if _, err := binary(); err != nil { // building it does not count as time of the command
		n.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	cmd := n.command(ctx, args...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &out, &errs
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("ipfs %s: %w\n%s", strings.Join(args, " "), err, errs.Bytes())
	}
	return strings.TrimSpace(out.String()), nil
}

// Addr is a dialable multiaddr of the node, with its peer id.
func (n *Node) Addr() string {
	n.t.Helper()
	var id struct{ Addresses []string }
	if err := json.Unmarshal([]byte(n.Run("id")), &id); err != nil {
		n.t.Fatal(err)
	}
	for _, a := range id.Addresses {
		if strings.Contains(a, "/ip4/127.0.0.1/tcp/") {
			return a
		}
	}
	n.t.Fatalf("Kubo has no loopback TCP address among %q", id.Addresses)
	return ""
}

// Gateway is the URL of the node's HTTP gateway.
func (n *Node) Gateway() string {
	n.t.Helper()
	b, err := os.ReadFile(filepath.Join(n.repo, "gateway"))
	if err != nil {
		n.t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}
