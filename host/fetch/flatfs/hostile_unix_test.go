//go:build unix

package flatfs_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/iprt/iprt/host/fetch"
	"github.com/iprt/iprt/host/fetch/flatfs"
)

// hostileFiles are what may lie in the place of a small file.
var hostileFiles = map[string]func(string) error{
	"pipe":   func(name string) error { return syscall.Mkfifo(name, 0o600) },
	"huge":   func(name string) error { return errors.Join(os.WriteFile(name, nil, 0o600), os.Truncate(name, 8<<30)) },
	"device": func(name string) error { return os.Symlink("/dev/zero", name) },
}

// find is the only file below dir that a test accepts.
func find(t *testing.T, dir string, accept func(string) bool) string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && accept(d.Name()) {
			found = append(found, path)
		}
		return err
	})
	if err != nil || len(found) != 1 {
		t.Fatalf("%v, %v", found, err)
	}
	return found[0]
}

// What lies in the place of a block is not read, and the next Put repairs it.
func TestSpecialBlocks(t *testing.T) {
	block := []byte("a block")
	id := fetch.Identity(block)
	for what, put := range hostileFiles {
		t.Run(what, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir)
			if err := s.Put(t.Context(), id, block); err != nil {
				t.Fatal(err)
			}
			name := find(t, filepath.Join(dir, "blocks"), func(n string) bool { return strings.HasSuffix(n, ".data") })
			if err := errors.Join(os.Remove(name), put(name)); err != nil {
				t.Skip("cannot make one here:", err)
			}
			begun := time.Now()
			var e *flatfs.Error
			if _, err := s.Get(t.Context(), id); !errors.As(err, &e) {
				t.Fatal("Get: ", err)
			}
			if _, err := s.Blockstore().Get(t.Context(), id); err == nil {
				t.Fatal("the block store serves it")
			}
			if took := time.Since(begun); took > 5*time.Second {
				t.Errorf("it took %s", took)
			}
			if err := s.Put(t.Context(), id, block); err != nil {
				t.Fatal(err)
			}
			if got, err := s.Get(t.Context(), id); err != nil || !bytes.Equal(got, block) {
				t.Fatalf("after the repair: %q, %v", got, err)
			}
		})
	}
}

func TestSpecialLocators(t *testing.T) {
	id := fetch.Identity([]byte("a file"))
	for what, put := range hostileFiles {
		t.Run(what, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir)
			if err := put(filepath.Join(dir, "locators", id.String())); err != nil {
				t.Skip("cannot make one here:", err)
			}
			if _, err := s.Locator(t.Context(), id); !errors.Is(err, fetch.ErrNotFound) {
				t.Fatal(err)
			}
			if err := s.SetLocator(t.Context(), id, id); err != nil {
				t.Fatal(err)
			}
			if got, err := s.Locator(t.Context(), id); err != nil || got != id {
				t.Fatalf("%v, %v", got, err)
			}
		})
	}
}

// The files of the store's own do not keep it from opening, or say why at once.
func TestSpecialFilesOfTheStore(t *testing.T) {
	for what, put := range hostileFiles {
		for name, opens := range map[string]bool{"diskUsage.cache": true, "SHARDING": false} {
			t.Run(what+" as "+name, func(t *testing.T) {
				dir := t.TempDir()
				s, err := flatfs.Open(dir)
				if err != nil {
					t.Fatal(err)
				}
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				file := filepath.Join(dir, "blocks", name)
				if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
					t.Fatal(err)
				}
				if err := put(file); err != nil {
					t.Skip("cannot make one here:", err)
				}
				s, err = flatfs.Open(dir)
				if (err == nil) != opens {
					t.Fatal(err)
				}
				if err == nil {
					_ = s.Close()
				}
			})
		}
	}
}
