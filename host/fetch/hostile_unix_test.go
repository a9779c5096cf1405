//go:build unix

package fetch_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/iprt/iprt/host/fetch"
)

// A pipe in the place of a block or a CAR is not waited for.
func TestPipesAsSources(t *testing.T) {
	dir := t.TempDir()
	id := fetch.Identity([]byte("a block"))
	for _, name := range []string{id.String(), "x.car"} {
		if err := syscall.Mkfifo(filepath.Join(dir, name), 0o600); err != nil {
			t.Skip("no pipes here:", err)
		}
	}
	begun := time.Now()
	src := fetch.Dir("dir", os.DirFS(dir))
	if _, err := src.Session(t.Context(), id, fetch.Untrusted).Get(t.Context(), id); err == nil {
		t.Error("a block from a pipe")
	}
	if _, err := fetch.OpenCAR(filepath.Join(dir, "x.car")); err == nil {
		t.Error("a CAR from a pipe")
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
}
