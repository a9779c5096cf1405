package plainfile

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
)

func TestReadIsBounded(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f")
	for size, ok := range map[int64]bool{0: true, 9: true, 10: true, 11: false, 8 << 30: false} {
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(name, size); err != nil {
			t.Fatal(err)
		}
		b, err := Read(name, 10)
		if ok && (err != nil || int64(len(b)) != size) {
			t.Errorf("%d bytes: %d, %v", size, len(b), err)
		}
		if e, is := errors.AsType[*Error](err); !ok && (!is || e.Hint() == "" || e.Code() == "") {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
	if _, err := Read(name+"-", 1); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func TestDirectoriesAndLinks(t *testing.T) {
	dir := t.TempDir()
	if _, err := Read(dir, 10); !isError(err) {
		t.Error("a directory:", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "f"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink("f", link); err != nil {
		t.Skip("no symbolic links here:", err)
	}
	if b, err := Read(link, 10); err != nil || string(b) != "x" {
		t.Errorf("a link is followed: %q, %v", b, err)
	}
	if _, err := ReadNoLink(link, 10); !isError(err) {
		t.Error("a link is not followed:", err)
	}
}

func isError(err error) bool {
	_, ok := errors.AsType[*Error](err)
	return ok
}

func TestReplaceAndSweep(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "[a]*") // as a pattern it would not match itself
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "f")
	for _, text := range []string{"first, and longer", "second"} {
		if err := Replace(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if b, err := Read(name, 100); err != nil || string(b) != text {
			t.Fatalf("%q, %v", b, err)
		}
	}
	if err := Replace(filepath.Join(dir, "no", "f"), nil, 0o600); err == nil {
		t.Fatal("wrote into a directory that is not there")
	}
	if err := os.WriteFile(filepath.Join(dir, ".new-123"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Sweep(dir, TempPattern); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Fatalf("%v, %v", left, err)
	}
}

// Whoever creates a file first wins, and nobody sees half of it.
func TestCreateOnce(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "f")
	var made atomic.Int32
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			err := Create(name, bytes.Repeat([]byte{byte(i)}, 1<<16), 0o600)
			if err == nil {
				made.Add(1)
			} else if !errors.Is(err, fs.ErrExist) {
				t.Error(err)
			}
			if b, err := Read(name, 1<<16); err != nil || len(b) != 1<<16 {
				t.Errorf("%d bytes, %v", len(b), err)
			}
		})
	}
	all.Wait()
	if left, _ := os.ReadDir(dir); made.Load() != 1 || len(left) != 1 {
		t.Fatalf("%d made it, and %v is left", made.Load(), left)
	}
}
