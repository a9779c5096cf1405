//go:build unix

package datadir

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// Whoever may write to the directory can stop the node, but not hang it or make it
// read without end.
func TestSpecialFiles(t *testing.T) {
	for what, put := range map[string]func(name string) error{
		"pipe":      func(name string) error { return syscall.Mkfifo(name, 0o600) },
		"huge":      func(name string) error { return hugeFile(name) },
		"device":    func(name string) error { return os.Symlink("/dev/zero", name) },
		"directory": func(name string) error { return os.Mkdir(name, 0o700) },
		"loop":      func(name string) error { return os.Symlink(filepath.Base(name), name) },
	} {
		for _, name := range []string{"version", "key", "lock"} {
			t.Run(what+" as "+name, func(t *testing.T) {
				path := t.TempDir()
				if err := put(filepath.Join(path, name)); err != nil {
					t.Skip("cannot make one here:", err)
				}
				begun := time.Now()
				d, err := Open(path)
				if err == nil {
					defer d.Close()
					_, err = d.Key()
				}
				if what == "huge" && name == "lock" { // nobody reads that one
					return
				}
				if err == nil {
					t.Fatal("it was accepted")
				}
				if took := time.Since(begun); took > 5*time.Second {
					t.Errorf("it took %s", took)
				}
				if name == "lock" {
					if _, err := Locked(path); err == nil && what != "loop" {
						t.Error("Locked accepts it")
					}
				}
			})
		}
	}
}

func hugeFile(name string) error {
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		return err
	}
	return os.Truncate(name, 8<<30)
}

// TestForeignOwners needs root, to give files away.
func TestForeignOwners(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files to others")
	}
	path := t.TempDir()
	d := open(t, path)
	if _, err := d.Key(); err != nil {
		t.Fatal(err)
	}
	if s := Strangers(path); s != "" {
		t.Errorf("strangers: %s", s)
	}
	if err := os.Chown(d.Join("key"), 12345, -1); err != nil {
		t.Fatal(err)
	}
	_, err := d.Key()
	refused(t, err, "key-owner")
	if err := os.Chown(path, 12345, -1); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Key(); err != nil {
		t.Error("the owner of the directory has the key:", err)
	}
	if s := Strangers(path); s == "" {
		t.Error("the directory of another user goes unnoticed")
	}
	if err := os.Chmod(filepath.Dir(path), 0o755); err != nil { // so that the other user finds it
		t.Fatal(err)
	}
	if err := syscall.Seteuid(23456); err != nil {
		t.Skip("cannot become another user:", err)
	}
	defer func() {
		if err := syscall.Seteuid(0); err != nil {
			t.Fatal(err)
		}
	}()
	refused(t, CheckOwner(path), "data-dir-owner")
}
