package iprthost

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"

	"github.com/ipld/go-ipld-prime/datamodel"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host"
	"github.com/iprt/iprt/host/fetch"
	"github.com/iprt/iprt/host/fetch/unixfs"
	"github.com/iprt/iprt/host/ipldbind"
	"github.com/iprt/iprt/host/ipldbind/table"
	"github.com/iprt/iprt/spec/conformance/abuse"
)

// result is what a request came to, in the terms of the corpus. Output is copied: it may be guest memory.
func (t *target) result(out []byte, err error) abuse.Result {
	r := abuse.Result{Outcome: outcome(err), Output: bytes.Clone(out), Log: t.log.take()}
	if err != nil {
		r.Text, r.Output = err.Error(), nil
	}
	return r
}

// limits names the limits of the host as the corpus does.
var limits = map[string]string{
	"MaxCallTime": "time", host.LimitDeadline: "time", "FuelPerCall": "fuel", "FuelPerSecond": "fuel", host.LimitDepth: "depth",
	"MaxOutputBytes": "output", "MaxInputBytes": "input", "MaxMemoryBytes": "memory", host.LimitModuleMemory: "memory",
	host.LimitHostMemory: "memory", "MaxHostCalls": "host-calls",
}

func outcome(err error) abuse.Outcome {
	refused, _ := errors.AsType[*host.RefusedError](err)
	trap, _ := errors.AsType[*host.TrapError](err)
	limit, _ := errors.AsType[*host.LimitError](err)
	call, _ := errors.AsType[*host.CallError](err)
	switch {
	case err == nil:
		return abuse.OK
	case refused != nil:
		return refusal(refused)
	case trap != nil:
		return abuse.Trap.Of(trap.Kind)
	case limit != nil && errors.Is(err, abi.StatusBusy):
		return abuse.Error.Of("BUSY")
	case limit != nil:
		name := limits[limit.Limit]
		if name == "" {
			name = limit.Limit
		}
		return abuse.Limit.Of(name)
	case call != nil:
		return abuse.Error.Of(call.Status.String())
	case errors.Is(err, context.DeadlineExceeded):
		return abuse.Limit.Of("time")
	case errors.Is(err, host.ErrClosed):
		return abuse.Error.Of("closed")
	case errors.Is(err, host.ErrBusy):
		return abuse.Error.Of("BUSY")
	}
	return other(err)
}

// refusal tells what was not allowed from what was not acceptable.
func refusal(e *host.RefusedError) abuse.Outcome {
	switch e.Kind {
	case host.RefusedGrant, host.RefusedPolicy, host.RefusedDenied, host.RefusedQuarantine:
		return abuse.Deny.Of(e.Code())
	}
	return abuse.Reject.Of(e.Code())
}

// other is the outcome of errors that are not of package host.
func other(err error) abuse.Outcome {
	if e, ok := errors.AsType[*fetch.BudgetError](err); ok {
		return abuse.Limit.Of(e.What)
	}
	if e, ok := errors.AsType[*ipldbind.BudgetError](err); ok {
		return abuse.Limit.Of(e.What)
	}
	if e, ok := errors.AsType[*table.Error](err); ok && e.Status == abi.StatusLimit {
		return abuse.Limit.Of("table")
	}
	switch {
	case is[*ipldbind.SizeError](err), is[*unixfs.SizeError](err):
		return abuse.Limit.Of("size")
	case is[*ipldbind.PolicyError](err):
		return abuse.Deny.Of("policy")
	case is[datamodel.ErrNotExists](err), is[datamodel.ErrWrongKind](err), is[datamodel.ErrInvalidSegmentForList](err):
		return abuse.Error.Of("no-such-path")
	}
	if e, ok := errors.AsType[interface {
		error
		Code() string
	}](err); ok {
		return abuse.Error.Of(e.Code())
	}
	return abuse.Untyped
}

func is[T error](err error) bool {
	_, ok := errors.AsType[T](err)
	return ok
}

// journal keeps what is logged, each record as a line, until it is taken.
type journal struct {
	mu   sync.Mutex
	text strings.Builder
}

func (j *journal) logger() *slog.Logger { return slog.New(&handler{j: j}) }

func (j *journal) take() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	s := j.text.String()
	j.text.Reset()
	return s
}

// handler writes messages and attributes as they are: quoting them would hide what a module got through.
type handler struct {
	j     *journal
	attrs string
}

// Enabled implements [slog.Handler].
func (h *handler) Enabled(context.Context, slog.Level) bool { return true }

// Handle implements [slog.Handler].
func (h *handler) Handle(_ context.Context, r slog.Record) error {
	h.j.mu.Lock()
	defer h.j.mu.Unlock()
	h.j.text.WriteString(r.Message + h.attrs)
	r.Attrs(func(a slog.Attr) bool {
		fmt.Fprintf(&h.j.text, " %s=%v", a.Key, a.Value)
		return true
	})
	h.j.text.WriteByte('\n')
	return nil
}

// WithAttrs implements [slog.Handler].
func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := *h
	for _, a := range attrs {
		with.attrs += fmt.Sprintf(" %s=%v", a.Key, a.Value)
	}
	return &with
}

// WithGroup implements [slog.Handler].
func (h *handler) WithGroup(string) slog.Handler { return h }
