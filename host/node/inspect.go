package node

import (
	"context"

	"github.com/iprt/iprt/host"
	"github.com/iprt/iprt/host/fetch"
	"github.com/iprt/iprt/host/node/control"
)

// Inspect implements [control.API].
func (n *Node) Inspect(ctx context.Context, r control.InspectRequest) (_ host.Report, err error) {
	defer explain(&err)
	c, err := n.moduleCID(r.Module)
	if err != nil {
		return host.Report{}, err
	}
	f, release, err := n.reach(ctx, r.Reach)
	if err != nil {
		return host.Report{}, err
	}
	defer release()
	v, err := f.File(ctx, fetch.Request{CID: c, Budget: fetch.Pinned})
	if err != nil {
		return host.Report{}, err
	}
	report, err := n.host.Inspect(ctx, v)
	if err != nil {
		return host.Report{}, err
	}
	return *report, nil
}
