package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/iprt/iprt/host/node/control"
	"github.com/iprt/iprt/host/node/datadir"
)

func (a *app) idCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "id",
		Short: "Show the peer id and the addresses of this node",
		Long: `Show the peer id of the node and, while it runs, the addresses on which other
nodes reach it. Pass one of them to another node's --peer. A node gets its peer id
when it first runs; this command does not make one.`,
		Example: "  iprt id\n  iprt --json id",
		Args:    wants(cobra.NoArgs, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, err := os.Lstat(filepath.Join(a.flags.dir, "key")); errors.Is(err, fs.ErrNotExist) {
				if err := datadir.CheckVersion(a.flags.dir); err != nil {
					return err
				}
				return control.Errorf(control.NotFound, "no-identity", "start a node with `iprt run`, which makes one", "there is no peer id in %s yet", a.flags.dir)
			}
			return a.with(cmd.Context(), func(ctx context.Context, n control.API) error {
				s, err := n.Status(ctx)
				if err != nil {
					return err
				}
				return a.print(s, func(w io.Writer) error { return printStatus(w, s) })
			})
		},
	}
}

func printStatus(w io.Writer, s control.Status) error {
	out := &lines{w: w}
	out.printf("peer       %s\n", s.Peer)
	for _, addr := range s.Addresses {
		out.printf("listening  %s\n", addr)
	}
	if len(s.Addresses) == 0 {
		why := "nowhere"
		if !s.Running {
			why = "nowhere: no node runs on " + s.DataDir
		}
		out.printf("listening  %s\n", why)
	}
	if s.HTTP != "" {
		out.printf("gateway    %s\n", s.HTTP)
	}
	if s.Metrics != "" {
		out.printf("metrics    %s\n", s.Metrics)
	}
	if s.Control != "" {
		out.printf("control    %s\n", s.Control)
	}
	return out.err
}

// lines remembers the first error of a run of writes.
type lines struct {
	w   io.Writer
	err error
}

func (l *lines) printf(format string, args ...any) {
	if l.err == nil {
		_, l.err = fmt.Fprintf(l.w, format, args...)
	}
}
