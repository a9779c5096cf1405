package main

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/iprt/iprt/host/node/control"
)

// newRoot assembles the whole command line: every command is named here.
func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "iprt",
		Short: "Extend IPFS and libp2p nodes with code fetched by CID",
		Long: `iprt is a host for content-addressed WebAssembly modules. A module is fetched
by CID, verified, and can do only what it was granted.

Exit status: 0 done, 1 failed, 2 wrong usage, 3 refused (validator, policy,
missing grant, bad content), 4 not found or unreachable, 5 a limit was hit,
6 the module failed.`,
		Example: `  iprt run                          start a node with the built-in modules
  iprt add --raw picture.torrent    store a file as one block
  iprt dag get CID/info/name        read it through a codec module`,
		SilenceErrors:     true,
		SilenceUsage:      true,
		PersistentPreRunE: a.before,
		Version:           version(),
		Args:              cobra.ArbitraryArgs, // so that an unknown command gets our own message
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return unknownCommand(cmd, args[0])
		},
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usagef("see `"+cmd.CommandPath()+" -h`", "%v", err)
	})
	root.SetVersionTemplate("iprt {{.Version}}\n")
	help := root.HelpFunc()
	root.SetHelpFunc(func(cmd *cobra.Command, args []string) {
		if named := cmd.Flags().Args(); cmd.HasSubCommands() && len(named) > 0 {
			a.helpErr = unknownCommand(cmd, named[0])
			return
		}
		help(cmd, args)
	})
	root.SetHelpCommand(a.helpCmd(root))
	a.globalFlags(root)
	root.AddCommand(
		a.runCmd(), a.idCmd(), a.addCmd(), a.getCmd(), a.dagCmd(),
		a.inspectCmd(), a.lsCmd(), a.loadCmd(), a.unloadCmd(), a.grantCmd(), a.denyCmd(),
		a.packCmd(), a.conformanceCmd(), a.doctorCmd(), a.versionCmd(), a.manCmd(),
		a.compileCmd(), a.abuseCmd(),
	)
	return root
}

func (a *app) globalFlags(root *cobra.Command) {
	f, g := root.PersistentFlags(), &a.flags
	f.BoolVar(&g.json, "json", false, "write one JSON object per line")
	f.StringVar(&g.dir, "data-dir", "", "keep data in `DIR` (default $IPRT_DIR, or ~/.iprt)")
	f.BoolVar(&g.offline, "offline", false, "use only what is stored here")
	f.StringArrayVar(&g.peers, "peer", nil, "connect to the peer at `MULTIADDR`; repeatable")
	f.StringArrayVar(&g.gateways, "gateway", nil, "ask the trustless gateway at `URL`; repeatable")
	f.StringArrayVar(&g.from, "from", nil, "read blocks from the CAR file, or the folder of blocks, at `PATH`; repeatable")
	f.StringVar(&g.routing, "routing", "none", "how to find providers; this release knows only none")
	f.StringArrayVar(&g.listen, "listen", nil, "listen on `MULTIADDR`; repeatable (default /ip4/127.0.0.1/tcp/0 for run, nowhere for the rest)")
	f.StringVar(&g.engine, "engine", defaultEngine, "run modules on `ENGINE`: "+engineNames())
	f.StringVar(&g.logLevel, "log-level", "warn", "log what is at least this important: debug, info, warn, error")
	f.BoolVar(&g.logJSON, "log-json", false, "log JSON instead of text")
	f.BoolFunc("no-builtin", "do without the modules that are part of this program", func(string) error {
		g.builtin = false
		return nil
	})
	g.builtin = true
}

// helpCmd replaces cobra's, which takes an unknown command for none.
func (a *app) helpCmd(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND…]",
		Short: "Say what a command does",
		RunE: func(_ *cobra.Command, args []string) error {
			cmd, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				if cmd == nil {
					cmd, rest = root, args
				}
				return unknownCommand(cmd, rest[0])
			}
			return cmd.Help()
		},
	}
}

// wants wraps a cobra check, so that its error is a usage error with a hint.
func wants(check cobra.PositionalArgs, expected string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, given []string) error {
		if check(cmd, given) == nil {
			return nil
		}
		return usagef("see `"+cmd.CommandPath()+" -h`", "%s expects %s, and was given %d arguments",
			cmd.CommandPath(), expected, len(given))
	}
}

// group makes a command that only holds others.
func group(use, short string, sub ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use:   use,
		Short: short,
		Args:  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return unknownCommand(cmd, args[0])
		},
	}
	cmd.AddCommand(sub...)
	return cmd
}

func unknownCommand(cmd *cobra.Command, name string) error {
	hint := "see `" + cmd.CommandPath() + " -h`"
	if near := cmd.SuggestionsFor(name); len(near) > 0 {
		hint = "did you mean `" + cmd.CommandPath() + " " + strings.Join(near, "` or `"+cmd.CommandPath()+" ") + "`?"
	}
	return usagef(hint, "%s has no command %q", cmd.CommandPath(), name)
}

// needsNode turns "no node" into advice for commands that only make sense with
// a running one.
func needsNode(err error) error {
	if errors.Is(err, control.ErrNoNode) {
		return control.Errorf(control.NotFound, "no-node", "start one with `iprt run`, with the same --data-dir", "%w", err)
	}
	return err
}
