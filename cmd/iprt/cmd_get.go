package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"path"
	"path/filepath"

	"github.com/ipfs/go-cid"
	"github.com/spf13/cobra"

	"github.com/iprt/iprt/host/fetch/unixfs"
	"github.com/iprt/iprt/host/node"
	"github.com/iprt/iprt/host/node/control"
)

func (a *app) getCmd() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "get CID[/PATH]",
		Short: "Fetch a file or a directory, verified",
		Long: `Fetch a file or a directory and write it to a path, or a file to standard
output with -o -. Every block is checked against its CID before it is used.
What is there already is never overwritten, and nothing is left behind when the
fetch fails.`,
		Example: `  iprt get bafkrei… -o picture.jpg
  iprt get bafybei…/photos/1.jpg
  iprt get bafybei… --gateway http://127.0.0.1:8080`,
		Args: wants(cobra.ExactArgs(1), "one CID[/PATH]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, steps, err := node.SplitPath(args[0])
			if err != nil {
				return err
			}
			return a.with(cmd.Context(), func(ctx context.Context, n control.API) error {
				target, err := unixfs.Resolve(ctx, getter{app: a, node: n}, c, steps)
				if err != nil {
					return err
				}
				if out == "" {
					out = defaultName(target, steps)
				}
				return a.get(ctx, n, target, out)
			})
		},
	}
	cmd.Flags().StringVarP(&out, "output", "o", "", "write to `FILE` (default: the last name of PATH, or the CID; - for standard output)")
	return cmd
}

// defaultName is the last name of a path, if that can be one here.
func defaultName(c cid.Cid, steps string) string {
	name := path.Base(path.Clean("/" + steps))
	if name == "/" || !filepath.IsLocal(name) || name == "-" {
		return c.String()
	}
	return name
}

// get fetches all below c in one session.
func (a *app) get(ctx context.Context, n control.API, c cid.Cid, out string) error {
	g := getter{app: a, node: n, session: rand.Text()}
	if out != "-" {
		return a.getTo(ctx, g, c, out)
	}
	_, err := unixfs.Write(ctx, g, c, a.stdout)
	if e, ok := errors.AsType[*unixfs.KindError](err); ok && e.CID.Equals(c) {
		hint := e.Hint()
		if e.Kind == string(unixfs.Directory) || e.Kind == string(unixfs.Shard) {
			hint = fmt.Sprintf("name a folder to make with -o, or one file in it: iprt get %s/NAME -o -", c)
		}
		return control.Errorf(control.Usage, e.Code(), hint, "cannot write to standard output: %w", err)
	}
	return err
}

// getTo fetches into a place beside out and moves it there when it is whole.
func (a *app) getTo(ctx context.Context, g getter, c cid.Cid, out string) (err error) {
	s, err := stage(out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	g.bar = a.progress("fetching", 0)
	err = unixfs.Extract(ctx, g, c, s.part(), nil)
	g.bar.done()
	if err != nil {
		return addError(err)
	}
	if err := s.commit(); err != nil {
		return err
	}
	type gotEvent struct {
		CID  string `json:"cid"`
		Path string `json:"path"`
	}
	return a.printf(gotEvent{c.String(), out}, "%s\n", out)
}

// getter reads verified blocks from a node.
type getter struct {
	app     *app
	node    control.API
	bar     *bar
	session string // see [control.Reach]
}

// Get implements [unixfs.Blocks]. A node that runs elsewhere checked the
// block; that its answer is checked again here costs little and means that
// what is written needs no trust in the socket.
func (g getter) Get(ctx context.Context, c cid.Cid) ([]byte, error) {
	reach := g.app.reach()
	reach.Session = g.session
	b, err := g.node.GetBlock(ctx, c.String(), reach)
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
