package node

import (
	"context"
	"errors"
	"io/fs"
	"syscall"

	"github.com/ipld/go-ipld-prime/datamodel"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host"
	"github.com/iprt/iprt/host/fetch"
	"github.com/iprt/iprt/host/fetch/unixfs"
	"github.com/iprt/iprt/host/ipldbind"
	"github.com/iprt/iprt/host/ipldbind/table"
	"github.com/iprt/iprt/host/manifest"
	"github.com/iprt/iprt/host/node/control"
	"github.com/iprt/iprt/host/pack"
	"github.com/iprt/iprt/host/policy"
	"github.com/iprt/iprt/host/validate"
)

// explain turns what a method of the API returns into a *control.Error.
func explain(err *error) {
	if *err != nil {
		*err = Explain(*err)
	}
}

// Explain makes of any error of this module one that has a kind, a stable code
// and, where something can be done, a hint. It returns nil for nil.
func Explain(err error) *control.Error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*control.Error](err); ok {
		return e
	}
	if errors.Is(err, context.Canceled) {
		return control.Errorf(control.Failed, "interrupted", "try again", "interrupted: %w", err)
	}
	if e := explainPath(err); e != nil {
		return e
	}
	kind, code := classify(err)
	if c, ok := coded(err); ok && code != "time" { // which says more than where it was met
		code = c.Code()
	}
	hint := ""
	if h, ok := errors.AsType[interface {
		error
		Hint() string
	}](err); ok {
		hint = h.Hint()
	}
	if c, h := diskTrouble(err); hint == "" && h != "" {
		code, hint = c, h
	}
	if hint == "" && kind == control.Refused && code == "bad-content" {
		hint = "the data itself is malformed; ask its author to make it again"
	}
	return control.Errorf(kind, code, hint, "%w", err)
}

type coder interface {
	error
	Code() string
}

// coded finds the error that says what happened. Those of an envelope and of a
// policy say where and who, if what they wrap says more.
func coded(err error) (coder, bool) {
	c, ok := errors.AsType[coder](err)
	for ok {
		var inside error
		if e, is := errors.AsType[*ipldbind.EnvelopeError](c); is {
			inside = e.Err
		} else if e, is := errors.AsType[*ipldbind.PolicyError](c); is {
			inside = e.Err
		}
		next, more := errors.AsType[coder](inside)
		if !more {
			break
		}
		c = next
	}
	return c, ok
}

// diskTrouble knows what goes wrong with any file, whoever writes it.
func diskTrouble(err error) (code, hint string) {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return "disk-full", "free some space on the disk; everything that was acknowledged is intact"
	case errors.Is(err, syscall.EROFS):
		return "read-only", "make the file system writable, or choose another --data-dir"
	case errors.Is(err, fs.ErrPermission):
		return "permission", "make the file writable for this user, or choose another --data-dir"
	}
	return "", ""
}

// classify finds the kind of an error. What the kinds mean to a caller is
// decided here and nowhere else.
func classify(err error) (control.Kind, string) {
	switch {
	case is[*host.RefusedError](err), is[*policy.Refusal](err), is[*policy.DeniedError](err):
		return control.Refused, "refused"
	case is[*host.LimitError](err), is[*fetch.BudgetError](err), is[*unixfs.SizeError](err),
		is[*ipldbind.BudgetError](err), is[*ipldbind.SizeError](err):
		return control.Limit, "limit"
	case is[*host.TrapError](err), is[*table.Error](err):
		return control.Faulty, "module-fault"
	case is[*host.CallError](err):
		return callKind(err), "module-status"
	case is[*fetch.HashError](err), is[*fetch.CIDError](err), is[*fetch.ContentError](err),
		is[*fetch.NotFileError](err), is[*fetch.CARError](err), is[*unixfs.ContentError](err), is[*unixfs.KindError](err), is[*ipldbind.LinkError](err),
		is[*validate.Error](err), is[*manifest.Error](err), is[*pack.Error](err):
		return control.Refused, "bad-content"
	case is[*ipldbind.PolicyError](err), is[*ipldbind.RoleError](err), is[*ipldbind.ConflictError](err):
		return control.Refused, "refused"
	case errors.Is(err, fetch.ErrNotFound), is[*ipldbind.UnknownCodecError](err), is[datamodel.ErrNotExists](err),
		is[*unixfs.PathError](err):
		return control.NotFound, "not-found"
	case is[*ipldbind.EnvelopeError](err), is[*table.BuildError](err):
		return control.Refused, "bad-content"
	case errors.Is(err, context.DeadlineExceeded):
		return control.Limit, "time"
	}
	return control.Failed, "failed"
}

func is[T error](err error) bool {
	_, ok := errors.AsType[T](err)
	return ok
}

// callKind tells data that a module rejects from a module that fails.
func callKind(err error) control.Kind {
	e, _ := errors.AsType[*host.CallError](err)
	switch e.Status {
	case abi.StatusInvalid, abi.StatusUnsupported, abi.StatusDenied:
		return control.Refused
	case abi.StatusNotFound:
		return control.NotFound
	case abi.StatusLimit, abi.StatusTimeout:
		return control.Limit
	}
	return control.Faulty
}
