package main

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/iprt/iprt/host/fetch"
	"github.com/iprt/iprt/host/node/control"
)

func (a *app) dagCmd() *cobra.Command {
	return group("dag", "Read and write IPLD data through codec modules", a.dagGetCmd(), a.dagPutCmd())
}

func (a *app) dagGetCmd() *cobra.Command {
	var r control.DagGetRequest
	cmd := &cobra.Command{
		Use:   "get CID[/PATH]",
		Short: "Print what a path leads to, as DAG-JSON",
		Long: `Print what a path leads to, as DAG-JSON. Blocks are decoded by codec modules
only: those of the running node, those that are built in, those you granted, and
those named here.

The step ~ enters a self-describing block: a block that names the module with
which its data is to be read. With --resolve, such blocks are entered without
being asked. A module that is named only by data does not run unless you allow
it.`,
		Example: `  iprt dag get bafyrei…/a/0/b
  iprt dag get bafyrei…/~/info/name --allow bafkrei…
  iprt dag get bafy…/x --allow bafkrei…   # a codec module for the code of bafy…`,
		Args: wants(cobra.ExactArgs(1), "one CID[/PATH]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.Path, r.Reach = args[0], a.reach()
			return a.with(cmd.Context(), func(ctx context.Context, n control.API) (err error) {
				if r.Allow, err = a.allowedIn(ctx, n, r.Allow); err != nil {
					return err
				}
				doc, err := n.DagGet(ctx, r)
				if err != nil {
					return err
				}
				if isTerminal(a.stdout) {
					doc = jsonForTerminal(doc)
				}
				_, err = a.stdout.Write(append(doc, '\n'))
				return writeFailed(err)
			})
		},
	}
	cmd.Flags().BoolVar(&r.Resolve, "resolve", false, "enter self-describing blocks without the step ~")
	cmd.Flags().StringArrayVar(&r.Allow, "allow", nil, "allow the module `CID` for this command, or that in a file; repeatable")
	return cmd
}

func (a *app) dagPutCmd() *cobra.Command {
	var codec, describe string
	cmd := &cobra.Command{
		Use:   "put [FILE]",
		Short: "Store DAG-JSON as a block of some codec, and print its CID",
		Long: `Read DAG-JSON from FILE, or from standard input, encode it through a codec
module, store the block and print its CID.

With --describe, FILE is taken as it is, as one block of some foreign format,
and a second block is made that names the module which reads it. The CID of
that one is printed: any node that has iprt can read through it, with the step
~, data of a format that it never heard of.`,
		Example: `  echo '{"hello":"world"}' | iprt dag put
  iprt dag put --codec bencode node.json
  iprt dag put --describe bencode ubuntu.torrent`,
		Args: wants(cobra.MaximumNArgs(1), "at most one FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if describe != "" && cmd.Flags().Changed("codec") {
				return usagef("drop one of them", "--codec contradicts --describe, which takes FILE as it is")
			}
			limit := int64(control.MaxDocument)
			if describe != "" {
				limit = control.MaxBlock
			}
			data, err := a.input(args, limit)
			if err != nil {
				return err
			}
			return a.with(cmd.Context(), func(ctx context.Context, n control.API) (err error) {
				var p control.Put
				if describe != "" {
					p, err = a.describe(ctx, n, describe, data)
				} else {
					p, err = n.DagPut(ctx, control.DagPutRequest{Codec: codec, Document: data})
				}
				if err != nil {
					return err
				}
				return a.printf(p, "%s\n", p.CID)
			})
		},
	}
	cmd.Flags().StringVar(&codec, "codec", "dag-cbor", "encode as `NAME`, or as the number of a multicodec")
	cmd.Flags().StringVar(&describe, "describe", "", "take FILE as it is, to be read with `MODULE`: a CID, a file, or a name in iprt.lock")
	return cmd
}

// describe stores a foreign block and the block that says how to read it.
// Naming the module on the command line allows it.
func (a *app) describe(ctx context.Context, n control.API, module string, data []byte) (control.Put, error) {
	ref, err := a.moduleRef(ctx, n, module)
	if err != nil {
		return control.Put{}, err
	}
	c := fetch.Identity(data).String()
	if err := n.PutBlock(ctx, c, data); err != nil {
		return control.Put{}, err
	}
	return n.Describe(ctx, control.DescribeRequest{Codec: ref, Data: c, Allow: true, Reach: a.reach()})
}

// input reads the file that args name, or standard input.
func (a *app) input(args []string, limit int64) ([]byte, error) {
	if len(args) > 0 && args[0] != "-" {
		return readFile(args[0], limit)
	}
	b, err := io.ReadAll(io.LimitReader(a.stdin, limit+1))
	if err != nil {
		return nil, control.Errorf(control.Failed, "file", "", "cannot read standard input: %w", err)
	}
	if int64(len(b)) > limit {
		return nil, control.Errorf(control.Limit, "file-too-large", "", "standard input is larger than %s", bytesText(uint64(limit)))
	}
	return b, nil
}
