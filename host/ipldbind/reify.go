package ipldbind

import (
	"context"

	"github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/ipld/go-ipld-prime/linking"
)

// ReifierName is the name under which [Resolver.InstallReifier] offers envelopes to selectors and traversals.
const ReifierName = "iprt"

// Reifier returns a function that turns an envelope into its decoded data and leaves any other node as it is. It is for
// LinkSystem.KnownReifiers, where a traversal asks for it by name, or for LinkSystem.NodeReifier, where it sees every node that is loaded.
//
// A reifier is not told which block a node comes from: a map of an envelope's shape counts as one even inside a block, and policies see no
// CID of the envelope. The data link is loaded from the LinkSystem that reifies. Each envelope has a budget of its own, and
// its key codecs has no effect on what is loaded later. [Resolver.Resolve] has none of these restrictions.
func (r *Resolver) Reifier() linking.NodeReifier {
	return func(lc linking.LinkContext, n datamodel.Node, lsys *linking.LinkSystem) (datamodel.Node, error) {
		env, err := ParseEnvelope(n)
		if err != nil {
			return n, nil // ordinary data
		}
		ctx := lc.Ctx
		if ctx == nil {
			ctx = context.Background()
		}
		budget := r.Budget.filled()
		ctx, cancel := context.WithTimeout(ctx, budget.Time)
		defer cancel()
		w := &walk{r: r, budget: budget, lsys: lsys, node: n, env: env, block: cid.Undef}
		defer w.release()
		if err := w.enter(ctx, 0); err != nil {
			return nil, err
		}
		return w.node, nil
	}
}

// InstallReifier offers [Resolver.Reifier] in lsys.KnownReifiers under [ReifierName], beside what is there. To be called before lsys is in use.
func (r *Resolver) InstallReifier(lsys *linking.LinkSystem) {
	known := make(map[string]linking.NodeReifier, len(lsys.KnownReifiers)+1)
	for name, f := range lsys.KnownReifiers {
		known[name] = f // copied, as several link systems may share the map
	}
	known[ReifierName] = r.Reifier()
	lsys.KnownReifiers = known
}
