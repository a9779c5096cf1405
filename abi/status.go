package abi

import "strconv"

// Status is how a call ended. The zero value is success. As an error it is
// comparable: errors.Is(err, abi.StatusNotFound).
type Status uint32

// String gives the name in the status table, such as "NOT_FOUND", or
// "status 99" for a number outside it.
func (s Status) String() string {
	if s.Known() {
		return statusNames[s]
	}
	return "status " + strconv.FormatUint(uint64(s), 10)
}

// Error makes a Status usable as an error. A nil error, not StatusOK, is success.
func (s Status) Error() string { return s.String() }

// Known reports whether the number is in the table of this version.
func (s Status) Known() bool { return uint64(s) < uint64(len(statusNames)) }

// Error is a status with a text: what a role call reports, and what a codec
// returns to choose the status.
type Error struct {
	Status Status
	Text   string // for people; the host sanitises it before showing it
}

// Error gives the text, or the status's name when there is none.
func (e *Error) Error() string {
	if e.Text == "" {
		return e.Status.String()
	}
	return e.Text
}

// Unwrap gives the status, so that errors.Is(err, StatusInvalid) holds.
func (e *Error) Unwrap() error { return e.Status }

// Pack joins an address and a length into the result of a role call. ptr must
// not be 0, even for an empty result.
func Pack(ptr, n uint32) uint64 { return uint64(ptr)<<32 | uint64(n) }

// Unpack splits the result of a role call. With ptr 0 the call failed, and the
// length is its status.
func Unpack(r uint64) (ptr, n uint32) { return uint32(r >> 32), uint32(r) }
