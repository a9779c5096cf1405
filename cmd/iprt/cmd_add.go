package main

import (
	"bytes"
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

// addedEvent is the stable shape of `iprt add --json`.
type addedEvent struct {
	CID  string `json:"cid"`
	Path string `json:"path"`
	Size uint64 `json:"size"` // bytes of content
}

func (a *app) addCmd() *cobra.Command {
	var raw, hidden bool
	cmd := &cobra.Command{
		Use:   "add PATH|-",
		Short: "Import a file or a directory, and print its CID",
		Long: `Import a file, a directory, or standard input, and print its CID, which is the
one that "ipfs add --cid-version=1 --raw-leaves" prints. With --raw, the file
becomes a single block of at most 2 MiB.`,
		Example: "  iprt add photos/\n  iprt add --raw ubuntu.torrent\n  tar c . | iprt add -",
		Args:    wants(cobra.ExactArgs(1), "one PATH"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.with(cmd.Context(), func(ctx context.Context, n control.API) error {
				bar := a.progress("adding", pathSize(args[0]))
				added, err := a.add(ctx, putter{n, bar}, args[0], raw, hidden)
				bar.done()
				if err != nil {
					return addError(err)
				}
				ev := addedEvent{added.CID.String(), args[0], added.Size}
				return a.printf(ev, "%s\n", ev.CID)
			})
		},
	}
	cmd.Flags().BoolVar(&raw, "raw", false, "make one raw block of the file")
	cmd.Flags().BoolVar(&hidden, "hidden", false, "take files of a directory whose name starts with a dot, too")
	return cmd
}

func (a *app) add(ctx context.Context, p putter, name string, raw, hidden bool) (unixfs.Added, error) {
	if name == "-" {
		if raw {
			return unixfs.AddRaw(ctx, p, a.stdin)
		}
		return unixfs.Add(ctx, p, a.stdin)
	}
	abs, err := filepath.Abs(name)
	if err != nil {
		return unixfs.Added{}, err
	}
	if !raw {
		return unixfs.AddFS(ctx, p, os.DirFS(filepath.Dir(abs)), filepath.Base(abs), unixfs.Options{Hidden: hidden})
	}
	f, err := os.Open(abs)
	if err != nil {
		return unixfs.Added{}, err
	}
	defer func() { _ = f.Close() }()
	return unixfs.AddRaw(ctx, p, f)
}

// addError tells what is wrong with a file from what is wrong with the node.
func addError(err error) error {
	if _, ok := errors.AsType[*fs.PathError](err); ok && !isControlError(err) {
		return fileError(err)
	}
	return err
}

// putter lets the importer write to a node.
type putter struct {
	node control.API
	bar  *bar
}

func (p putter) Put(ctx context.Context, c cid.Cid, block []byte) error {
	if err := p.node.PutBlock(ctx, c.String(), block); err != nil {
		return err
	}
	p.bar.add(len(block))
	return nil
}

// addBytes imports b as a file and returns its CID.
func addBytes(ctx context.Context, n control.API, b []byte) (string, error) {
	added, err := unixfs.Add(ctx, putter{node: n}, bytes.NewReader(b))
	return added.CID.String(), err
}

// pathSize is how much there is to add, or 0 if that is not known.
func pathSize(name string) int64 {
	var total int64
	err := filepath.WalkDir(name, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.Type().IsRegular() {
			info, err := d.Info()
			if err != nil {
				return err
			}
			total += info.Size()
		}
		return nil
	})
	if err != nil {
		return 0
	}
	return total
}
