package artifact

import (
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// tempAge is how old a temporary file is that nobody writes any more.
const tempAge = time.Hour

type entry struct {
	name string
	size int64
	used time.Time
}

// trim removes what is too old, then what was not used for longest until the
// rest fits, but not keep. Other processes may do the same at the same time; what
// they have removed already is fine.
func (s *Store) trim(keep string) {
	var entries []entry
	var total int64
	for _, e := range s.list() {
		if s.tooOld(e) {
			s.evict(e)
			continue
		}
		if !e.complete() { // another process is writing it
			continue
		}
		entries, total = append(entries, e), total+e.size
	}
	slices.SortFunc(entries, func(a, b entry) int { return a.used.Compare(b.used) })
	for _, e := range entries {
		if total <= s.cfg.MaxBytes {
			return
		}
		if e.name != keep && s.evict(e) {
			total -= e.size
		}
	}
}

// list finds the regular files of the directory. Whatever else somebody put there is
// not the store's.
func (s *Store) list() (entries []entry) {
	names, err := os.ReadDir(s.cfg.Dir)
	if err != nil {
		s.cfg.Log.Warn("cannot list the compile cache", "err", err)
	}
	now := time.Now()
	for _, d := range names {
		info, err := d.Info()
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		used := info.ModTime()
		if used.After(now.Add(time.Hour)) { // a clock was wrong; nothing says when
			used = time.Time{}
		}
		entries = append(entries, entry{filepath.Join(s.cfg.Dir, d.Name()), info.Size(), used})
	}
	return entries
}

func (e entry) complete() bool { return strings.HasSuffix(e.name, suffix) }

func (s *Store) tooOld(e entry) bool {
	if !e.complete() {
		return time.Since(e.used) > tempAge
	}
	return !e.used.IsZero() && time.Since(e.used) > s.cfg.MaxAge
}

func (s *Store) evict(e entry) bool {
	if err := os.Remove(e.name); err != nil {
		if !os.IsNotExist(err) {
			s.cfg.Log.Warn("cannot remove an entry of the compile cache", "file", e.name, "err", err)
			return false
		}
		return true
	}
	s.count.evicted.Add(1)
	return true
}

// Size returns how many bytes the entries take now.
func (s *Store) Size() (n int64) {
	for _, e := range s.list() {
		n += e.size
	}
	return n
}

// Usage reports how many entries the cache below dir holds, and how many bytes they
// take, without opening it. A directory that is not there holds none.
func Usage(dir string) (entries int, bytes int64) {
	s := &Store{cfg: Config{Dir: dir, Log: slog.New(slog.DiscardHandler)}}
	for _, e := range s.list() {
		if e.complete() {
			entries, bytes = entries+1, bytes+e.size
		}
	}
	return entries, bytes
}
