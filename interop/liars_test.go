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

// content is the locators of a small and of a larger file that k serves.
func content(t *testing.T, k *kubo.Node) map[string]string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, bytes.Repeat([]byte("honest "), 200_000), 0o600); err != nil {
		t.Fatal(err)
	}
	return map[string]string{
		"raw block": k.RunIn(strings.NewReader("honest bytes"), "block", "put", "--cid-codec=raw"),
		"unixfs":    k.Run("add", "-Q", file),
	}
}

// Whoever lies delivers nothing: no output, no block in the store, and an exit
// status that tells bad content (3) or not found (4) from success.
func TestLiarsDeliverNothing(t *testing.T) {
	k := kubo.Start(t)
	added := content(t, k)
	tests := []struct {
		who, flag string
		start     func(t *testing.T) *liars.Liar
		exit      int
	}{
		{"flipping gateway", "--gateway", func(t *testing.T) *liars.Liar { return liars.Gateway(t, k.Gateway(), liars.Flip) }, 3},
		{"truncating gateway", "--gateway", func(t *testing.T) *liars.Liar { return liars.Gateway(t, k.Gateway(), liars.Truncate) }, 3},
		{"lying peer", "--peer", func(t *testing.T) *liars.Liar { return liars.Bitswap(t, liars.WrongBytes) }, 3},
		{"vanishing peer", "--peer", func(t *testing.T) *liars.Liar { return liars.Bitswap(t, liars.HangUp) }, 4},
	}
	// A group, so that Kubo outlives the tests that run side by side.
	t.Run("group", func(t *testing.T) {
		for _, tt := range tests {
			for what, c := range added {
				t.Run(tt.who+"/"+what, func(t *testing.T) {
					t.Parallel()
					liar, n := tt.start(t), node.New(t)
					out := filepath.Join(t.TempDir(), "out")
					r := n.Try(tt.flag, liar.Addr, "get", "-o", out, c)
					if r.Exit != tt.exit {
						t.Errorf("exit %d, want %d\n%s", r.Exit, tt.exit, r.Stderr)
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
					n.Run(tt.flag, liar.Addr, "--peer", k.Addr(), "get", "-o", out, c)
					if _, err := os.Stat(out); err != nil {
						t.Error(err)
					}
				})
			}
		}
	})
}

// A peer that has everything and delivers nothing costs seconds beside an
// honest one, not the file.
func TestHonestPeerBesideLiar(t *testing.T) {
	k := kubo.Start(t)
	c := content(t, k)["unixfs"]
	deeds := map[string]liars.Deed{
		"wrong bytes": liars.WrongBytes, "nothing": liars.Nothing, "a byte a second": liars.Trickle, "vanishes": liars.HangUp,
	}
	t.Run("group", func(t *testing.T) {
		for what, do := range deeds {
			t.Run(what, func(t *testing.T) {
				t.Parallel()
				liar := liars.Bitswap(t, do)
				// Whether the liar is asked at all is luck: it must be once.
				for try := 0; try < 3 || liar.Told() == 0; try++ {
					if try == 50 {
						t.Fatal("the liar was never asked, so nothing was tried")
					}
					out := filepath.Join(t.TempDir(), "out")
					start := time.Now()
					node.New(t).Run("--peer", liar.Addr, "--peer", k.Addr(), "get", "-o", out, c)
					if took := time.Since(start); took > 20*time.Second {
						t.Errorf("took %v", took)
					}
				}
			})
		}
	})
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
