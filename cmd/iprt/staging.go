package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/iprt/iprt/host/node/control"
)

const (
	stagingPrefix = ".iprt-get-"
	// stagingLock is locked for as long as the process lives that writes there.
	stagingLock = "lock"
)

// staging is a folder beside the place where a file or directory is to be. What
// is made in it appears there whole, or not at all.
type staging struct {
	dir, out string
	lock     *os.File
}

// stage makes a place to write what is to be at out. It also clears away what
// processes that were killed have left beside it.
func stage(out string) (*staging, error) {
	if _, err := os.Lstat(out); err == nil {
		return nil, exists(out)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, fileError(err)
	}
	parent := filepath.Dir(out)
	sweep(parent)
	dir, err := os.MkdirTemp(parent, stagingPrefix)
	if err != nil {
		return nil, fileError(err)
	}
	s := &staging{dir: dir, out: out}
	// Under its name the lock is held from the beginning.
	s.lock, err = os.OpenFile(filepath.Join(dir, "new"), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		lockStaging(s.lock)
		if runtime.GOOS != "windows" { // where no file is renamed while it is open
			err = os.Rename(s.lock.Name(), filepath.Join(dir, stagingLock))
		}
	}
	if err != nil {
		return nil, errors.Join(fileError(err), s.close())
	}
	return s, nil
}

func exists(out string) error {
	return control.Errorf(control.Failed, "file-exists", "move it away, or name another file with -o", "%s is there already", out)
}

// part is where to write.
func (s *staging) part() string { return filepath.Join(s.dir, "part") }

// commit moves the part to its place. It never replaces anything, whatever came
// there meanwhile.
func (s *staging) commit() error {
	info, err := os.Lstat(s.part())
	if err != nil {
		return fileError(err)
	}
	if info.IsDir() {
		err = placeDir(s.part(), s.out)
	} else {
		err = placeFile(s.part(), s.out)
	}
	if errors.Is(err, fs.ErrExist) {
		return exists(s.out)
	}
	if err != nil {
		return fileError(err)
	}
	return nil
}

// placeFile gives the file a second name, which fails if that is taken. Not all
// file systems can; there a file that was made to keep the place is replaced.
func placeFile(part, out string) error {
	err := os.Link(part, out)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	f, err := os.OpenFile(out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Rename(part, out))
}

// close removes what was not committed.
func (s *staging) close() error {
	var err error
	if s.lock != nil {
		err = s.lock.Close()
	}
	return errors.Join(err, os.RemoveAll(s.dir))
}

// sweep removes what killed processes left in parent. It is a courtesy: what it
// cannot remove stays.
func sweep(parent string) {
	left, err := filepath.Glob(filepath.Join(filepath.Clean(parent), stagingPrefix+"*"))
	if err != nil {
		return
	}
	for _, dir := range left {
		if info, err := os.Lstat(dir); err == nil && info.IsDir() && abandoned(dir) {
			_ = os.RemoveAll(dir)
		}
	}
}
