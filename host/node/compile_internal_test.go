package node

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/iprt/iprt/host"
	"github.com/iprt/iprt/host/engine/wazero"
	"github.com/iprt/iprt/host/fetch"
)

// Quarantines outlast a restart.
func TestBreakerFile(t *testing.T) {
	s := breakerStore{filepath.Join(t.TempDir(), breakerFile)}
	if list, err := s.Load(); err != nil || len(list) != 0 {
		t.Fatalf("without a file: %v, %v", list, err)
	}
	now := time.Now().UTC().Round(0)
	want := host.Quarantine{Module: fetch.Identity([]byte("m")), Domain: "d", Since: now, Until: now.Add(time.Hour), Trips: 2, Reason: "\x1b"}
	for _, list := range [][]host.Quarantine{{want, want}, {want}, {}} {
		if err := s.Save(list); err != nil {
			t.Fatal(err)
		}
		got, err := s.Load()
		if err != nil || len(got) != len(list) || len(got) > 0 && got[0] != want {
			t.Fatalf("%v, %v; want %v", got, err, list)
		}
	}
}

// A file that was cut, changed or replaced is an error, and never a panic or a wait.
func TestDamagedBreakerFile(t *testing.T) {
	s := breakerStore{filepath.Join(t.TempDir(), breakerFile)}
	if err := s.Save([]host.Quarantine{{Module: fetch.Identity(nil), Until: time.Now()}}); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(s.path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range good {
		flipped := bytes.Clone(good)
		flipped[i] ^= 0x20
		for _, b := range [][]byte{good[:i], flipped} {
			if err := os.WriteFile(s.path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			_, _ = s.Load() // some flips make another valid file
		}
		if _, err := (breakerStore{s.path}).Load(); err == nil && i == 0 {
			t.Error("a file without its first byte was read")
		}
	}
	for _, text := range []string{"", "null", "[]", `{"version":2}`, `{"version":1,"quarantines":[{"module":"x"}]}`, `{"version":1,"quarantines":[{"module":{"/":"x"}}]}`} {
		if err := os.WriteFile(s.path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if list, err := s.Load(); err == nil {
			t.Errorf("%s: %v", text, list)
		}
	}
	if err := os.Truncate(s.path, 8<<30); err != nil {
		t.Skip("no sparse file of 8 GiB here: ", err)
	}
	if _, err := s.Load(); err == nil {
		t.Error("8 GiB were read")
	}
}

// A node starts whatever lies in the place of its cache and its quarantines.
func TestKeptIsDisposable(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{artifactDir, breakerFile} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("noise"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, artifactSecret), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadKept(dir); err == nil {
		t.Error("noise was read as quarantines")
	}
	e, err := wazero.New(wazero.Config{Interpreter: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = e.Close(context.WithoutCancel(t.Context())) }()
	n, err := Open(t.Context(), Config{Dir: dir, Engine: e, Offline: true, CompileArgs: []string{"x"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Close(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
}
