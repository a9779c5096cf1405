package host

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ipfs/go-cid"

	"github.com/iprt/iprt/host/manifest"
)

// Candidate is a module that is about to be loaded: verified and valid, but
// nothing of it has been compiled or run.
type Candidate struct {
	ID       cid.Cid            // identity: CIDv1, raw, sha2-256 of the bytes
	Locator  cid.Cid            // the CID it was asked for by
	Manifest *manifest.Manifest // read-only
	Purity   manifest.Purity    // from the import section, not from the manifest
	Size     int                // bytes
	Binding  string             // the place it is meant for
}

// Is reports whether c names the candidate: its identity or its locator, where
// the CIDv0 and the CIDv1 of one hash are the same.
func (c Candidate) Is(named cid.Cid) bool {
	v1 := normal(named)
	return v1.Defined() && (v1 == normal(c.ID) || v1 == normal(c.Locator))
}

// normal is the CIDv1 of a CID.
func normal(c cid.Cid) cid.Cid {
	if c.Defined() && c.Version() == 0 {
		return cid.NewCidV1(cid.DagProtobuf, c.Hash())
	}
	return c
}

// Policy decides whether a module may run here. Allow returns nil to allow
// it; the error otherwise says why not, for the operator to read, and may
// have a method Hint() string. It is called once per load, from any
// goroutine.
type Policy interface {
	Allow(ctx context.Context, c Candidate) error
}

// Denier is a [Policy] that knows modules that must never run. A denial is
// final: [AnyOf] allows nothing that one of its policies denies, and a host
// asks before anything else. The file of host/policy is one.
type Denier interface {
	Denied(c Candidate) bool
}

func denied(p Policy, c Candidate) bool {
	d, ok := p.(Denier)
	return ok && d.Denied(c)
}

// PolicyFunc is a [Policy] made of a function.
type PolicyFunc func(ctx context.Context, c Candidate) error

// Allow calls f.
func (f PolicyFunc) Allow(ctx context.Context, c Candidate) error { return f(ctx, c) }

// AllowList allows the modules whose identity or locator is among cids.
func AllowList(cids ...cid.Cid) Policy {
	list := slices.Clone(cids)
	return PolicyFunc(func(_ context.Context, c Candidate) error {
		if slices.ContainsFunc(list, c.Is) {
			return nil
		}
		return fmt.Errorf("it is not among the %d modules that are allowed", len(list))
	})
}

// AllowPure allows every module that imports nothing but iprt:core and the
// deterministic WASI set. Such a module reaches nothing outside itself, and
// costs no more than [Limits] allows.
func AllowPure() Policy {
	return PolicyFunc(func(_ context.Context, c Candidate) error {
		if c.Purity == manifest.Granted {
			return errors.New("it is not pure, and only pure modules are allowed")
		}
		return nil
	})
}

// AnyOf allows what at least one of the policies allows and none, being a
// [Denier], denies. It is a Denier itself.
func AnyOf(policies ...Policy) Policy { return anyOf(slices.Clone(policies)) }

type anyOf []Policy

func (a anyOf) Denied(c Candidate) bool {
	return slices.ContainsFunc(a, func(p Policy) bool { return denied(p, c) })
}

func (a anyOf) Allow(ctx context.Context, c Candidate) error {
	errs := make([]error, 0, len(a))
	allowed := false
	for _, p := range a {
		err := p.Allow(ctx, c)
		if err == nil {
			allowed = true
			continue
		}
		if denied(p, c) {
			return err
		}
		errs = append(errs, err)
	}
	switch {
	case allowed:
		return nil
	case len(errs) == 0:
		return errors.New("no policy allows it")
	}
	return errors.Join(errs...)
}

// refuseAll is the policy of a host that was given none.
var refuseAll = PolicyFunc(func(context.Context, Candidate) error {
	return errNoPolicy
})

var errNoPolicy = errors.New("this host has no policy, so it allows nothing")
