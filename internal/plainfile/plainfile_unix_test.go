//go:build unix

package plainfile

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// What would make a plain read wait for ever, or never end, is refused at once.
func TestPipesAndDevices(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skip("no pipes here:", err)
	}
	begun := time.Now()
	for _, name := range []string{pipe, "/dev/zero", "/dev/tty"} {
		if _, err := os.Stat(name); err != nil {
			continue
		}
		if _, err := Read(name, 10); !isError(err) {
			t.Errorf("%s: %v", name, err)
		}
		if f, err := Open(name, os.O_RDWR|os.O_CREATE, 0o600); !isError(err) {
			t.Errorf("%s for writing: %v, %v", name, f, err)
		}
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
}
