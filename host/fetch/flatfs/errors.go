package flatfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"
)

// Error says that the store could not do something, and on which directory.
type Error struct {
	Op  string // "open", "read", "write", "delete", "list", "close"
	Dir string
	Err error
}

// fail wraps err. Nil stays nil, and the end of a context is not the store's.
func (s *Store) fail(op string, err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return &Error{Op: op, Dir: s.dir, Err: err}
}

func (e *Error) Error() string {
	return fmt.Sprintf("store %s: %s: %v", e.Dir, e.Op, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// Code is "disk-full", "store-read-only" or "store-failed".
func (e *Error) Code() string {
	switch {
	case errors.Is(e.Err, syscall.ENOSPC), errors.Is(e.Err, syscall.EDQUOT):
		return "disk-full"
	case errors.Is(e.Err, syscall.EROFS), errors.Is(e.Err, fs.ErrPermission):
		return "store-read-only"
	default:
		return "store-failed"
	}
}

// Hint says what to do about it.
func (e *Error) Hint() string {
	switch e.Code() {
	case "disk-full":
		return "free some space on the disk; everything that was stored before is intact"
	case "store-read-only":
		return "make the directory writable for this user, or choose another data directory"
	default:
		return "check the disk and the directory; blocks that were damaged are fetched again when they are next needed"
	}
}
