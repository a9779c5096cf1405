package ipldbind

import (
	"context"
	"errors"
	"fmt"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"

	"github.com/iprt/iprt/host/manifest"
)

// Candidate is a module that an envelope asks to be decoded with. Nothing of it has been fetched for that purpose yet.
type Candidate struct {
	Module   cid.Cid // as the envelope names it
	Envelope cid.Cid // the block that names it; undefined where that is not known (see [Resolver.Reifier])

	// Inspect fetches the module and tells what it is, without running any of it. It draws on the budget of the resolution,
	// and does its work only once.
	Inspect func(ctx context.Context) (ModuleInfo, error)
}

// ModuleInfo is what can be told of a module without running it.
type ModuleInfo struct {
	ID            cid.Cid         // identity
	Name, Version string          // its author's claims
	Purity        manifest.Purity // from its imports
	Size          int             // bytes
}

// Policy decides whether a module that an envelope names may decode the envelope's data. Allow returns nil to allow it, or else
// why not. It may be called concurrently.
type Policy interface {
	Allow(ctx context.Context, c Candidate) error
}

// PolicyFunc is a [Policy] made of a function.
type PolicyFunc func(ctx context.Context, c Candidate) error

// Allow calls f.
func (f PolicyFunc) Allow(ctx context.Context, c Candidate) error { return f(ctx, c) }

// Deny allows nothing. It is what a resolver without a policy does.
func Deny() Policy {
	return PolicyFunc(func(context.Context, Candidate) error {
		return errors.New("no module may be brought in by a block")
	})
}

// AllowList allows the modules whose identity, or the link that an envelope names them by, is among cids. A module that is named by
// another CID than its identity is fetched to learn it.
func AllowList(cids ...cid.Cid) Policy {
	set := make(map[cid.Cid]bool, len(cids))
	for _, c := range cids {
		set[c] = true
	}
	return PolicyFunc(func(ctx context.Context, c Candidate) error {
		if set[c.Module] {
			return nil
		}
		if !isIdentity(c.Module) && len(set) > 0 {
			info, err := c.Inspect(ctx)
			if err != nil {
				return err
			}
			if set[info.ID] {
				return nil
			}
		}
		return fmt.Errorf("it is not among the %d modules that are allowed", len(set))
	})
}

// AllowPure allows every module that reaches nothing outside itself. It is fetched to learn that.
func AllowPure() Policy {
	return PolicyFunc(func(ctx context.Context, c Candidate) error {
		info, err := c.Inspect(ctx)
		if err != nil {
			return err
		}
		if info.Purity == manifest.Granted {
			return errors.New("it is not pure, and only pure modules are allowed")
		}
		return nil
	})
}

// Ask leaves the decision to a callback, which returns whether to go ahead. With nil, there is nobody to ask, and it denies.
func Ask(ask func(ctx context.Context, c Candidate) (bool, error)) Policy {
	if ask == nil {
		return PolicyFunc(func(context.Context, Candidate) error {
			return errors.New("there is nobody to ask")
		})
	}
	return PolicyFunc(func(ctx context.Context, c Candidate) error {
		ok, err := ask(ctx, c)
		if err == nil && !ok {
			err = errors.New("whoever was asked said no")
		}
		return err
	})
}

// AnyOf allows what at least one of the policies allows, asking them in order.
func AnyOf(policies ...Policy) Policy {
	return PolicyFunc(func(ctx context.Context, c Candidate) error {
		errs := make([]error, 0, len(policies))
		for _, p := range policies {
			err := p.Allow(ctx, c)
			if err == nil {
				return nil
			}
			errs = append(errs, err)
		}
		if len(errs) == 0 {
			return errors.New("no policy allows it")
		}
		return errors.Join(errs...)
	})
}

// isIdentity reports whether c has the form of a module's identity: raw, sha2-256.
func isIdentity(c cid.Cid) bool {
	p := c.Prefix()
	return p.Version == 1 && p.Codec == cid.Raw && p.MhType == multihash.SHA2_256 && p.MhLength == 32
}
