package main

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/iprt/iprt/host/node"
	"github.com/iprt/iprt/host/node/control"
)

// usagef makes an error for a command line that cannot be meant.
func usagef(hint, format string, args ...any) error {
	return control.Errorf(control.Usage, "usage", hint, format, args...)
}

func isControlError(err error) bool {
	_, ok := errors.AsType[*control.Error](err)
	return ok
}

// fail prints an error, as two lines or as one JSON object, and returns the
// exit status that goes with it.
func (a *app) fail(err error) int {
	e := node.Explain(err)
	if a.flags.json || a.jsonErrors {
		_ = json.NewEncoder(a.stderr).Encode(struct {
			Error *control.Error `json:"error"`
		}{e})
		return int(e.Kind)
	}
	hint := e.Advice
	if hint == "" {
		hint = defaultHint(e.Kind)
	}
	_, _ = fmt.Fprintf(a.stderr, "iprt: error: %s\niprt: hint: %s\n", oneLine(e.Message), oneLine(hint))
	return int(e.Kind)
}

// defaultHint is for errors that know no better advice.
func defaultHint(k control.Kind) string {
	switch k {
	case control.Usage:
		return "see `iprt -h`"
	case control.Refused:
		return "see what the module is with `iprt inspect`"
	case control.NotFound:
		return "name a peer with --peer or a gateway with --gateway that has it"
	case control.Limit:
		return "this bound protects the node; use smaller content"
	case control.Faulty:
		return "this is a fault of the module; report it to its author"
	}
	return "run `iprt doctor`"
}
