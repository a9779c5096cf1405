package datadir

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func open(t *testing.T, path string) *Dir {
	t.Helper()
	d, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

func refused(t *testing.T, err error, code string) *Error {
	t.Helper()
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Code() != code {
		t.Fatalf("got %v, want an error with code %s", err, code)
	}
	if e.Hint() == "" {
		t.Fatalf("no hint: %v", err)
	}
	return e
}

func TestOpenMakesAPrivateDirectory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b")
	d := open(t, path)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm() != 0o700 {
		t.Errorf("mode %v", info.Mode())
	}
	if b, err := os.ReadFile(d.Join("version")); err != nil || string(b) != "1\n" {
		t.Errorf("version %q, %v", b, err)
	}
}

func TestOneProcessAtATime(t *testing.T) {
	path := t.TempDir()
	d := open(t, path)
	_, err := Open(path)
	refused(t, err, "data-dir-locked")
	if !errors.Is(err, ErrLocked) {
		t.Fatalf("%v is not ErrLocked", err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, path)
}

// TestLockDiesWithItsProcess kills a process that holds the lock.
func TestLockDiesWithItsProcess(t *testing.T) {
	if path := os.Getenv("DATADIR_HOLD"); path != "" {
		if _, err := Open(path); err != nil {
			t.Fatal(err)
		}
		_, _ = os.Stdout.WriteString("held\n")
		select {}
	}
	path := t.TempDir()
	cmd := exec.Command(os.Args[0], "-test.run=^TestLockDiesWithItsProcess$")
	cmd.Env = append(os.Environ(), "DATADIR_HOLD="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	_, err = Open(path)
	refused(t, err, "data-dir-locked")
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	open(t, path)
}

func TestVersions(t *testing.T) {
	for content, want := range map[string]string{
		"2\n":                    "data-dir-version",
		"99":                     "data-dir-version",
		"0":                      "data-dir-version",
		"":                       "data-dir-version",
		"-1":                     "data-dir-version",
		"kubo":                   "data-dir-version",
		strings.Repeat("9", 999): "data-dir-version",
		"1":                      "",
	} {
		path := t.TempDir()
		if err := os.WriteFile(filepath.Join(path, "version"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		d, err := Open(path)
		if want != "" {
			refused(t, err, want)
			continue
		}
		if err != nil {
			t.Errorf("%.20q: %v", content, err)
			continue
		}
		_ = d.Close()
	}
}

func TestNotADirectory(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, filepath.Join(file, "below")} {
		_, err := Open(path)
		refused(t, err, "data-dir")
	}
}

func TestKey(t *testing.T) {
	path := t.TempDir()
	d := open(t, path)
	k, err := d.Key()
	if err != nil {
		t.Fatal(err)
	}
	again, err := d.Key()
	if err != nil || !again.Equals(k) {
		t.Fatalf("the key did not last: %v", err)
	}
	name := d.Join("key")
	if runtime.GOOS != "windows" {
		for _, mode := range []os.FileMode{0o640, 0o604, 0o660, 0o644, 0o601} {
			if err := os.Chmod(name, mode); err != nil {
				t.Fatal(err)
			}
			_, err = d.Key()
			refused(t, err, "key-permissions")
		}
	}
	if err := os.Chmod(name, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte("not a key"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = d.Key()
	refused(t, err, "key")
	if b, _ := os.ReadFile(name); string(b) != "not a key" {
		t.Fatal("a key that does not parse was overwritten")
	}
}

// What a crash left under a temporary name is gone after the next start; what
// somebody else put there stays.
func TestSweep(t *testing.T) {
	path := t.TempDir()
	left := []string{".new-123", "policy.json.new-4", ".version-5", ".key-6"}
	for _, name := range append(left, "policy.json", "notes.new-7") {
		if err := os.WriteFile(filepath.Join(path, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	open(t, path)
	for _, name := range left {
		if _, err := os.Lstat(filepath.Join(path, name)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is still there: %v", name, err)
		}
	}
	for _, name := range []string{"policy.json", "notes.new-7"} {
		if _, err := os.Lstat(filepath.Join(path, name)); err != nil {
			t.Error(err)
		}
	}
}
