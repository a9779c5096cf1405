package control

import (
	"errors"
	"fmt"
	"net/http"
)

// Kind classifies an error. Its number is the exit status of the command line.
type Kind int

// The kinds, in the order of their exit status.
const (
	Failed   Kind = 1 // anything not named below
	Usage    Kind = 2 // the request itself is wrong
	Refused  Kind = 3 // by the validator, the policy or for bad content
	NotFound Kind = 4 // absent, or not reachable
	Limit    Kind = 5 // a budget or limit was hit
	Faulty   Kind = 6 // the module trapped or returned nonsense
)

// Error is the one error of this package. It crosses the socket whole.
type Error struct {
	Kind    Kind   `json:"exit"`
	Slug    string `json:"code"` // stable, kebab-case
	Message string `json:"message"`
	Advice  string `json:"hint,omitempty"`

	cause error
}

// Errorf makes an error of a kind. A %w among the arguments is kept for errors.Is.
func Errorf(k Kind, slug, hint, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Kind: k, Slug: slug, Message: err.Error(), Advice: hint, cause: errors.Unwrap(err)}
}

func (e *Error) Error() string { return e.Message }

// Unwrap returns the cause, which is nil for an error that crossed the socket.
func (e *Error) Unwrap() error { return e.cause }

// Hint says what to do about it; it may be empty.
func (e *Error) Hint() string { return e.Advice }

// Code is a stable name for programs, in kebab-case.
func (e *Error) Code() string { return e.Slug }

// httpStatus is for people with curl; clients read the body.
func (k Kind) httpStatus() int {
	switch k {
	case Usage:
		return http.StatusBadRequest
	case Refused:
		return http.StatusForbidden
	case NotFound:
		return http.StatusNotFound
	case Limit:
		return http.StatusRequestEntityTooLarge
	case Faulty:
		return http.StatusUnprocessableEntity
	}
	return http.StatusInternalServerError
}

func (k Kind) valid() bool { return k >= Failed && k <= Faulty }

// asError finds the *Error in err, or makes one of it.
func asError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{Kind: Failed, Slug: "internal", Message: err.Error(), cause: err}
}
