package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ipfs/go-cid"

	"github.com/iprt/iprt/host"
	"github.com/iprt/iprt/host/fetch"
	"github.com/iprt/iprt/host/node/control"
	"github.com/iprt/iprt/host/policy"
)

// Grant implements [control.API].
func (n *Node) Grant(_ context.Context, r control.GrantRequest) (err error) {
	defer explain(&err)
	if err := checkGrant(r); err != nil {
		return err
	}
	modules, err := parseCIDs(r.Modules)
	if err != nil {
		return err
	}
	for _, c := range modules {
		if err := plausible(c); err != nil {
			return err
		}
	}
	var holder cid.Cid
	if r.To != "" {
		if holder, err = n.identity(r.To); err != nil {
			return err
		}
	}
	err = n.policy.Update(func(d *policy.Document) error {
		for _, c := range modules {
			if err := d.AllowModule(c); err != nil {
				return err
			}
		}
		for _, name := range r.Interfaces {
			d.Grant(r.Binding, name)
		}
		if holder.Defined() {
			d.Hold(r.Binding, holder)
		}
		return nil
	})
	if err == nil {
		n.log.Info("granted", "modules", r.Modules, "binding", r.Binding, "interfaces", r.Interfaces, "to", r.To)
	}
	return err
}

// checkGrant looks at the words of a request: what was meant must be clear.
func checkGrant(r control.GrantRequest) error {
	toBinding := r.Binding != "" || len(r.Interfaces) > 0 || r.To != ""
	switch {
	case len(r.Modules) > 0 && toBinding:
		return control.Errorf(control.Usage, "usage", "make two requests", "a request grants modules, or interfaces to a binding, not both")
	case len(r.Modules) == 0 && (r.Binding == "" || len(r.Interfaces) == 0):
		return control.Errorf(control.Usage, "usage", "name modules by CID, or a binding and interfaces", "nothing to grant")
	}
	if _, err := cid.Decode(r.Binding); err == nil {
		return control.Errorf(control.Usage, "not-a-binding",
			fmt.Sprintf("name the binding that it is loaded under: iprt grant BINDING %s --to %s", strings.Join(r.Interfaces, " "), r.Binding),
			"%s is the CID of a module, and interfaces are granted to a binding", r.Binding)
	}
	for _, name := range r.Interfaces {
		if !slices.Contains(interfaces(), name) {
			return control.Errorf(control.Usage, "unknown-interface", "this host has "+list(interfaces()),
				"%q is not an interface of this host", name)
		}
	}
	return nil
}

// plausible reports why a CID cannot be that of a module: a file is fetched by
// a raw block or the root of a UnixFS tree, under a hash that is good for code.
func plausible(c cid.Cid) error {
	if err := fetch.CheckFileCID(c); err != nil {
		return err
	}
	if codec := c.Prefix().Codec; codec != cid.Raw && codec != cid.DagProtobuf {
		return control.Errorf(control.Usage, "not-a-module", "a module is named by the CID of a raw block or of a file, such as `iprt add` prints",
			"%s cannot be a module: its codec is 0x%x", c, codec)
	}
	return nil
}

// identity reads the identity of a module, or the name of one that is built in.
func (n *Node) identity(text string) (cid.Cid, error) {
	c, err := n.moduleCID(text)
	if err != nil {
		return cid.Undef, err
	}
	if !policy.IsIdentity(c) {
		return cid.Undef, control.Errorf(control.Usage, "not-an-identity", "take the CID that `iprt inspect "+text+"` prints first",
			"%s is not the identity of a module, which is a CIDv1, raw, sha2-256: the same bytes have other CIDs like this one", c)
	}
	return c, nil
}

// Deny implements [control.API].
func (n *Node) Deny(ctx context.Context, r control.DenyRequest) (_ control.Denied, err error) {
	defer explain(&err)
	if len(r.Modules) == 0 {
		return control.Denied{}, control.Errorf(control.Usage, "usage", "name modules by CID", "nothing to deny")
	}
	var modules []cid.Cid
	for _, text := range r.Modules {
		c, err := n.identity(text)
		if err != nil {
			return control.Denied{}, err
		}
		modules = append(modules, c)
	}
	err = n.policy.Update(func(d *policy.Document) error {
		for _, c := range modules {
			if !r.Remove {
				d.DenyModule(c)
			} else if !d.UndenyModule(c) {
				return control.Errorf(control.NotFound, "not-denied", "see \"deny\" in "+n.policy.Path(), "%s is not on the deny list", c)
			}
		}
		return nil
	})
	if err != nil || r.Remove {
		return control.Denied{Unloaded: []string{}}, err
	}
	n.log.Info("denied", "modules", modules)
	return n.unloadAll(ctx, modules)
}

// unloadAll unloads what is bound to any of the modules: what is denied does not go on.
func (n *Node) unloadAll(ctx context.Context, modules []cid.Cid) (control.Denied, error) {
	out := control.Denied{Unloaded: []string{}}
	bound, err := n.Modules(ctx)
	if err != nil {
		return out, err
	}
	var errs []error
	for _, b := range bound {
		if !slices.ContainsFunc(modules, func(c cid.Cid) bool { return c.String() == b.CID }) {
			continue
		}
		if err := n.Unload(ctx, b.Binding); err != nil {
			errs = append(errs, err)
			continue
		}
		out.Unloaded = append(out.Unloaded, b.Binding)
	}
	return out, errors.Join(errs...)
}

// denied unloads what was denied while it was being loaded, when Deny did not see it
// yet.
func (n *Node) denied(ctx context.Context, b *bound) error {
	c := host.Candidate{ID: b.module.ID()}
	if !n.policy.Denied(c) {
		return nil
	}
	return errors.Join(n.policy.Allow(ctx, c), n.Unload(ctx, b.module.Binding().Name))
}

// grants returns what a module gets in a binding. named says that the operator
// chose the binding's name; a module that is part of the program has its name from there.
func (n *Node) grants(binding string, id cid.Cid, named bool) (host.Grants, error) {
	if err := n.policy.Refresh(); err != nil {
		return nil, err
	}
	named = named || slices.ContainsFunc(n.cfg.Builtin, func(b Builtin) bool { return b.CID.Equals(id) && b.Name == binding })
	g, withheld, err := n.policy.Grants(policy.Place{Binding: binding, Module: id, Named: named})
	if withheld {
		n.log.Warn("grants are withheld: they are for another module, or for one that is put there by name", "binding", binding, "cid", id)
	}
	return g, err
}

// howToGrant replaces the advice of a module that was not granted what it needs, where
// to grant it to the binding would not help.
func howToGrant(err error, binding string, id cid.Cid, named bool) error {
	refused, ok := errors.AsType[*host.RefusedError](err)
	if !ok || refused.Kind != host.RefusedGrant {
		return err
	}
	hint := fmt.Sprintf("if you want it to have that, grant it to this module: iprt grant %s INTERFACE… --to %s", binding, id)
	if !named {
		hint += "; or load it with --as NAME, and grant to NAME"
	}
	return control.Errorf(control.Refused, refused.Code(), hint, "%w", err)
}
