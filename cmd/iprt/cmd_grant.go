package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/iprt/iprt/host/node/control"
)

func (a *app) grantCmd() *cobra.Command {
	var to string
	cmd := &cobra.Command{
		Use:   "grant CID… | BINDING INTERFACE…",
		Short: "Allow modules to run, or grant interfaces to a binding",
		Long: `With CIDs, allow these modules to run on this node. What is denied stays so.

With the name of a binding and interfaces, grant the interfaces to the module
that you put into the binding by name: with "iprt load MODULE --as BINDING". A
module that only calls itself so gets nothing. With --to, the grants of the
binding are for that one module, under its own name too, and for no other.

Both are recorded in policy.json of the data directory and last until they are
taken back there.`,
		Example: "  iprt grant bafkrei…\n  iprt grant torrents iprt:log/v1\n  iprt grant torrents iprt:log/v1 --to bafkrei…",
		Args:    wants(cobra.MinimumNArgs(1), "CIDs, or a BINDING and INTERFACEs"),
		RunE: func(cmd *cobra.Command, args []string) error {
			r := control.GrantRequest{Modules: args}
			if to != "" || len(args) > 1 && strings.Contains(args[1], ":") {
				r = control.GrantRequest{Binding: args[0], Interfaces: args[1:], To: to}
			}
			return a.with(cmd.Context(), func(ctx context.Context, n control.API) error {
				if err := n.Grant(ctx, r); err != nil {
					return err
				}
				return a.printf(r, "granted %s\n", oneLine(strings.Join(args, " ")))
			})
		},
	}
	cmd.Flags().StringVar(&to, "to", "", "grant to the module `CID` alone, by its identity")
	return cmd
}
