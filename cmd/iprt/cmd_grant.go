package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/iprt/iprt/host/node/control"
)

func (a *app) grantCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "grant CID… | BINDING INTERFACE…",
		Short: "Allow modules to run, or grant interfaces to a binding",
		Long: `With CIDs, allow these modules to run on this node. With the name of a binding
and interfaces, grant the interfaces to whatever module the binding holds.
Both are recorded in policy.json of the data directory and last until they are
taken back there.`,
		Example: "  iprt grant bafkrei…\n  iprt grant my-codec iprt:log/v1",
		Args:    wants(cobra.MinimumNArgs(1), "CIDs, or a BINDING and INTERFACEs"),
		RunE: func(cmd *cobra.Command, args []string) error {
			r := control.GrantRequest{Modules: args}
			if len(args) > 1 && strings.Contains(args[1], ":") {
				r = control.GrantRequest{Binding: args[0], Interfaces: args[1:]}
			}
			return a.with(cmd.Context(), func(ctx context.Context, n control.API) error {
				if err := n.Grant(ctx, r); err != nil {
					return err
				}
				return a.printf(r, "granted %s\n", strings.Join(args, " "))
			})
		},
	}
}
