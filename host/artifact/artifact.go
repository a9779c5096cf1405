// Package artifact keeps compiled code on disk, and makes it in a process that
// can be killed.
//
// Start with [Open]. [Store.Get] and [Store.Put] are the cache; [Store.Compile]
// runs the compiler of an engine in a child process, which is this program again:
// its main calls [ChildMain] when it is started with the arguments of
// [Config.Child].
//
// # What the cache promises
//
// To run an artifact is to run machine code, so an entry is used only if this
// store made it: every file carries a MAC over its key and its bytes, under a
// secret that only the owner of the data directory can read. An entry that is
// damaged, cut, swapped with another's or made under another secret is the same
// as none, and is deleted. Deleting the directory, or the secret, is always
// fine: code is then compiled again.
//
// A file is written under another name and renamed, so that it is whole or not
// there. Several processes may use one directory. What was not used for longest goes first
// when the cache is full; code of engines that are no longer used goes that way.
//
// # What the child cannot do
//
// It gets one module on standard input and gives one artifact on standard
// output. It has no environment, no file but those two and standard error, the root
// as its working directory, and bounds on time, processor time, memory and what it
// may print; it is killed with all it started when it passes one, and when this
// process dies. It has no access to the cache: on Linux the system refuses it
// files, networks and programs. See [Bounds] for what is enforced here.
package artifact

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/ipfs/go-cid"

	"github.com/iprt/iprt/internal/plainfile"
)

// Key names compiled code: what it was made from, how, and for what. Artifacts of
// equal keys are interchangeable.
type Key struct {
	Module   cid.Cid // identity of the module's own bytes
	Meter    string  // canonical configuration of the meter
	Engine   string  // build of the engine, see engine.Engine
	Features string  // what else changes the code
}

// sum is the key as a name. Fields are framed, so that no two keys look alike.
func (k Key) sum() [sha256.Size]byte {
	h := sha256.New()
	for _, field := range []string{"iprt artifact key 1", k.Module.KeyString(), k.Meter, k.Engine, k.Features} {
		var n [8]byte
		binary.LittleEndian.PutUint64(n[:], uint64(len(field)))
		h.Write(n[:])
		h.Write([]byte(field))
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// Config says where artifacts are kept and how they are made. Dir and Secret are
// required for [Open].
type Config struct {
	// Dir holds the entries. It is made if it does not exist.
	Dir string
	// Secret is the file of the key that entries are authenticated with. It is made
	// if it does not exist, with mode 0600, and made anew if others could read it or it
	// is damaged. It must not be in a place that others can write to.
	Secret string
	// MaxBytes bounds what Dir takes on disk. 0 means 512 MiB.
	MaxBytes int64
	// MaxAge is how long an entry is kept that nobody uses. 0 means 30 days.
	MaxAge time.Duration
	// Child is how to compile outside of this process.
	Child Child
	// Log is told what is wrong with entries. Nil drops it.
	Log *slog.Logger
}

// Store keeps artifacts. All methods may be called from several goroutines, and
// several stores, in as many processes, may share a directory.
type Store struct {
	cfg      Config
	secret   []byte
	children chan struct{} // one token for each that may run
	count    counters
}

type counters struct {
	hits, misses, damaged, evicted, compiled, failed atomic.Uint64
}

// Stats counts what a [Store] has done since it was opened.
type Stats struct {
	Hits, Misses     uint64 // of Get
	Damaged          uint64 // entries that were not authentic, among the misses
	Evicted          uint64 // entries that made room, or were too old
	Compiled, Failed uint64 // child processes, by how they ended
}

// Open opens the store, and makes what is not there yet.
//
// Errors: [*Error].
func Open(cfg Config) (*Store, error) {
	if cfg.MaxBytes == 0 {
		cfg.MaxBytes = 512 << 20
	}
	if cfg.MaxAge == 0 {
		cfg.MaxAge = 30 * 24 * time.Hour
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	cfg.Child = cfg.Child.withDefaults()
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fail("open", cfg.Dir, err)
	}
	secret, err := openSecret(cfg.Secret, cfg.Log)
	if err != nil {
		return nil, fail("open", cfg.Secret, err)
	}
	s := &Store{cfg: cfg, secret: secret, children: make(chan struct{}, cfg.Child.Parallel)}
	s.trim("")
	return s, nil
}

// Get returns the artifact of a key, which the caller owns, and whether there is
// an authentic one. What is not authentic is deleted. It is never an error: what
// cannot be read is compiled again.
func (s *Store) Get(ctx context.Context, k Key) ([]byte, bool) {
	if ctx.Err() != nil {
		return nil, false
	}
	name := s.file(k)
	b, err := plainfile.ReadNoLink(name, s.cfg.MaxBytes)
	if err == nil {
		b, err = s.open(k, b)
	}
	if err != nil {
		s.miss(name, err)
		return nil, false
	}
	s.count.hits.Add(1)
	now := time.Now()
	_ = os.Chtimes(name, now, now) // only for the order of eviction
	return b, true
}

// miss deletes what is under a name and cannot be used.
func (s *Store) miss(name string, err error) {
	s.count.misses.Add(1)
	if os.IsNotExist(err) {
		return
	}
	s.count.damaged.Add(1)
	s.cfg.Log.Warn("dropped an entry of the compile cache", "file", name, "why", err)
	if err := os.Remove(name); err != nil && !os.IsNotExist(err) {
		s.cfg.Log.Warn("cannot remove an entry of the compile cache", "file", name, "err", err)
	}
}

// Put keeps an artifact that was made for a key. When it returns nil the entry
// is on disk; when it does not, nothing has changed. A failed Put costs the next process
// a compilation and nothing else.
//
// Errors: [*Error]; ctx.Err().
func (s *Store) Put(ctx context.Context, k Key, blob []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	name := s.file(k)
	if size := int64(headerSize + len(blob)); size > s.cfg.MaxBytes {
		return fail("write", name, fmt.Errorf("the entry has %d bytes, expected at most %d, the size of the whole cache", size, s.cfg.MaxBytes))
	}
	err := os.MkdirAll(s.cfg.Dir, 0o700) // it may have been deleted
	if err == nil {
		err = plainfile.Replace(name, s.seal(k, blob), 0o600)
	}
	if err != nil {
		return fail("write", s.cfg.Dir, err)
	}
	s.trim(name)
	return nil
}

// Compile makes an artifact of a metered module in a child process. It waits while
// as many run as may. ctx ends the child, too.
//
// Errors: [*ChildError]; ctx.Err().
func (s *Store) Compile(ctx context.Context, metered []byte) ([]byte, error) {
	select {
	case s.children <- struct{}{}:
		defer func() { <-s.children }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	blob, err := s.cfg.Child.Compile(ctx, metered)
	if err != nil {
		s.count.failed.Add(1)
		return nil, err
	}
	s.count.compiled.Add(1)
	return blob, nil
}

// Stats reports what the store has done.
func (s *Store) Stats() Stats {
	c := &s.count
	return Stats{
		Hits: c.hits.Load(), Misses: c.misses.Load(), Damaged: c.damaged.Load(),
		Evicted: c.evicted.Load(), Compiled: c.compiled.Load(), Failed: c.failed.Load(),
	}
}

func (s *Store) file(k Key) string {
	sum := k.sum()
	return filepath.Join(s.cfg.Dir, fmt.Sprintf("%x", sum[:])+suffix)
}
