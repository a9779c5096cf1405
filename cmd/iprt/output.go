package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/iprt/iprt/host/node/control"
)

// print writes v as one line of JSON, or lets human write for people. Errors
// of writing are returned: `iprt get | head` must not look like success.
func (a *app) print(v any, human func(io.Writer) error) error {
	var err error
	if a.flags.json {
		err = json.NewEncoder(a.stdout).Encode(v)
	} else {
		err = human(a.stdout)
	}
	return writeFailed(err)
}

// printf writes one line for people, or v as JSON.
func (a *app) printf(v any, format string, args ...any) error {
	return a.print(v, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, format, args...)
		return err
	})
}

func writeFailed(err error) error {
	if err == nil {
		return nil
	}
	return control.Errorf(control.Failed, "output", "", "cannot write the output: %w", err)
}

// isTerminal reports whether w is a terminal, where progress makes sense.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && info.Mode()&os.ModeDevice != 0 && os.Getenv("TERM") != "dumb"
}

// bytesText is a size for people.
func bytesText(n uint64) string {
	switch {
	case n < 10<<10:
		return fmt.Sprintf("%d bytes", n)
	case n < 10<<20:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d MiB", n>>20)
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
