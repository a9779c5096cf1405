package node

import (
	"context"

	"github.com/ipfs/go-cid"

	"github.com/iprt/iprt/host"
)

// Modules work for one of three kinds of domains (see [host.InDomain]), between
// which no instance keeps anything, and in each of which faults count by
// themselves:
//
//   - the node itself, which loads them;
//   - its operator: what clients of the control socket, who all are the user
//     that the node runs as, hand in to be encoded;
//   - each document that is read, whoever reads it, named by the root of its
//     path: its blocks come from strangers. One that makes an honest codec fail
//     gets that into quarantine for itself.
//
// Nothing that a peer or a client of the HTTP doors can send runs a module: they
// get blocks, as they are.

// breaker has quarantines of documents never add up to one of the module: anybody
// can make as many documents as he likes.
var breaker = host.Breaker{Spread: -1}

func inHost(ctx context.Context) context.Context { return host.InDomain(ctx, "") }

func inControl(ctx context.Context) context.Context { return host.InDomain(ctx, "control") }

func inDocument(ctx context.Context, root cid.Cid) context.Context {
	return host.InDomain(ctx, "document "+root.String())
}
