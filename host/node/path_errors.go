package node

import (
	"errors"
	"strings"

	"github.com/ipld/go-ipld-prime/datamodel"

	"github.com/iprt/iprt/host/ipldbind"
	"github.com/iprt/iprt/host/node/control"
)

// explainPath tells what is wrong with a path that the data does not have. It
// returns nil for every other error. Nothing that a peer could send would help.
func explainPath(err error) *control.Error {
	p, ok := errors.AsType[*ipldbind.PathError](err)
	if !ok || is[*ipldbind.CodecError](err) {
		return nil
	}
	steps := strings.Split(p.Path, "/")
	if p.Step < 0 || p.Step >= len(steps) {
		return nil
	}
	step, parent := steps[p.Step], strings.Join(append([]string{p.Root.String()}, steps[:p.Step]...), "/")
	fail := func(hint, format string, args ...any) *control.Error {
		return control.Errorf(control.NotFound, "no-such-path", hint, format+"%w", append(append([]any{parent}, args...), quiet{err})...)
	}
	notThere := is[datamodel.ErrNotExists](err) || is[datamodel.ErrWrongKind](err) || is[datamodel.ErrInvalidSegmentForList](err)
	if why, ok := errors.AsType[*ipldbind.EnvelopeError](err); ok && notThere {
		return fail("see what it is with `iprt dag get "+parent+"`", "%s cannot be entered with %q: %s", step, why)
	}
	see := "see what is there with `iprt dag get " + parent + "`"
	if e, ok := errors.AsType[datamodel.ErrInvalidSegmentForList](err); ok {
		return fail("count from 0, without a sign or other characters", "%s is a list: %q is not the number of an item", e.TroubleSegment)
	}
	if e, ok := errors.AsType[datamodel.ErrWrongKind](err); ok {
		return fail("end the path at "+parent, "%s is of kind %s, with nothing inside that %q could name", e.ActualKind, step)
	}
	if notThere {
		return fail(see, "%s has no entry %q", step)
	}
	return nil
}

// quiet keeps a cause for errors.Is without repeating its words.
type quiet struct{ error }

func (quiet) Error() string   { return "" }
func (q quiet) Unwrap() error { return q.error }
