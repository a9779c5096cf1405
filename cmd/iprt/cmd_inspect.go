package main

import (
	"context"
	"errors"
	"io"
	"strings"

	"github.com/ipfs/go-cid"
	"github.com/spf13/cobra"

	"github.com/iprt/iprt"
	"github.com/iprt/iprt/host"
	"github.com/iprt/iprt/host/engine"
	"github.com/iprt/iprt/host/fetch"
	"github.com/iprt/iprt/host/node/control"
	"github.com/iprt/iprt/host/validate"
)

func (a *app) inspectCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "inspect MODULE",
		Short: "Say what a module is and what it could do, without running it",
		Long: `Say what a module is: its identity, roles, interfaces and imports, what it could
ever do, what it would need granted, its static limits, and what the validator
says of it. Nothing of it is run or compiled; an engine may still refuse it. MODULE is a CID, a file, or a name in
iprt.lock.`,
		Example: "  iprt inspect ./my-codec.wasm\n  iprt inspect bencode\n  iprt --json inspect bafkrei…",
		Args:    wants(cobra.ExactArgs(1), "one MODULE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := a.report(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if r.Verdict == host.VerdictRejected {
				if a.flags.json {
					err = a.print(r, nil)
				}
				if err != nil {
					return err
				}
				return control.Errorf(control.Refused, "invalid-module", r.Fix, "%s is not a module that runs here: %s", args[0], r.Fault)
			}
			return a.print(r, func(w io.Writer) error { return printReport(w, r) })
		},
	}
}

// report inspects a file here, and anything else through the node.
func (a *app) report(ctx context.Context, arg string) (host.Report, error) {
	b, from, ref, err := moduleBytes(arg)
	if err != nil {
		return host.Report{}, err
	}
	if from != "" {
		return a.reportOn(ctx, b, from)
	}
	var r host.Report
	err = a.with(ctx, func(ctx context.Context, n control.API) (err error) {
		r, err = n.Inspect(ctx, control.InspectRequest{Module: ref, Reach: a.reach()})
		return err
	})
	return r, notAtHand(arg, err)
}

// reportOn inspects bytes that are at hand. It takes a host, but no node: a
// file can be looked at without a data directory.
func (a *app) reportOn(ctx context.Context, b []byte, from string) (_ host.Report, err error) {
	eng, err := engines()[a.flags.engine]()
	if err != nil {
		return host.Report{}, err
	}
	defer func() { err = errors.Join(err, eng.Close(context.WithoutCancel(ctx))) }()
	h, err := host.New(eng, host.Config{})
	if err != nil {
		return host.Report{}, err
	}
	r, err := h.Inspect(ctx, fetch.FromBytes(b, from))
	if err != nil {
		return host.Report{}, err
	}
	// This host has nowhere else to compile. What runs modules has.
	if _, ok := eng.(engine.Precompiler); ok && r.Compile != nil && r.Compile.Where == "refused" {
		r.Compile.Where = "child-process"
	}
	return *r, h.Close(ctx)
}

// moduleBytes reads a module that is at hand without a node, a file or one that
// is part of this program, and says where it was. For anything else from is ""
// and ref the CID to ask a node for. Names mean what they do to moduleRef.
func moduleBytes(arg string) (b []byte, from, ref string, err error) {
	if _, err := cid.Decode(arg); err == nil {
		return nil, "", arg, nil
	}
	if !strings.ContainsAny(arg, `/\.`) {
		if b, ok := iprt.Bytes(arg); ok {
			return b, "what is built in", "", nil
		}
		c, file, err := locked(arg)
		switch {
		case err != nil:
			return nil, "", "", err
		case file != "":
			arg = file
		case c.Defined():
			return nil, "", c.String(), nil
		}
	}
	b, err = readFile(arg, maxModule)
	return b, arg, "", notAtHand(arg, err)
}

func printReport(w io.Writer, r host.Report) error {
	out := &lines{w: w}
	out.printf("cid        %s\n", r.CID)
	if r.Locator != r.CID && r.Locator != "" {
		out.printf("fetched by %s\n", r.Locator)
	}
	out.printf("size       %d bytes, from %s\n", r.Size, oneLine(r.From))
	out.printf("verdict    %s\n", verdictText(r))
	out.printf("name       %s %s (%s)\n", r.Name, oneLine(r.Version), oneLine(r.License))
	out.printf("abi        %s\n", r.ABI)
	for _, role := range r.Roles {
		out.printf("role       %s\n", roleText(role.Role, role.Name, role.Code))
	}
	out.printf("purity     %s\n", r.Purity)
	out.printf("requires   %s\n", list(r.Requires))
	out.printf("optional   %s\n", list(r.Optional))
	for _, im := range r.Imports {
		out.printf("imports    %s: %s\n", im.Interface, list(im.Functions))
	}
	if len(r.Imports) == 0 {
		out.printf("imports    nothing\n")
	}
	for _, s := range r.Could {
		out.printf("could      %s\n", s)
	}
	out.printf("needs      %s\n", list(r.Needs))
	if len(r.Missing) > 0 {
		out.printf("missing    %s\n", list(r.Missing))
	}
	out.printf("limits     memory %s to %s, %d functions, %s of code\n",
		bytesText(r.Limits.MemoryMin), bytesText(r.Limits.MemoryMax), r.Limits.Functions, bytesText(uint64(r.Limits.CodeBytes)))
	if c := r.Compile; c != nil {
		out.printf("compile    not tried; would take about %d ms, %s\n", max(1, c.Milliseconds), compileText(r.Class, *c))
	}
	return out.err
}

// compileText says where a module would be compiled. That depends on whose it is: what an operator names by its CID or file has
// wider budgets than what is fetched because a block asks for it.
func compileText(class string, c host.CompileReport) string {
	within := func(l validate.Limits) bool {
		return c.Milliseconds <= l.CompileModule.Milliseconds() && c.FunctionMilliseconds <= l.CompileFunction.Milliseconds()
	}
	const here = "in this process"
	apart := "in a process of its own, which can be ended"
	if c.Where == "refused" {
		apart = "nowhere, for it is too long"
	}
	switch {
	case within(validate.Untrusted()):
		return here
	case !within(validate.Pinned()):
		return apart
	case class != "untrusted": // as a stranger's it is refused before
		return here + " if it is named by you"
	}
	return here + " if it is named by you; as a stranger's module, " + apart
}

func verdictText(r host.Report) string {
	if r.Fault == "" {
		return r.Verdict
	}
	return r.Verdict + ": " + oneLine(r.Fault)
}
