package main

import (
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/iprt/iprt/host/node/control"
)

// manCmd writes man pages from the same texts as -h. Hidden: it is for
// packagers.
func (a *app) manCmd() *cobra.Command {
	return &cobra.Command{
		Use:    "man DIR",
		Short:  "Write man pages into a directory",
		Hidden: true,
		Args:   wants(cobra.ExactArgs(1), "one DIR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			err := os.MkdirAll(args[0], 0o755)
			if err == nil {
				cmd.Root().DisableAutoGenTag = true
				// A fixed date: the pages of a release are reproducible.
				date := time.Unix(0, 0).UTC()
				err = doc.GenManTree(cmd.Root(), &doc.GenManHeader{Title: "IPRT", Section: "1", Source: "iprt", Manual: "iprt", Date: &date}, args[0])
			}
			if err != nil {
				return control.Errorf(control.Failed, "output", "name a directory that you may write to", "cannot write the man pages: %w", err)
			}
			return nil
		},
	}
}
