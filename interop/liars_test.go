package interop

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/iprt/iprt/interop/kubo"
	"github.com/iprt/iprt/interop/liars"
	"github.com/iprt/iprt/interop/node"
)

// Whoever lies delivers nothing: no output, no block in the store, and an exit
// status that tells bad content or not found from success.
func TestLiarsDeliverNothing(t *testing.T) {
	k := kubo.Start(t)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, bytes.Repeat([]byte("honest "), 200_000), 0o600); err != nil {
		t.Fatal(err)
	}
	added := map[string]string{
		"raw block": k.RunIn(strings.NewReader("honest bytes"), "block", "put", "--cid-codec=raw"),
		"unixfs":    k.Run("add", "-Q", file),
	}
	liarsBy := map[string]func(t *testing.T) (flag string, l *liars.Liar){
		"flipping gateway": func(t *testing.T) (string, *liars.Liar) {
			return "--gateway", liars.Gateway(t, k.Gateway(), liars.Flip)
		},
		"truncating gateway": func(t *testing.T) (string, *liars.Liar) {
			return "--gateway", liars.Gateway(t, k.Gateway(), liars.Truncate)
		},
		"bitswap peer": func(t *testing.T) (string, *liars.Liar) { return "--peer", liars.Bitswap(t) },
	}
	for what, c := range added {
		for who, start := range liarsBy {
			t.Run(who+"/"+what, func(t *testing.T) {
				flag, liar := start(t)
				n := node.New(t)
				out := filepath.Join(t.TempDir(), "out")
				r := n.Try(flag, liar.Addr, "get", "-o", out, c)
				if r.Exit != 3 && r.Exit != 4 {
					t.Errorf("exit %d, want 3 or 4\n%s", r.Exit, r.Stderr)
				}
				if liar.Told() == 0 {
					t.Error("the liar was never asked, so nothing was tried")
				}
				if _, err := os.Stat(out); !os.IsNotExist(err) {
					t.Errorf("there is an output file: %v", err)
				}
				if r := n.Try("--offline", "get", "-o", out, c); r.Exit != 4 {
					t.Errorf("afterwards the store has the root: exit %d\n%s", r.Exit, r.Stderr)
				}
				// The same node, with an honest source beside the liar, gets it.
				n.Run(flag, liar.Addr, "--peer", k.Addr(), "get", "-o", out, c)
				if _, err := os.Stat(out); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// A gateway that accepts and then sends nothing costs no time when a peer has
// the block.
func TestStalledGatewayLosesRace(t *testing.T) {
	k := kubo.Start(t)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, bytes.Repeat([]byte("honest "), 200_000), 0o600); err != nil {
		t.Fatal(err)
	}
	c := k.Run("add", "-Q", file)
	stalled := liars.Stalled(t)
	out := filepath.Join(t.TempDir(), "out")
	start := time.Now()
	node.New(t).Run("--gateway", stalled.Addr, "--peer", k.Addr(), "get", "-o", out, c)
	if stalled.Told() == 0 {
		t.Error("the stalled gateway was never asked, so there was no race")
	}
	// Three times the idle deadline would be needed if it were waited for; this
	// bound only tells a race from a wait, not fast from slow.
	if took := time.Since(start); took > 15*time.Second {
		t.Errorf("took %v: the stalled gateway was waited for", took)
	}
}
