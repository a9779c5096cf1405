package fetch

import (
	"errors"
	"fmt"
	"strings"

	"github.com/ipfs/go-cid"
)

// ErrNotFound says that a block is nowhere to be had: not held, or its holders
// cannot be reached.
var ErrNotFound = errors.New("not found")

// A Cause is why one source did not deliver.
type Cause struct {
	Source string
	Err    error
}

func (c Cause) String() string {
	var wrong *HashError
	if errors.As(c.Err, &wrong) {
		return fmt.Sprintf("%s: sent %d bytes that do not match", c.Source, wrong.Size)
	}
	return fmt.Sprintf("%s: %v", c.Source, c.Err)
}

// Error says that no source delivered a block, and why, source by source.
//
// It matches a [*HashError] when a source answered with wrong bytes (content
// was refused), else [ErrNotFound]; never both.
type Error struct {
	CID cid.Cid // the block
	// Root is what was asked for; the block is part of it, or the same.
	Root    cid.Cid
	Causes  []Cause
	Offline bool // the network was not asked
}

func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "fetch %s: ", e.Root)
	if e.CID != e.Root {
		fmt.Fprintf(&b, "block %s: ", e.CID)
	}
	if e.lie() != nil {
		b.WriteString("only wrong content was offered")
	} else {
		b.WriteString("not found")
	}
	for i, c := range e.Causes {
		sep := "; "
		if i == 0 {
			sep = " ("
		}
		b.WriteString(sep + c.String())
	}
	if len(e.Causes) > 0 {
		b.WriteByte(')')
	}
	return b.String()
}

// lie returns the first cause that is wrong content.
func (e *Error) lie() *HashError {
	for _, c := range e.Causes {
		var h *HashError
		if errors.As(c.Err, &h) {
			return h
		}
	}
	return nil
}

// Unwrap returns what decides the class of the error.
func (e *Error) Unwrap() error {
	if h := e.lie(); h != nil {
		return h
	}
	return ErrNotFound
}

// Code is "hash-mismatch" or "not-found".
func (e *Error) Code() string {
	if e.lie() != nil {
		return "hash-mismatch"
	}
	return "not-found"
}

// Hint says what to do about it.
func (e *Error) Hint() string {
	switch {
	case e.lie() != nil:
		return "the named sources serve bytes that do not match the CID; do not use them, or repair them"
	case e.Offline:
		return "the network was not asked: go online, or import the content first"
	default:
		return "name a peer or a gateway that has the content, and check that it can be reached"
	}
}

// HashError says that a source answered with bytes that the CID does not name.
type HashError struct {
	CID    cid.Cid
	Source string
	Size   int // bytes in the answer
}

func (e *HashError) Error() string {
	return fmt.Sprintf("%s sent %d bytes that do not match %s", e.Source, e.Size, e.CID)
}

// Code is "hash-mismatch".
func (e *HashError) Code() string { return "hash-mismatch" }

// CIDError says that a CID is not accepted, whatever content it names.
type CIDError struct {
	CID    cid.Cid
	Reason string
}

func (e *CIDError) Error() string {
	return fmt.Sprintf("fetch %s: CID is not accepted: %s", e.CID, e.Reason)
}

// Code is "cid-refused".
func (e *CIDError) Code() string { return "cid-refused" }

// Hint says what to do about it.
func (e *CIDError) Hint() string {
	return "add the content again with sha2-256, sha2-512, blake3 or blake2b-256 and a digest of at least 32 bytes"
}

// BudgetError says which limit of the request's [Budget] was hit.
type BudgetError struct {
	CID cid.Cid // what was asked for
	// What is "bytes", "blocks", "depth" or "time".
	What string
	// Limit is in units of What; for time in milliseconds.
	Limit int64
}

func (e *BudgetError) Error() string {
	switch e.What {
	case "depth":
		return fmt.Sprintf("fetch %s: its tree is more than %d levels deep", e.CID, e.Limit)
	case "time":
		return fmt.Sprintf("fetch %s: took longer than %d ms", e.CID, e.Limit)
	default:
		return fmt.Sprintf("fetch %s: more than %d %s", e.CID, e.Limit, e.What)
	}
}

// Code is "fetch-limit".
func (e *BudgetError) Code() string { return "fetch-limit" }

// Hint says what to do about it.
func (e *BudgetError) Hint() string {
	return "this is the limit for fetched content of this kind; if you trust it, pin it, which raises the limit"
}

// ContentError says that a block has the right hash but is not what its codec
// or UnixFS promises: it does not parse, or its sizes are wrong.
type ContentError struct {
	CID    cid.Cid // the block
	Root   cid.Cid // what was asked for
	Reason string
}

func (e *ContentError) Error() string {
	if e.CID == e.Root {
		return fmt.Sprintf("fetch %s: %s", e.Root, e.Reason)
	}
	return fmt.Sprintf("fetch %s: block %s: %s", e.Root, e.CID, e.Reason)
}

// Code is "bad-content".
func (e *ContentError) Code() string { return "bad-content" }

// Hint says what to do about it.
func (e *ContentError) Hint() string {
	return "the content itself is malformed, and no source can mend that; ask its author to add it again"
}

// NotFileError says that a CID names something that is not a file.
type NotFileError struct {
	CID cid.Cid
	// Kind is what it is: "directory", "symlink", "dag-cbor block", …
	Kind string
	// Entries are the first names in a directory; Total is how many there are.
	Entries []string
	Total   int
}

func (e *NotFileError) Error() string {
	return fmt.Sprintf("fetch %s: it is a %s, expected a file", e.CID, e.Kind)
}

// Code is "not-a-file".
func (e *NotFileError) Code() string { return "not-a-file" }

// Hint names a few entries of a directory.
func (e *NotFileError) Hint() string {
	if len(e.Entries) == 0 {
		return "give the CID of a raw block or of a UnixFS file"
	}
	more := ""
	if e.Total > len(e.Entries) {
		more = fmt.Sprintf(" and %d more", e.Total-len(e.Entries))
	}
	quoted := make([]string, len(e.Entries))
	for i, n := range e.Entries {
		quoted[i] = fmt.Sprintf("%q", n)
	}
	return "give the CID of one of its files: " + strings.Join(quoted, ", ") + more
}
