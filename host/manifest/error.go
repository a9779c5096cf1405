package manifest

import "fmt"

// Error is a manifest that breaks the format.
type Error struct {
	Key  string // path of the key, like "roles.codec/v1.code"; empty if the whole is meant
	Got  string // what was found
	Want string // what was expected
	Err  error  // the decoder's error, if it could not read on
}

func (e *Error) Error() string {
	at := "manifest"
	if e.Key != "" {
		at += " key " + e.Key
	}
	if e.Err != nil {
		return fmt.Sprintf("%s: found %s (%v), expected %s", at, e.Got, e.Err, e.Want)
	}
	return fmt.Sprintf("%s: found %s, expected %s", at, e.Got, e.Want)
}

func (e *Error) Unwrap() error { return e.Err }

// Code is the stable name of the failure.
func (e *Error) Code() string { return "manifest-invalid" }

// Hint says what to do about it.
func (e *Error) Hint() string {
	return "the manifest is written by \"iprt pack\"; pack the module again with a corrected manifest"
}
