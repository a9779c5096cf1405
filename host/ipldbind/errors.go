package ipldbind

import (
	"errors"
	"fmt"

	"github.com/ipfs/go-cid"
)

// CodecError is a failure of a codec module, or of what it was given or gave. Err is one of the errors of package host, a *table.Error for a
// result that breaks the rules, a *table.BuildError for a node that cannot be encoded, a *[SizeError], or of the context.
type CodecError struct {
	Op         string // "decode", "encode" or "links"
	Multicodec uint64 // code of the blocks
	Module     cid.Cid
	Err        error
}

func (e *CodecError) Error() string {
	return fmt.Sprintf("codec 0x%x: %s with module %s: %v", e.Multicodec, e.Op, e.Module, e.Err)
}

// Unwrap returns the cause.
func (e *CodecError) Unwrap() error { return e.Err }

// Code is that of the cause.
func (e *CodecError) Code() string { return codeOf(e.Err, "codec") }

// Hint is that of the cause.
func (e *CodecError) Hint() string { return hintOf(e.Err) }

// SizeError is a block that is too large to be decoded, or that came out too large.
type SizeError struct {
	What      string // what was measured
	Size, Max int    // bytes; Size may be only as much as was read
}

func (e *SizeError) Error() string {
	return fmt.Sprintf("%s of %d bytes or more, at most %d are accepted", e.What, e.Size, e.Max)
}

// Code is the stable name of the error for machines.
func (e *SizeError) Code() string { return "block-too-large" }

// RoleError is a module that is no codec.
type RoleError struct {
	Module cid.Cid
	Name   string // from the manifest
}

func (e *RoleError) Error() string {
	return fmt.Sprintf("module %s (%s) is not a codec: its manifest has no role codec/v1", e.Module, e.Name)
}

// Code is the stable name of the error for machines.
func (e *RoleError) Code() string { return "not-a-codec" }

// ConflictError is a code that already has a codec.
type ConflictError struct {
	Multicodec uint64
	Have, Want cid.Cid // the module that holds the code, and the one that was to get it
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("code 0x%x belongs to module %s already, and cannot be given to module %s", e.Multicodec, e.Have, e.Want)
}

// Code is the stable name of the error for machines.
func (e *ConflictError) Code() string { return "codec-conflict" }

// Hint says what to do about it.
func (e *ConflictError) Hint() string { return "unload module " + e.Have.String() + " first" }

// UnknownCodecError is a block of a code that no codec is known for.
type UnknownCodecError struct{ Multicodec uint64 }

func (e *UnknownCodecError) Error() string {
	if isPrivate(e.Multicodec) {
		return fmt.Sprintf("no codec for private-use code 0x%x, which means something only below an envelope that names a codec for it", e.Multicodec)
	}
	return fmt.Sprintf("no codec for code 0x%x", e.Multicodec)
}

// Code is the stable name of the error for machines.
func (e *UnknownCodecError) Code() string { return "unknown-codec" }

// Hint says what to do about it.
func (e *UnknownCodecError) Hint() string { return "load a codec module for it" }

// LinkError is a link that cannot be used to load a block: it is not a CID, its hash function is not available, or its digest is too
// short to identify anything.
type LinkError struct {
	Link   string
	Reason string
	Err    error
}

func (e *LinkError) Error() string { return fmt.Sprintf("link %s: %s", e.Link, e.Reason) }

// Unwrap returns the cause, if there is another.
func (e *LinkError) Unwrap() error { return e.Err }

// Code is the stable name of the error for machines.
func (e *LinkError) Code() string { return "bad-link" }

func codeOf(err error, fallback string) string {
	var c interface{ Code() string }
	if errors.As(err, &c) {
		return c.Code()
	}
	return fallback
}

func hintOf(err error) string {
	var h interface{ Hint() string }
	if errors.As(err, &h) {
		return h.Hint()
	}
	return ""
}
