package node

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ipfs/go-cid"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host"
	"github.com/iprt/iprt/host/fetch"
	"github.com/iprt/iprt/host/ipldbind"
	"github.com/iprt/iprt/host/manifest"
	"github.com/iprt/iprt/host/node/control"
)

// bound is a module in its place.
type bound struct {
	module *host.Module
	since  time.Time
	named  bool // by the operator
}

// Modules implements [control.API].
func (n *Node) Modules(context.Context) ([]control.Module, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	out := []control.Module{}
	for _, name := range slices.Sorted(maps.Keys(n.bindings)) {
		out = append(out, n.bindings[name].describe())
	}
	return out, nil
}

// Load implements [control.API].
func (n *Node) Load(ctx context.Context, r control.LoadRequest) (_ control.Module, err error) {
	defer explain(&err)
	c, err := n.moduleCID(r.Module)
	if err != nil {
		return control.Module{}, err
	}
	if r.Allow {
		ctx = withAllowed(ctx, []cid.Cid{c})
	}
	f, release, err := n.reach(ctx, r.Reach)
	if err != nil {
		return control.Module{}, err
	}
	defer release()
	v, err := n.fetchModule(ctx, f, c)
	if err != nil {
		return control.Module{}, err
	}
	b, err := n.bind(ctx, v, r.Binding)
	if err != nil {
		return control.Module{}, err
	}
	if err := n.denied(ctx, b); err != nil {
		return control.Module{}, err
	}
	if r.Allow {
		n.mu.Lock()
		b.named = true
		n.mu.Unlock()
	}
	return b.describe(), nil
}

// moduleCID reads a CID or the name of a module that is built in.
func (n *Node) moduleCID(text string) (cid.Cid, error) {
	for _, b := range n.cfg.Builtin {
		if b.Name == text {
			return b.CID, nil
		}
	}
	return parseCID(text)
}

// fetchModule gets the bytes of a module that an operator named. A node serves
// the modules it uses, so what is part of the program is stored as well.
func (n *Node) fetchModule(ctx context.Context, f *fetch.Fetcher, c cid.Cid) (fetch.Verified, error) {
	v, err := f.File(ctx, fetch.Request{CID: c, Budget: fetch.Pinned})
	if err != nil {
		return fetch.Verified{}, err
	}
	if len(v.Bytes()) <= control.MaxBlock {
		if err := n.put(ctx, v.ID(), v.Bytes()); err != nil {
			return fetch.Verified{}, err
		}
	}
	return v, nil
}

// bind loads a module under a name and gives it its roles.
func (n *Node) bind(ctx context.Context, v fetch.Verified, name string) (*bound, error) {
	named := name != ""
	if !named {
		r, err := n.host.Inspect(ctx, v)
		if err != nil {
			return nil, err
		}
		name = r.Name // empty for what is no module, and loading says so
	}
	if b, err := n.reserve(name, v.ID()); b != nil || err != nil {
		return b, err
	}
	b, err := n.loadInto(ctx, v, name, named)
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.loading, name)
	if err == nil {
		n.bindings[name] = b
	}
	return b, err
}

// reserve keeps others from loading under a name. It returns what is bound
// there already, if that is the same module.
func (n *Node) reserve(name string, id cid.Cid) (*bound, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if b, ok := n.bindings[name]; ok {
		if b.module.ID().Equals(id) {
			return b, nil
		}
		return nil, control.Errorf(control.Refused, "binding-in-use", "unload it first, or load under another name",
			"binding %q holds module %s", name, b.module.ID())
	}
	if n.loading[name] {
		return nil, control.Errorf(control.Refused, "binding-in-use", "try again when it is done", "binding %q is being loaded", name)
	}
	n.loading[name] = true
	return nil, nil
}

func (n *Node) loadInto(ctx context.Context, v fetch.Verified, name string, named bool) (*bound, error) {
	grants, err := n.grants(name, v.ID(), named)
	if err != nil {
		return nil, err
	}
	m, err := n.host.LoadVerified(ctx, v, host.Binding{Name: name, Grants: grants, Pinned: true})
	if err != nil {
		return nil, howToGrant(err, name, v.ID(), named)
	}
	if _, ok := m.Manifest().Codec(); ok {
		if err := n.codecs.Register(m); err != nil {
			return nil, errors.Join(n.whoHolds(err), m.Close(context.WithoutCancel(ctx)))
		}
	}
	n.log.Info("loaded", "binding", name, "cid", m.ID(), "from", m.From(), "grants", slices.Sorted(maps.Keys(grants)))
	return &bound{module: m, since: time.Now()}, nil
}

// whoHolds adds to a conflict of codecs what the operator calls the other one.
func (n *Node) whoHolds(err error) error {
	conflict, ok := errors.AsType[*ipldbind.ConflictError](err)
	if !ok {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for name, b := range n.bindings {
		if b.module.ID().Equals(conflict.Have) {
			return control.Errorf(control.Refused, conflict.Code(), "make room with `iprt unload "+name+"`", "%w", err)
		}
	}
	return err
}

// Unload implements [control.API].
func (n *Node) Unload(ctx context.Context, name string) (err error) {
	defer explain(&err)
	n.mu.Lock()
	b, ok := n.bindings[name]
	if ok {
		// The code is free before the name is: who takes the name may need it.
		n.codecs.Unregister(b.module)
		delete(n.bindings, name)
	}
	n.mu.Unlock()
	if !ok {
		return control.Errorf(control.NotFound, "no-such-binding", "list them with `iprt ls`", "there is no binding %q", name)
	}
	n.codecs.Unregister(b.module)
	n.log.Info("unloaded", "binding", name, "cid", b.module.ID())
	return b.module.Close(ctx)
}

func (b *bound) describe() control.Module {
	m := b.module
	grants := slices.Sorted(maps.Keys(m.Binding().Grants))
	if grants == nil {
		grants = []string{}
	}
	return control.Module{
		Binding: m.Binding().Name,
		CID:     m.ID().String(),
		Locator: m.Locator().String(),
		Name:    m.Manifest().Name,
		Version: m.Manifest().Version,
		Size:    m.Size(),
		From:    m.From(),
		Roles:   roles(m.Manifest()),
		Purity:  m.Purity().String(),
		Grants:  grants,
		Loaded:  b.since,
	}
}

func interfaces() []string {
	var names []string
	for _, i := range abi.Interfaces {
		names = append(names, i.Name)
	}
	return names
}

func list(names []string) string { return strings.Join(names, ", ") }

// roles lists what a module can fill.
func roles(m *manifest.Manifest) []control.Role {
	out := []control.Role{}
	for _, name := range slices.Sorted(maps.Keys(m.Roles)) {
		r := control.Role{Role: name}
		if c := m.Roles[name].Codec; c != nil {
			r.Name, r.Code = c.Name, c.Code
		}
		out = append(out, r)
	}
	return out
}
