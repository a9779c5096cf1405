package main

import (
	"context"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/iprt/iprt/host/node/control"
)

func (a *app) denyCmd() *cobra.Command {
	var remove bool
	cmd := &cobra.Command{
		Use:   "deny CID…",
		Short: "Keep modules from running, whoever allows them",
		Long: `Put modules on the deny list, and unload them from the node if it runs. CID is
the identity of the module, which "iprt inspect" prints first, or the name of one
that is built in. A denial beats every grant, --allow and envelope. It is recorded
in policy.json of the data directory.

With --remove, take them off the list. That allows nothing by itself.`,
		Example: "  iprt deny bafkrei…\n  iprt deny --remove bafkrei…",
		Args:    wants(cobra.MinimumNArgs(1), "CIDs"),
		RunE: func(cmd *cobra.Command, args []string) error {
			r := control.DenyRequest{Modules: args, Remove: remove}
			return a.with(cmd.Context(), func(ctx context.Context, n control.API) error {
				d, err := n.Deny(ctx, r)
				if err != nil {
					return err
				}
				return a.printDenied(r, d)
			})
		},
	}
	cmd.Flags().BoolVar(&remove, "remove", false, "take them off the deny list")
	return cmd
}

func (a *app) printDenied(r control.DenyRequest, d control.Denied) error {
	type deniedEvent struct {
		control.DenyRequest
		control.Denied
	}
	return a.print(deniedEvent{r, d}, func(w io.Writer) error {
		out := &lines{w: w}
		verb := "denied"
		if r.Remove {
			verb = "no longer denied:"
		}
		out.printf("%s %s\n", verb, oneLine(strings.Join(r.Modules, " ")))
		for _, b := range d.Unloaded {
			out.printf("unloaded %s\n", oneLine(b))
		}
		return out.err
	})
}
