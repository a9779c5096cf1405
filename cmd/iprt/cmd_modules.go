package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/iprt/iprt/host/node/control"
)

func (a *app) lsCmd() *cobra.Command {
	return &cobra.Command{
		Use:     "ls",
		Short:   "List the modules that a running node has loaded",
		Example: "  iprt ls\n  iprt --json ls",
		Args:    wants(cobra.NoArgs, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withRunning(cmd.Context(), func(ctx context.Context, n control.API) error {
				modules, err := n.Modules(ctx)
				if err != nil {
					return err
				}
				for _, m := range modules {
					if err := a.printModule(m); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
}

func (a *app) loadCmd() *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use:   "load MODULE",
		Short: "Load a module into a running node",
		Long: `Load a module into a running node. MODULE is a CID, a file, or a name in
iprt.lock; naming it here allows it for as long as it is loaded, also where data
names it as its codec.`,
		Example: "  iprt load ./my-codec.wasm\n  iprt load bafkrei… --as torrents",
		Args:    wants(cobra.ExactArgs(1), "one MODULE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withRunning(cmd.Context(), func(ctx context.Context, n control.API) error {
				ref, err := a.moduleRef(ctx, n, args[0])
				if err != nil {
					return err
				}
				m, err := n.Load(ctx, control.LoadRequest{Module: ref, Binding: name, Allow: true, Reach: a.reach()})
				if err != nil {
					return notAtHand(args[0], err)
				}
				return a.printModule(m)
			})
		},
	}
	cmd.Flags().StringVar(&name, "as", "", "bind it under `NAME` (default: its own name)")
	return cmd
}

func (a *app) unloadCmd() *cobra.Command {
	return &cobra.Command{
		Use:     "unload BINDING",
		Short:   "Unload a module from a running node",
		Example: "  iprt unload bencode",
		Args:    wants(cobra.ExactArgs(1), "one BINDING"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withRunning(cmd.Context(), func(ctx context.Context, n control.API) error {
				if err := n.Unload(ctx, args[0]); err != nil {
					return err
				}
				return a.printf(map[string]string{"unloaded": args[0]}, "unloaded %s\n", oneLine(args[0]))
			})
		},
	}
}

// moduleEvent is a loaded module in the output of run, load and ls.
type moduleEvent struct {
	Event string `json:"event"` // "module"
	control.Module
}

func (a *app) printModule(m control.Module) error {
	return a.print(moduleEvent{"module", m}, func(w io.Writer) error {
		out := &lines{w: w}
		out.printf("module     %s %s\n", oneLine(m.Binding), oneLine(m.Version))
		out.printf("  verified %s  %s, from %s\n", m.CID, bytesText(uint64(m.Size)), oneLine(m.From))
		out.printf("  roles    %s\n", rolesText(m.Roles))
		out.printf("  grants   %s (%s)\n", list(m.Grants), m.Purity)
		return out.err
	})
}

func rolesText(roles []control.Role) string {
	var texts []string
	for _, r := range roles {
		texts = append(texts, roleText(r.Role, r.Name, r.Code))
	}
	return list(texts)
}

func roleText(role, name string, code uint64) string {
	if name == "" {
		return oneLine(role)
	}
	return fmt.Sprintf("%s %s (0x%x)", oneLine(role), oneLine(name), code)
}

func list(texts []string) string {
	if len(texts) == 0 {
		return "none"
	}
	return strings.Join(texts, ", ")
}
