// Package plainfile reads and replaces the small files that a program keeps,
// in directories where others may have put something else in their place: a
// pipe that nobody writes to, a device, a link, a file of many gigabytes.
//
// Start with [Read] and [Replace]. Nothing here waits for another process, reads
// more than it was told to, or leaves half a file under the name it was given.
package plainfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Error says that there is something else than the file expected.
type Error struct {
	Path string
	Got  string // what is there
	Want string // what was expected
}

func (e *Error) Error() string { return fmt.Sprintf("%s is %s, expected %s", e.Path, e.Got, e.Want) }

// Code is "not-a-plain-file".
func (e *Error) Code() string { return "not-a-plain-file" }

// Hint says what to do about it.
func (e *Error) Hint() string { return "look at what " + e.Path + " is, and move it away" }

// Read returns the content of a regular file of at most limit bytes. Links are
// followed. Memory is taken as the content arrives, and never more than twice
// the limit.
//
// Errors: [*Error] for what is no regular file, or larger; *fs.PathError.
func Read(name string, limit int64) ([]byte, error) {
	f, err := Open(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	b, err := ReadAll(f, limit)
	return b, errors.Join(err, f.Close())
}

// ReadNoLink is [Read] for a file that must not be a link.
func ReadNoLink(name string, limit int64) ([]byte, error) {
	f, err := Open(name, os.O_RDONLY|NoFollow, 0)
	if err != nil {
		return nil, err
	}
	b, err := ReadAll(f, limit)
	return b, errors.Join(err, f.Close())
}

// ReadAll is the reading part of [Read], for a file that was opened already.
func ReadAll(f *os.File, limit int64) ([]byte, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	tooLarge := func(n int64) error {
		return &Error{Path: f.Name(), Got: fmt.Sprintf("%d bytes or more", n), Want: fmt.Sprintf("at most %d", limit)}
	}
	if info.Size() > limit {
		return nil, tooLarge(info.Size())
	}
	b, err := io.ReadAll(io.LimitReader(f, limit+1)) // the size may have changed since
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > limit {
		return nil, tooLarge(int64(len(b)))
	}
	return b, nil
}

// Open opens a file as os.OpenFile does, and makes sure that it is a regular one
// before and after. It never waits: a pipe without a writer is an error like
// any other. With [NoFollow] in flag a link is refused.
//
// Errors: [*Error]; *fs.PathError.
func Open(name string, flag int, perm fs.FileMode) (*os.File, error) {
	// To open a device is to use it, so look before. What changes in between is
	// caught afterwards.
	look := os.Stat
	if flag&NoFollow != 0 {
		look = os.Lstat
	}
	info, err := look(name)
	switch {
	case err == nil:
		err = regular(name, info)
	case errors.Is(err, fs.ErrNotExist) && flag&os.O_CREATE != 0:
		err = nil
	}
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(name, openFlags(flag), perm)
	if err != nil {
		return nil, err
	}
	if info, err = f.Stat(); err == nil {
		err = regular(name, info)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func regular(name string, info fs.FileInfo) error {
	if info.Mode().IsRegular() {
		return nil
	}
	return &Error{Path: name, Got: kind(info.Mode()), Want: "a regular file"}
}

func kind(m fs.FileMode) string {
	switch {
	case m.IsDir():
		return "a directory"
	case m&fs.ModeSymlink != 0:
		return "a symbolic link"
	case m&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case m&fs.ModeSocket != 0:
		return "a socket"
	case m&fs.ModeDevice != 0:
		return "a device"
	}
	return "something special"
}

// TempPattern matches the temporary files of [Replace] and [Create].
const TempPattern = ".new-*"

// Replace writes a file durably: after a crash there is the old content or the
// new one, whole, and after a return without error it is the new one.
func Replace(name string, data []byte, mode fs.FileMode) error {
	return install(name, data, mode, os.Rename)
}

// Create is [Replace] for a file that must not be there yet: the error then
// wraps fs.ErrExist, and the file stays what it was. Of several processes
// that create one file at the same time, one succeeds.
func Create(name string, data []byte, mode fs.FileMode) error {
	return install(name, data, mode, func(tmp, name string) error {
		if err := os.Link(tmp, name); err != nil {
			return err
		}
		return os.Remove(tmp)
	})
}

func install(name string, data []byte, mode fs.FileMode, move func(from, to string) error) error {
	dir := filepath.Dir(name)
	tmp, err := os.CreateTemp(dir, TempPattern) // mode 0600
	if err != nil {
		return err
	}
	_, err = tmp.Write(data)
	if err == nil && mode != 0o600 {
		err = tmp.Chmod(mode)
	}
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err == nil {
		err = move(tmp.Name(), name)
	}
	if err != nil {
		_ = os.Remove(tmp.Name()) // the first error says more
		return err
	}
	return SyncDir(dir)
}

// Sweep removes what a crash may have left in dir: the entries whose names match
// a pattern of path.Match. It must not run beside [Replace] or [Create].
func Sweep(dir, pattern string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range entries {
		if ok, err := filepath.Match(pattern, e.Name()); err != nil {
			return err
		} else if ok {
			errs = append(errs, os.Remove(filepath.Join(dir, e.Name())))
		}
	}
	return errors.Join(errs...)
}
