package artifact

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// Error says what the cache could not do, and where.
type Error struct {
	Op   string // "open" or "write"
	Path string
	Err  error
}

func fail(op, path string, err error) error { return &Error{Op: op, Path: path, Err: err} }

func (e *Error) Error() string {
	return fmt.Sprintf("compile cache %s: %s: %v", e.Path, e.Op, reason(e.Err))
}

// reason drops the paths: the message has one already.
func reason(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	if l, ok := errors.AsType[*os.LinkError](err); ok {
		return l.Err
	}
	return err
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Code is "disk-full", "cache-read-only" or "cache-failed".
func (e *Error) Code() string {
	switch {
	case errors.Is(e.Err, syscall.ENOSPC), errors.Is(e.Err, syscall.EDQUOT), errors.Is(e.Err, syscall.EFBIG):
		return "disk-full"
	case errors.Is(e.Err, syscall.EROFS), errors.Is(e.Err, fs.ErrPermission):
		return "cache-read-only"
	}
	return "cache-failed"
}

// Hint says what to do about it.
func (e *Error) Hint() string {
	switch e.Code() {
	case "disk-full":
		return "free some space; the compile cache itself may be deleted at any time"
	case "cache-read-only":
		return "make the directory writable for this user"
	}
	return "check the disk; the compile cache may be deleted at any time"
}

// Failure is how a compile child failed.
type Failure string

// The failures.
const (
	FailedStart   Failure = "start"   // the process could not be started
	FailedTime    Failure = "time"    // it passed its deadline
	FailedCPU     Failure = "cpu"     // it used up its processor time
	FailedMemory  Failure = "memory"  // it ran out of memory
	FailedOutput  Failure = "output"  // the artifact is larger than allowed
	FailedGarbage Failure = "garbage" // it printed something else than an artifact
	FailedCrash   Failure = "crash"   // it ended otherwise
	FailedRefused Failure = "refused" // the engine does not accept the module
)

// ChildError is a compilation in a child process that failed. It says nothing
// about the health of this process.
type ChildError struct {
	Failure Failure
	Limit   string // that was hit, for people; empty if none was
	Text    string // of the engine, or the end of what the child complained about
	Err     error
}

func (e *ChildError) Error() string {
	s := map[Failure]string{
		FailedStart:   "the compile process could not be started",
		FailedTime:    "compiling took longer than " + e.Limit,
		FailedCPU:     "compiling took more than " + e.Limit + " of processor time",
		FailedMemory:  "compiling took more than " + e.Limit + " of memory",
		FailedOutput:  "the compiled code is larger than " + e.Limit,
		FailedGarbage: "the compile process printed something else than compiled code",
		FailedCrash:   "the compile process died",
		FailedRefused: "the engine does not accept the module",
	}[e.Failure]
	switch {
	case e.Text != "":
		s += ": " + e.Text
	case e.Err != nil:
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause, if it is one of this process.
func (e *ChildError) Unwrap() error { return e.Err }

// Code is "compile-limit", "compile-refused" or "compile-failed".
func (e *ChildError) Code() string {
	switch e.Failure {
	case FailedTime, FailedCPU, FailedMemory, FailedOutput:
		return "compile-limit"
	case FailedRefused:
		return "compile-refused"
	}
	return "compile-failed"
}

// Hint says what to do about it.
func (e *ChildError) Hint() string {
	switch e.Code() {
	case "compile-limit":
		return "the module is built so that compiling it is expensive; use another, or run it with --engine wazero-interpreter"
	case "compile-refused":
		return "build the module again with a released toolchain"
	}
	return "see `iprt doctor`; if it says that this program can start itself, report the module"
}
