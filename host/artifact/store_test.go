package artifact_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"

	"github.com/iprt/iprt/host/artifact"
)

func key(t testing.TB, name string) artifact.Key {
	t.Helper()
	h, err := multihash.Sum([]byte(name), multihash.SHA2_256, -1)
	if err != nil {
		t.Fatal(err)
	}
	return artifact.Key{Module: cid.NewCidV1(cid.Raw, h), Meter: "m", Engine: "e", Features: "f"}
}

func config(t testing.TB) artifact.Config {
	dir := t.TempDir()
	return artifact.Config{Dir: filepath.Join(dir, "artifacts"), Secret: filepath.Join(dir, "artifact.key"), Child: childOf("echo")}
}

func open(t testing.TB, cfg artifact.Config) *artifact.Store {
	t.Helper()
	s, err := artifact.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// entryFile is the only entry of the cache.
func entryFile(t testing.TB, cfg artifact.Config) string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(cfg.Dir, "*"))
	if err != nil || len(all) != 1 {
		t.Fatalf("%d entries, %v", len(all), err)
	}
	return all[0]
}

func put(t testing.TB, s *artifact.Store, k artifact.Key, blob []byte) {
	t.Helper()
	if err := s.Put(t.Context(), k, blob); err != nil {
		t.Fatal(err)
	}
}

func TestPutGet(t *testing.T) {
	cfg := config(t)
	s := open(t, cfg)
	k := key(t, "a")
	if _, ok := s.Get(t.Context(), k); ok {
		t.Fatal("a hit in an empty cache")
	}
	for _, blob := range [][]byte{[]byte("first"), {}, bytes.Repeat([]byte("x"), 1<<20)} {
		put(t, s, k, blob)
		if got, ok := s.Get(t.Context(), k); !ok || !bytes.Equal(got, blob) {
			t.Fatalf("%d bytes, %v", len(got), ok)
		}
		if got, ok := open(t, cfg).Get(t.Context(), k); !ok || !bytes.Equal(got, blob) {
			t.Fatalf("after opening again: %d bytes, %v", len(got), ok)
		}
	}
	if got := s.Stats(); got.Hits != 3 || got.Misses != 1 || got.Damaged != 0 {
		t.Errorf("%+v", got)
	}
	info, err := os.Stat(cfg.Secret)
	if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("the secret: %v, %v", info.Mode(), err)
	}
}

// Every field of the key counts, and none can pass for part of another.
func TestKeys(t *testing.T) {
	s := open(t, config(t))
	k := key(t, "a")
	put(t, s, k, []byte("blob"))
	for _, other := range []artifact.Key{
		key(t, "b"), {Module: k.Module},
		{Module: k.Module, Meter: "m2", Engine: "e", Features: "f"}, {Module: k.Module, Meter: "m", Engine: "e2", Features: "f"},
		{Module: k.Module, Meter: "m", Engine: "e", Features: ""}, {Module: k.Module, Meter: "me", Engine: "", Features: "f"},
		{Module: k.Module, Meter: "m", Engine: "ef", Features: ""}, {Meter: "m", Engine: "e", Features: "f"},
	} {
		if _, ok := s.Get(t.Context(), other); ok {
			t.Errorf("%+v hits", other)
		}
	}
}

// An entry with any byte changed, cut at any place, or longer, is a miss and is
// gone; putting it again repairs it.
func TestEveryByteOfAnEntry(t *testing.T) {
	cfg := config(t)
	s := open(t, cfg)
	k := key(t, "a")
	put(t, s, k, []byte("a small artifact"))
	name := entryFile(t, cfg)
	good, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	bad := [][]byte{append(bytes.Clone(good), 0), {}, nil}
	for i := range good {
		for _, mask := range []byte{1, 0x80, 0xff} {
			b := bytes.Clone(good)
			b[i] ^= mask
			bad = append(bad, b)
		}
		bad = append(bad, good[:i])
	}
	for i, b := range bad {
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if got, ok := s.Get(t.Context(), k); ok {
			t.Fatalf("case %d: a hit, %q", i, got)
		}
		if _, err := os.Stat(name); !errors.Is(err, os.ErrNotExist) {
			t.Fatalf("case %d: it is still there", i)
		}
	}
	if got := s.Stats(); got.Damaged != uint64(len(bad)) {
		t.Errorf("%+v, want %d damaged", got, len(bad))
	}
	put(t, s, k, []byte("a small artifact"))
	if _, ok := s.Get(t.Context(), k); !ok {
		t.Error("a miss after the repair")
	}
}

// An authentic entry in the place of another, or of another store, is none.
func TestForeignEntries(t *testing.T) {
	cfg, other := config(t), config(t)
	s := open(t, cfg)
	k := key(t, "a")
	put(t, s, k, []byte("mine"))
	name := entryFile(t, cfg)
	put(t, open(t, other), k, []byte("somebody else's"))
	foreign, err := os.ReadFile(entryFile(t, other))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, foreign, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, ok := s.Get(t.Context(), k); ok {
		t.Error("an entry under another secret was used")
	}
	put(t, s, key(t, "b"), []byte("b"))
	if err := os.Rename(entryFile(t, cfg), name); err != nil {
		t.Fatal(err)
	}
	if _, ok := s.Get(t.Context(), k); ok {
		t.Error("the entry of another key was used")
	}
}

