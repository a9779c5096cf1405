package node

import (
	"context"
	"slices"

	"github.com/ipfs/go-cid"

	"github.com/iprt/iprt/host"
	"github.com/iprt/iprt/host/manifest"
)

// allowance is what an operator allows for one request, carried by its context
// because one host serves all requests.
type allowance struct{}

func withAllowed(ctx context.Context, cids []cid.Cid) context.Context {
	if len(cids) == 0 {
		return ctx
	}
	earlier, _ := ctx.Value(allowance{}).([]cid.Cid)
	return context.WithValue(ctx, allowance{}, slices.Concat(earlier, cids))
}

// allowed is the policy of the node's host: modules that are built in, that
// the operator named when the node was opened or in the request, or that
// policy.json allows. What policy.json denies is denied, whoever named it.
func (n *Node) allowed() host.Policy {
	named := slices.Clone(n.allow)
	for _, b := range n.cfg.Builtin {
		named = append(named, b.CID)
	}
	return host.PolicyFunc(func(ctx context.Context, c host.Candidate) error {
		if err := n.policy.Refresh(); err != nil {
			return err
		}
		if n.policy.Denied(c) {
			return n.policy.Allow(ctx, c)
		}
		request, _ := ctx.Value(allowance{}).([]cid.Cid)
		if slices.ContainsFunc(named, c.Is) || slices.ContainsFunc(request, c.Is) {
			return nil
		}
		return n.policy.Allow(ctx, c)
	})
}

func parseCIDs(texts []string) ([]cid.Cid, error) {
	var out []cid.Cid
	for _, t := range texts {
		c, err := parseCID(t)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

// purity reads what [host.Report] says. Anything unknown is the least trusted.
func purity(name string) manifest.Purity {
	for _, p := range []manifest.Purity{manifest.Pure0, manifest.Pure} {
		if p.String() == name {
			return p
		}
	}
	return manifest.Granted
}
