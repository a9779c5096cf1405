// Package datadir owns the layout of a node's data directory and makes sure
// that one process at a time uses it. Start with [Open].
//
//	<dir>/            mode 0700
//	  version         "1\n"; a directory of a later version is refused
//	  lock            held with an advisory lock while a process uses the directory
//	  key             the peer's private key, libp2p protobuf, mode 0600
//	  blocks/         flatfs block store
//	  policy.json     what the operator allows
//	  control.sock    socket of the running node (package control)
//	  artifacts/      compiled code, may be deleted at any time; artifact.key vouches for it
//	  breakers.json   modules that are in quarantine
//
// Whatever lies in the place of one of these files, a pipe or gigabytes of noise,
// is an error and never a wait.
//
// The layout is part of the compatibility promise of the command line: later
// releases read a directory of version 1.
package datadir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/iprt/iprt/internal/plainfile"
)

// Version is the layout this package reads and writes.
const Version = 1

// Dir is an open, locked data directory.
type Dir struct {
	path string
	lock *os.File
}

// Error says what is wrong with a data directory.
type Error struct {
	Path   string
	Reason string
	Advice string
	Slug   string
	Err    error
}

func (e *Error) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s %s: %v", e.Path, e.Reason, reason(e.Err))
	}
	return e.Path + " " + e.Reason
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Hint says what to do.
func (e *Error) Hint() string { return e.Advice }

// Code is stable, for programs.
func (e *Error) Code() string { return e.Slug }

// ErrLocked is wrapped by the error of [Open] when another process uses the
// directory.
var ErrLocked = errors.New("in use by another process")

// Open locks the directory, creating it if it does not exist. The lock dies
// with the process, however that ends, so a crash leaves nothing to repair.
func Open(path string) (*Dir, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, unusable(path, err)
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, unusable(path, err)
	}
	// The version is looked at first: a later layout may lock in another way.
	if err := CheckVersion(path); err != nil {
		return nil, err
	}
	if err := CheckOwner(path); err != nil {
		return nil, err
	}
	f, err := plainfile.Open(filepath.Join(path, "lock"), os.O_RDWR|os.O_CREATE|plainfile.NoFollow, 0o600)
	if err != nil {
		return nil, unusable(path, err)
	}
	if err := lockFile(f); err != nil {
		_ = f.Close()
		if errors.Is(err, ErrLocked) {
			return nil, &Error{Path: path, Reason: "is in use by another iprt process", Slug: "data-dir-locked", Err: err,
				Advice: "wait for it to end or stop it, or give this one its own --data-dir"}
		}
		return nil, unusable(path, err)
	}
	d := &Dir{path: path, lock: f}
	if err := errors.Join(d.sweep(), d.writeVersion()); err != nil {
		return nil, errors.Join(unusable(path, err), d.Close())
	}
	return d, nil
}

// Locked reports whether a process uses the directory at path. It makes nothing
// and holds nothing.
func Locked(path string) (bool, error) {
	f, err := plainfile.Open(filepath.Join(path, "lock"), os.O_RDWR|plainfile.NoFollow, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, unusable(path, err)
	}
	err = lockFile(f)
	_ = f.Close()
	if err != nil && !errors.Is(err, ErrLocked) {
		return false, unusable(path, err)
	}
	return err != nil, nil
}

// Path is the absolute path of the directory.
func (d *Dir) Path() string { return d.path }

// Join returns the path of a file in the directory.
func (d *Dir) Join(name string) string { return filepath.Join(d.path, name) }

// Close releases the lock.
func (d *Dir) Close() error { return d.lock.Close() }

// CheckVersion reports whether this package can read the directory at path. A
// directory without a version file is new, which is fine.
func CheckVersion(path string) error {
	b, err := plainfile.Read(filepath.Join(path, "version"), maxVersion)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return unusable(path, err)
	}
	text := strings.TrimSpace(string(b[:min(len(b), 32)]))
	n, err := strconv.ParseUint(text, 10, 31)
	switch {
	case err != nil || n == 0:
		return &Error{Path: path, Reason: fmt.Sprintf("has a file \"version\" that says %q, where a number is expected", text),
			Slug: "data-dir-version", Advice: "point --data-dir at a directory that iprt made, or at one that does not exist yet"}
	case n > Version:
		return &Error{Path: path, Reason: fmt.Sprintf("has version %d, and this iprt reads up to version %d", n, Version),
			Slug: "data-dir-version", Advice: "use the iprt that made it, or a later one, or another --data-dir"}
	}
	return nil
}

// maxVersion is far above the size of any version file, in bytes.
const maxVersion = 4 << 10

func (d *Dir) writeVersion() error {
	name := d.Join("version")
	if _, err := os.Stat(name); err == nil {
		return nil
	}
	return plainfile.Replace(name, []byte(strconv.Itoa(Version)+"\n"), 0o644)
}

// sweep removes what processes that were killed have left. Nobody else writes here
// while the lock is held.
func (d *Dir) sweep() error {
	var errs []error
	// The last three are what iprt 0.1 called its temporary files.
	for _, pattern := range []string{plainfile.TempPattern, "policy.json.new-*", ".version-*", ".key-*"} {
		errs = append(errs, plainfile.Sweep(d.path, pattern))
	}
	return errors.Join(errs...)
}

// CheckOwner reports whether the directory at path may be used by this process as
// far as its owner is concerned. Whoever owns it decides what the node allows, so it
// must belong to this user or to root. Root may use anybody's: it does so in containers,
// with directories from outside. A directory that is not there is fine.
func CheckOwner(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return nil // what uses it will say so
	}
	uid, ok := plainfile.Owner(info)
	if me := os.Geteuid(); ok && uid != me && uid != 0 && me != 0 {
		return &Error{Path: path, Reason: fmt.Sprintf("belongs to user %d, and this is user %d", uid, me), Slug: "data-dir-owner",
			Advice: "run iprt as that user, or choose another directory with --data-dir or IPRT_DIR"}
	}
	return nil
}

// Strangers says, for people, who besides this user can change what is in the
// directory at path; it is empty if nobody can but root.
func Strangers(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return ""
	}
	if uid, ok := plainfile.Owner(info); ok && uid != os.Geteuid() && uid != 0 {
		return fmt.Sprintf("user %d, to whom it belongs", uid)
	}
	if mode := info.Mode().Perm(); runtime.GOOS != "windows" && mode&0o022 != 0 {
		return fmt.Sprintf("others, as it has mode %04o", mode)
	}
	return ""
}

func unusable(path string, err error) *Error {
	return &Error{Path: path, Reason: "cannot be used as data directory", Slug: "data-dir", Err: err,
		Advice: "choose a directory that you may write to, with --data-dir or IPRT_DIR"}
}

// reason drops the path from a PathError: the message has it already.
func reason(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}