// A secret that others may know, or that is no secret, is replaced.
func TestBadSecrets(t *testing.T) {
	for name, spoil := range map[string]func(string) error{
		"short":    func(f string) error { return os.WriteFile(f, []byte("short"), 0o600) },
		"long":     func(f string) error { return os.Truncate(f, 8<<30) },
		"missing":  os.Remove,
		"readable": func(f string) error { return os.Chmod(f, 0o644) },
	} {
		t.Run(name, func(t *testing.T) {
			if name == "readable" && runtime.GOOS == "windows" {
				t.Skip("no such modes here")
			}
			cfg := config(t)
			put(t, open(t, cfg), key(t, "a"), []byte("blob"))
			if err := spoil(cfg.Secret); err != nil {
				t.Fatal(err)
			}
			s := open(t, cfg)
			if _, ok := s.Get(t.Context(), key(t, "a")); ok {
				t.Fatal("an entry under the old secret was used")
			}
			put(t, s, key(t, "a"), []byte("blob"))
			if _, ok := open(t, cfg).Get(t.Context(), key(t, "a")); !ok {
				t.Fatal("the new secret does not last")
			}
		})
	}
}

// What was not used for longest makes room; what nobody uses goes; what is new stays.
func TestEviction(t *testing.T) {
	cfg := config(t)
	cfg.MaxBytes = 4000
	s := open(t, cfg)
	blob := make([]byte, 900)
	for i := range 4 {
		put(t, s, key(t, fmt.Sprint(i)), blob)
		ago := time.Now().Add(-time.Hour * time.Duration(4-i))
		names, _ := filepath.Glob(filepath.Join(cfg.Dir, "*"))
		for _, n := range names { // the oldest so far stay in order
			if info, err := os.Stat(n); err == nil && time.Since(info.ModTime()) < time.Minute {
				if err := os.Chtimes(n, ago, ago); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if _, ok := s.Get(t.Context(), key(t, "0")); !ok { // now it is the youngest
		t.Fatal("entry 0 is gone already")
	}
	put(t, s, key(t, "4"), blob)
	for name, want := range map[string]bool{"0": true, "1": false, "2": true, "3": true, "4": true} {
		if _, ok := s.Get(t.Context(), key(t, name)); ok != want {
			t.Errorf("entry %s: %v, want %v", name, ok, want)
		}
	}
	if s.Size() > cfg.MaxBytes {
		t.Errorf("%d bytes", s.Size())
	}
	err := s.Put(t.Context(), key(t, "huge"), make([]byte, 4001))
	if e, ok := errors.AsType[*artifact.Error](err); !ok || e.Hint() == "" {
		t.Error("larger than the cache:", err)
	}
	long := time.Now().Add(-100 * 24 * time.Hour)
	names, _ := filepath.Glob(filepath.Join(cfg.Dir, "*"))
	for _, n := range append(names, filepath.Join(cfg.Dir, ".new-1")) {
		if err := errors.Join(os.WriteFile(n, nil, 0o600), os.Chtimes(n, long, long)); err != nil {
			t.Fatal(err)
		}
	}
	if n := open(t, cfg).Size(); n != 0 {
		t.Errorf("%d bytes that nobody used for 100 days", n)
	}
	if left, _ := os.ReadDir(cfg.Dir); len(left) != 0 {
		t.Errorf("%d entries are left", len(left))
	}
}

// Deleting the directory under a store is fine.
func TestDirectoryDeleted(t *testing.T) {
	cfg := config(t)
	s := open(t, cfg)
	put(t, s, key(t, "a"), []byte("blob"))
	if err := os.RemoveAll(cfg.Dir); err != nil {
		t.Fatal(err)
	}
	if _, ok := s.Get(t.Context(), key(t, "a")); ok {
		t.Fatal("a hit from nothing")
	}
	if err := s.Put(t.Context(), key(t, "a"), []byte("blob")); err != nil {
		t.Fatal("it does not come back:", err)
	}
	if _, ok := s.Get(t.Context(), key(t, "a")); !ok {
		t.Fatal("a miss")
	}
}

// Stores that share a directory, with too little room for all they put, never see
// anything but whole entries.
func TestSharedDirectory(t *testing.T) {
	cfg := config(t)
	cfg.MaxBytes = 200_000
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			s, err := artifact.Open(cfg)
			if err != nil {
				t.Error(err)
				return
			}
			for i := range 100 {
				name := fmt.Sprint(i % 7)
				if got, ok := s.Get(t.Context(), key(t, name)); ok && !bytes.Equal(got, bytes.Repeat([]byte(name), 40_000)) {
					t.Errorf("entry %s has %d other bytes", name, len(got))
				}
				if err := s.Put(t.Context(), key(t, name), bytes.Repeat([]byte(name), 40_000)); err != nil {
					t.Error(err)
				}
			}
			if st := s.Stats(); st.Damaged > 0 {
				t.Errorf("%+v", st)
			}
		})
	}
	all.Wait()
}

func TestStoreCompiles(t *testing.T) {
	s := open(t, config(t))
	got, err := s.Compile(t.Context(), []byte("module"))
	if err != nil || string(got) != "compiled module" {
		t.Fatalf("%q, %v", got, err)
	}
	bad := config(t)
	bad.Child = childOf("refuse")
	s = open(t, bad)
	if _, err = s.Compile(t.Context(), nil); err == nil {
		t.Fatal("a refusal is lost")
	}
	if st := s.Stats(); st.Failed != 1 || st.Compiled != 0 {
		t.Errorf("%+v", st)
	}
}
