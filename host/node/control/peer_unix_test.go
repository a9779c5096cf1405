//go:build unix

package control

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// longDir is a data directory whose path is too long for a socket.
func longDir(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), strings.Repeat("long/", 25))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

// crashed is a data directory whose node was killed, and where its socket was.
func crashed(t *testing.T) (dir, socket string) {
	t.Helper()
	dir = longDir(t)
	s, err := Listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	s.Listener.(ownListener).Listener.(*net.UnixListener).SetUnlinkOnClose(false)
	if err := s.Listener.Close(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(filepath.Dir(s.Path())) })
	return dir, s.Path()
}

func refusedAs(t *testing.T, err error, code string) {
	t.Helper()
	if e, ok := errors.AsType[*Error](err); !ok || e.Code() != code || e.Hint() == "" {
		t.Fatalf("got %v, want %s", err, code)
	}
}

// The system's own place for sockets is used, if nobody else can change it.
func TestRuntimeDir(t *testing.T) {
	run, err := os.MkdirTemp("", "r")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(run) })
	t.Setenv("XDG_RUNTIME_DIR", run)
	for mode, want := range map[os.FileMode]bool{0o700: true, 0o755: false, 0o777: false} {
		if err := os.Chmod(run, mode); err != nil {
			t.Fatal(err)
		}
		s, err := Listen(longDir(t))
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.HasPrefix(s.Path(), run+"/"); got != want {
			t.Errorf("mode %v: %s", mode, s.Path())
		}
		if info, err := os.Stat(filepath.Dir(s.Path())); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%v, %v", info, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("XDG_RUNTIME_DIR", "relative")
	if dir := runtimeDir(); dir != "" {
		t.Error(dir)
	}
}

// After a crash the directory of the socket may be anybody's. A client does not
// talk to what is in it unless it belongs to the owner and to nobody else.
func TestTakenOverDirectory(t *testing.T) {
	t.Run("open to others", func(t *testing.T) {
		dir, socket := crashed(t)
		if err := os.Chmod(filepath.Dir(socket), 0o755); err != nil {
			t.Fatal(err)
		}
		_, err := Dial(t.Context(), dir)
		refusedAs(t, err, "foreign-control-socket")
	})
	t.Run("a link", func(t *testing.T) {
		dir, socket := crashed(t)
		if err := os.Rename(filepath.Dir(socket), filepath.Dir(socket)+"-"); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.RemoveAll(filepath.Dir(socket) + "-") })
		if err := os.Symlink(filepath.Dir(socket)+"-", filepath.Dir(socket)); err != nil {
			t.Fatal(err)
		}
		_, err := Dial(t.Context(), dir)
		refusedAs(t, err, "foreign-control-socket")
	})
	t.Run("another user's", func(t *testing.T) {
		if os.Geteuid() != 0 {
			t.Skip("only root can give files to others")
		}
		dir, socket := crashed(t)
		if err := os.Chown(filepath.Dir(socket), 12345, -1); err != nil {
			t.Fatal(err)
		}
		_, err := Dial(t.Context(), dir)
		refusedAs(t, err, "foreign-control-socket")
	})
	t.Run("still ours", func(t *testing.T) {
		dir, socket := crashed(t)
		_, err := Dial(t.Context(), dir)
		refusedAs(t, err, "no-node")
		s, err := Listen(dir) // which also takes away what the crash left
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if _, err := os.Stat(filepath.Dir(socket)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the old directory: %v", err)
		}
	})
}

// A process of another user at the socket is not talked to, whatever the modes say.
func TestForeignPeer(t *testing.T) {
	if os.Geteuid() != 0 || runtime.GOOS != "linux" {
		t.Skip("needs root, to become another user, and a system that tells who listens")
	}
	dir, err := os.MkdirTemp("", "c")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Seteuid(12345); err != nil {
		t.Skip("cannot become another user:", err)
	}
	l, err := net.Listen("unix", filepath.Join(dir, socketName))
	if back := syscall.Seteuid(0); back != nil || err != nil {
		t.Fatal(back, err)
	}
	defer l.Close()
	_, err = Dial(t.Context(), dir)
	refusedAs(t, err, "foreign-control-socket")
}

// Pipes and huge files in the place of the pointer are errors, at once.
func TestHostilePointer(t *testing.T) {
	for what, put := range map[string]func(string) error{
		"pipe": func(name string) error { return syscall.Mkfifo(name, 0o600) },
		"huge": func(name string) error {
			return errors.Join(os.WriteFile(name, nil, 0o600), os.Truncate(name, 8<<30))
		},
		"link":     func(name string) error { return os.Symlink("/dev/zero", name) },
		"relative": func(name string) error { return os.WriteFile(name, []byte("control.sock\n"), 0o600) },
	} {
		t.Run(what, func(t *testing.T) {
			dir := t.TempDir()
			if err := put(filepath.Join(dir, pointerName)); err != nil {
				t.Skip("cannot make one here: ", err)
			}
			begun := time.Now()
			_, err := Dial(t.Context(), dir)
			refusedAs(t, err, "bad-control-socket")
			s, err := Listen(dir) // and a node is not kept from starting
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			if took := time.Since(begun); took > 5*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
}
