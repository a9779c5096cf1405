package ipldbind

import (
	"errors"
	"fmt"

	"github.com/ipfs/go-cid"
)

// EnvelopeError is an envelope that cannot be opened or written.
type EnvelopeError struct {
	Envelope cid.Cid // undefined where it is not known
	Reason   string
	Err      error // cause, or nil
}

func (e *EnvelopeError) Error() string {
	s := "envelope"
	if e.Envelope.Defined() {
		s += " " + e.Envelope.String()
	}
	s += ": " + e.Reason
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause, if there is one.
func (e *EnvelopeError) Unwrap() error { return e.Err }

// Code is the stable name of the error for machines.
func (e *EnvelopeError) Code() string { return "bad-envelope" }

// Hint is that of the cause.
func (e *EnvelopeError) Hint() string { return hintOf(e.Err) }

// PolicyError is a module that an envelope names and the policy refuses. Nothing of it was run.
type PolicyError struct {
	Module   cid.Cid // as the envelope names it
	Envelope cid.Cid // undefined where it is not known
	Err      error   // what the policy said
}

func (e *PolicyError) Error() string {
	return fmt.Sprintf("module %s may not decode this envelope: %v", e.Module, e.Err)
}

// Unwrap returns what the policy said.
func (e *PolicyError) Unwrap() error { return e.Err }

// Code is the stable name of the error for machines.
func (e *PolicyError) Code() string { return "refused-by-policy" }

// Hint says how to allow the module.
func (e *PolicyError) Hint() string { return "if you trust it: --allow " + e.Module.String() }

// BudgetError is a resolution that asked for more than its [Budget].
type BudgetError struct {
	What  string // "blocks", "bytes" or "modules"
	Limit int64
}

func (e *BudgetError) Error() string {
	return fmt.Sprintf("the resolution needs more than its budget of %d %s", e.Limit, e.What)
}

// Code is the stable name of the error for machines.
func (e *BudgetError) Code() string { return "resolve-limit" }

// PathError is a path that could not be followed to its end.
type PathError struct {
	Root cid.Cid
	Path string // as it was asked for
	Step int    // index of the step that failed; the number of steps if all were taken and the target could not be loaded
	Err  error
}

func (e *PathError) Error() string {
	steps := splitPath(e.Path)
	switch {
	case len(steps) == 0:
		return fmt.Sprintf("%s: %v", e.Root, e.Err)
	case e.Step >= len(steps):
		return fmt.Sprintf("%s/%s: at its end: %v", e.Root, e.Path, e.Err)
	}
	return fmt.Sprintf("%s/%s: at step %d, %q: %v", e.Root, e.Path, e.Step+1, steps[e.Step], e.Err)
}

// Unwrap returns why the step failed.
func (e *PathError) Unwrap() error { return e.Err }

// Code is that of the cause.
func (e *PathError) Code() string { return codeOf(e.Err, "no-such-path") }

// Hint is that of the cause.
func (e *PathError) Hint() string { return hintOf(e.Err) }

// inEnvelope says which envelope an error is about, and, if it does not say so itself, in what way.
func inEnvelope(envelope cid.Cid, reason string, err error) error {
	var e *EnvelopeError
	if errors.As(err, &e) {
		if !e.Envelope.Defined() {
			e.Envelope = envelope
		}
		return err
	}
	return &EnvelopeError{Envelope: envelope, Reason: reason, Err: err}
}

func isSize(err error) bool {
	var e *SizeError
	return errors.As(err, &e)
}
