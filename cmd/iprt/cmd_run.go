package main

import (
	"context"
	"errors"
	"io"
	"net"
	"time"

	"github.com/spf13/cobra"

	"github.com/iprt/iprt/host/node"
	"github.com/iprt/iprt/host/node/control"
	"github.com/iprt/iprt/host/policy"
)

// defaultListen keeps a fresh node to this machine. To be reached from
// elsewhere is a decision, like contacting others.
const defaultListen = "/ip4/127.0.0.1/tcp/0"

type runFlags struct {
	allow         []string
	http, metrics string
	drain         time.Duration
}

func (a *app) runCmd() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "run [MODULE…]",
		Short: "Start a node with these modules, or with the built-in ones",
		Long: `Start a node. MODULE is a CID, a file, or a name in iprt.lock; naming it here
allows it, also where data names it as its codec. Without a MODULE the node
loads the modules that are built in. It prints what was verified, what each
module may do, where it listens, and then "ready". Ctrl-C lets calls finish for
a while and stops; a second one stops at once.

The node listens on this machine only, unless --listen says otherwise.`,
		Example: `  iprt run
  iprt run --listen /ip4/0.0.0.0/tcp/4001 --http 127.0.0.1:8080
  iprt run ./my-codec.wasm --peer /ip4/192.0.2.1/tcp/4001/p2p/12D3Koo…`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.runNode(cmd.Context(), f, args)
		},
	}
	cmd.Flags().StringArrayVar(&f.allow, "allow", nil, "allow the module `CID` as well, while this node runs, or that in a file; repeatable")
	cmd.Flags().StringVar(&f.http, "http", "", "serve blocks and CARs of the store, read-only, as a trustless gateway on `ADDR`; web pages of any origin may read there")
	cmd.Flags().StringVar(&f.metrics, "metrics", "", "serve metrics for Prometheus on `ADDR`")
	cmd.Flags().DurationVar(&f.drain, "drain", drainTime, "let calls finish for this `TIME` after the signal to stop")
	return cmd
}

func (a *app) runNode(ctx context.Context, f runFlags, modules []string) (err error) {
	if len(a.flags.listen) == 0 && !a.flags.offline {
		a.flags.listen = []string{defaultListen}
	}
	if f.drain <= 0 {
		return usagef("write it like 10s", "--drain must be a positive time")
	}
	a.drain = f.drain
	for flag, addr := range map[string]string{"--http": f.http, "--metrics": f.metrics} {
		if err := checkAddr(flag, addr); err != nil {
			return err
		}
	}
	allow, err := allowed(f.allow)
	if err != nil {
		return err
	}
	n, closeNode, err := a.openNode(ctx, func(c *node.Config) { c.Patient, c.Allow = true, allow })
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeNode()) }()
	if err := a.loadAll(ctx, n, modules); err != nil {
		return err
	}
	if err := n.Serve(ctx, node.Doors{HTTP: f.http, Metrics: f.metrics}); err != nil {
		return err
	}
	if err := a.announce(ctx, n); err != nil {
		return err
	}
	<-ctx.Done()
	if cause := context.Cause(ctx); !errors.Is(cause, errInterrupted) {
		return cause
	}
	a.log.Info("stopping; a second signal stops at once")
	return nil
}

// checkAddr finds what is wrong with an address before anything is loaded.
func checkAddr(flag, addr string) error {
	if addr == "" {
		return nil
	}
	_, port, err := net.SplitHostPort(addr)
	if err == nil {
		_, err = net.LookupPort("tcp", port)
	}
	if err != nil {
		return control.Errorf(control.Usage, "listen", "write it as HOST:PORT, for example 127.0.0.1:8080", "cannot listen on %s %q: %w", flag, addr, err)
	}
	return nil
}

func (a *app) loadAll(ctx context.Context, n *node.Node, modules []string) error {
	named := len(modules) > 0
	if !named && a.flags.builtin {
		modules = builtinNames()
	}
	for _, arg := range modules {
		ref, err := a.moduleRef(ctx, n, arg)
		if err != nil {
			return err
		}
		m, err := n.Load(ctx, control.LoadRequest{Module: ref, Allow: named, Reach: a.reach()})
		if r, ok := errors.AsType[*policy.Refusal](err); ok && r.Denied && !named {
			a.log.Warn("a built-in module is denied", "module", arg)
			continue
		}
		if err != nil {
			return err
		}
		if err := a.printModule(m); err != nil {
			return err
		}
	}
	return nil
}

// announce ends the output of a start.
func (a *app) announce(ctx context.Context, n *node.Node) error {
	s, err := n.Status(ctx)
	if err != nil {
		return err
	}
	type nodeEvent struct {
		Event string `json:"event"` // "node"
		control.Status
	}
	if err := a.print(nodeEvent{"node", s}, func(w io.Writer) error { return printStatus(w, s) }); err != nil {
		return err
	}
	return a.printf(map[string]string{"event": "ready"}, "ready\n")
}
