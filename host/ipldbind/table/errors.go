package table

import (
	"fmt"
	"strconv"

	"github.com/iprt/iprt/abi"
)

// Error says why a table was refused. It is the fault of the module that made the table, or of a limit that is too low, never of the
// block.
type Error struct {
	Status abi.Status // abi.StatusInvalid, or abi.StatusLimit if one of the limits of the format or of [Limits] was hit
	Record int        // index of the offending record, or -1 for the header
	Reason string     // what was wrong and what was expected
}

func (e *Error) Error() string {
	at := "header"
	if e.Record >= 0 {
		at = "record " + strconv.Itoa(e.Record)
	}
	return "token table refused: " + at + ": " + e.Reason
}

// Unwrap returns the status, for errors.Is.
func (e *Error) Unwrap() error { return e.Status }

// Code is the stable name of the error for machines.
func (e *Error) Code() string {
	if e.Status == abi.StatusLimit {
		return "table-limit"
	}
	return "invalid-table"
}

// Hint says what to do about it.
func (e *Error) Hint() string {
	if e.Status == abi.StatusLimit {
		return ""
	}
	return "the codec module is faulty: report it to its author with the block that caused this"
}

func headerError(format string, args ...any) error {
	return &Error{Status: abi.StatusInvalid, Record: -1, Reason: fmt.Sprintf(format, args...)}
}

func recordError(i uint32, format string, args ...any) error {
	return &Error{Status: abi.StatusInvalid, Record: int(i), Reason: fmt.Sprintf(format, args...)}
}

// limitError is for record i, or the header with -1.
func limitError(i int, format string, args ...any) error {
	return &Error{Status: abi.StatusLimit, Record: i, Reason: fmt.Sprintf(format, args...)}
}

// RangeError is returned where an integer below -2^63 is asked for as an int64, or copied into a NodeAssembler. Go's data model
// has no way to hold it; [BigInt] does.
type RangeError struct {
	N uint64 // the integer is -1-N
}

func (e *RangeError) Error() string {
	return fmt.Sprintf("integer -1-%d does not fit into an int64: Go's IPLD data model ends at -2^63", e.N)
}

// Code is the stable name of the error for machines.
func (e *RangeError) Code() string { return "integer-range" }

// BuildError says why a node cannot be written as a token table.
type BuildError struct {
	Reason string
	Err    error // what the node itself reported, or nil
}

func (e *BuildError) Error() string {
	if e.Err != nil {
		return "cannot encode node: " + e.Reason + ": " + e.Err.Error()
	}
	return "cannot encode node: " + e.Reason
}

// Unwrap returns what the node itself reported, if anything.
func (e *BuildError) Unwrap() error { return e.Err }

// Code is the stable name of the error for machines.
func (e *BuildError) Code() string { return "unencodable-node" }
