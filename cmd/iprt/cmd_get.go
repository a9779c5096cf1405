package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ipfs/go-cid"
	"github.com/spf13/cobra"

	"github.com/iprt/iprt/host/fetch/unixfs"
	"github.com/iprt/iprt/host/node/control"
)

func (a *app) getCmd() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "get CID",
		Short: "Fetch a file or a directory, verified",
		Long: `Fetch a file or a directory and write it to a path, or a file to standard
output with -o -. Every block is checked against its CID before it is used.
What is there already is never overwritten, and nothing is left behind when the
fetch fails.`,
		Example: "  iprt get bafkrei… -o picture.jpg\n  iprt get bafybei… --gateway http://127.0.0.1:8080",
		Args:    wants(cobra.ExactArgs(1), "one CID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := cid.Decode(args[0])
			if err != nil {
				return control.Errorf(control.Usage, "bad-cid", "a CID looks like bafkrei… or Qm…", "%q is not a CID: %w", args[0], err)
			}
			if out == "" {
				out = c.String()
			}
			return a.with(cmd.Context(), func(ctx context.Context, n control.API) error {
				if out == "-" {
					_, err := unixfs.Write(ctx, getter{a, n, nil}, c, a.stdout)
					return err
				}
				return a.getTo(ctx, n, c, out)
			})
		},
	}
	cmd.Flags().StringVarP(&out, "output", "o", "", "write to `FILE` (default: a name made of the CID; - for standard output)")
	return cmd
}

// getTo fetches into a place beside out and moves it there when it is whole.
func (a *app) getTo(ctx context.Context, n control.API, c cid.Cid, out string) (err error) {
	if _, err := os.Lstat(out); !errors.Is(err, fs.ErrNotExist) {
		if err == nil {
			return control.Errorf(control.Failed, "file-exists", "move it away, or name another file with -o", "%s is there already", out)
		}
		return fileError(err)
	}
	dir, err := os.MkdirTemp(filepath.Dir(out), ".iprt-get-")
	if err != nil {
		return fileError(err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	bar := a.progress("fetching", 0)
	part := filepath.Join(dir, "part")
	err = unixfs.Extract(ctx, getter{a, n, bar}, c, part, nil)
	bar.done()
	if err != nil {
		return addError(err)
	}
	if err := os.Rename(part, out); err != nil {
		return fileError(err)
	}
	type gotEvent struct {
		CID  string `json:"cid"`
		Path string `json:"path"`
	}
	return a.printf(gotEvent{c.String(), out}, "%s\n", out)
}

// getter reads verified blocks from a node.
type getter struct {
	app  *app
	node control.API
	bar  *bar
}

// Get implements [unixfs.Blocks]. A node that runs elsewhere checked the
// block; that its answer is checked again here costs little and means that
// what is written needs no trust in the socket.
func (g getter) Get(ctx context.Context, c cid.Cid) ([]byte, error) {
	b, err := g.node.GetBlock(ctx, c.String(), g.app.reach())
	if err != nil {
		return nil, err
	}
	sum, err := c.Prefix().Sum(b)
	if err != nil || !sum.Equals(c) {
		return nil, control.Errorf(control.Refused, "hash-mismatch", "restart the node; it answered with wrong bytes", "the node's bytes do not match %s", c)
	}
	g.bar.sized(c, b)
	g.bar.add(len(b))
	return b, nil
}
