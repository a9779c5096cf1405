package host

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ipfs/go-cid"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host/engine"
	"github.com/iprt/iprt/host/engine/guesttext"
	"github.com/iprt/iprt/host/hostcall"
	"github.com/iprt/iprt/host/hostcall/wasi"
	"github.com/iprt/iprt/host/manifest"
	"github.com/iprt/iprt/host/meter"
	"github.com/iprt/iprt/host/validate"
)

// link is the outcome of negotiation between a module, this host and a
// binding. imports depends on the module and the host only, so that bindings
// share compiled code; what the binding grants is looked up at the call.
type link struct {
	imports []engine.Import
	granted map[string]bool // by interface
}

// offer is what a host has to offer: its functions by import module and name.
type offer map[string]map[string]hostFunc

func newOffer() offer {
	o := offer{}
	for _, f := range slices.Concat(hostcall.Functions(), wasi.Functions()) {
		if o[f.Module] == nil {
			o[f.Module] = map[string]hostFunc{}
		}
		o[f.Module][f.Name] = hostFunc{f, hostcall.Waits(f.Module, f.Name)}
	}
	return o
}

// interfaces lists the names on offer in the order of the specification,
// without WASI, which modules do not list.
func (o offer) interfaces() []string {
	var names []string
	for _, i := range abi.Interfaces {
		if _, ok := o[i.Name]; ok {
			names = append(names, i.Name)
		}
	}
	return names
}

// pure reports whether an interface needs no grant.
func pure(iface string) bool {
	return manifest.PurityOf([]string{iface}) != manifest.Granted
}

// negotiate decides whether the module can be linked here and with what.
//
//	                 required             optional
//	known, granted   linked               linked
//	known only       refused              stub: −DENIED
//	unknown          refused              stub: −UNSUPPORTED
func (h *Host) negotiate(id cid.Cid, info *validate.Info, b Binding) (*link, error) {
	l := &link{granted: make(map[string]bool), imports: []engine.Import{sliceImport}}
	for _, iface := range h.offer.interfaces() {
		_, ok := b.Grants[iface]
		l.granted[iface] = ok || pure(iface)
	}
	for _, check := range []func(*validate.Info, Binding, *link) *RefusedError{
		h.checkGrants, h.checkRoles, h.checkRequired, h.linkImports,
	} {
		if refused := check(info, b, l); refused != nil {
			refused.Module = id
			return nil, refused
		}
	}
	return l, nil
}

// checkGrants refuses grants that would not do what the operator thinks.
func (h *Host) checkGrants(_ *validate.Info, b Binding, _ *link) *RefusedError {
	for iface, g := range b.Grants {
		if _, ok := h.offer[iface]; !ok {
			return &RefusedError{
				Kind:   RefusedBinding,
				Reason: fmt.Sprintf("binding %q grants %s, this host has %s", b.Name, iface, h.offer),
				Advice: "remove the grant, or use a host that has " + iface,
			}
		}
		if g.Args != nil {
			return &RefusedError{
				Kind:   RefusedBinding,
				Reason: fmt.Sprintf("binding %q grants %s with arguments, which this interface does not take", b.Name, iface),
				Advice: "grant it without arguments",
			}
		}
	}
	return nil
}

func (h *Host) checkRoles(info *validate.Info, _ Binding, _ *link) *RefusedError {
	var has []string
	for role := range info.Manifest.Roles {
		if callable(role) {
			return nil
		}
		has = append(has, role)
	}
	slices.Sort(has)
	return &RefusedError{
		Kind:   RefusedRole,
		Reason: fmt.Sprintf("its roles are %s, this host can call %s", strings.Join(has, ", "), callableRoles()),
		Advice: "load it with a host that has one of its roles",
	}
}

func (h *Host) checkRequired(info *validate.Info, b Binding, l *link) *RefusedError {
	for _, iface := range info.Manifest.Requires {
		if _, known := h.offer[iface]; !known {
			return &RefusedError{
				Kind:   RefusedInterface,
				Reason: fmt.Sprintf("needs %s, this host has %s", iface, h.offer),
				Advice: fmt.Sprintf("load it with a host that has %s, or use a module that does not need it", iface),
			}
		}
		if !l.granted[iface] {
			return &RefusedError{
				Kind:   RefusedGrant,
				Reason: fmt.Sprintf("needs %s, which binding %q does not grant", iface, b.Name),
				Advice: grantAdvice(b.Name, iface),
			}
		}
	}
	return nil
}

func grantAdvice(binding, iface string) string {
	if binding == "" {
		return "grant " + iface + " in the binding, if you want the module to have that"
	}
	return fmt.Sprintf("grant it with \"iprt grant %s %s\", if you want the module to have that", binding, iface)
}

// linkImports finds a function for each import. The validator has compared
// names and types with the tables of the ABI, and the engine compares them
// again with what is given here, so what has no function is left to it.
func (h *Host) linkImports(info *validate.Info, _ Binding, l *link) *RefusedError {
	seen := make(map[[2]string]bool) // a module may import one function twice
	for _, im := range info.Imports {
		name := [2]string{im.Module, im.Name}
		if seen[name] {
			continue
		}
		seen[name] = true
		if f, ok := h.linkImport(info.Manifest, im); ok {
			l.imports = append(l.imports, f)
		}
	}
	return nil
}

func (h *Host) linkImport(m *manifest.Manifest, im validate.Import) (engine.Import, bool) {
	calls, known := h.offer[im.Module]
	if !known {
		f := engine.Import{Module: im.Module, Name: im.Name, Type: engine.FuncType(im.Type)}
		f.Fn = refusal(f.Type, abi.StatusUnsupported, "this host has no "+im.Module)
		return hostFunc{Import: f}.guarded(), true
	}
	offered, ok := calls[im.Name]
	if !ok {
		return engine.Import{}, false
	}
	f := offered.guarded()
	if !pure(im.Module) && !slices.Contains(m.Requires, im.Module) {
		f.Fn = ifGranted(f)
	}
	return f, true
}

// sliceImport is what the meter adds to every module.
var sliceImport = engine.Import{
	Module: meter.ImportModule, Name: meter.ImportSlice,
	Type: engine.FuncType{Params: []abi.ValType{abi.I64}, Results: []abi.ValType{abi.I64}},
	Fn: func(ctx context.Context, _ engine.Memory, stack []uint64) error {
		c, ok := ctx.(*callContext)
		if !ok {
			return errNotInCall
		}
		fuel, err := c.g.slice(int64(stack[0]))
		stack[0] = uint64(fuel)
		return err
	},
}

var errNotInCall = errors.New("host: guest was called without its context")

// ifGranted answers −DENIED in bindings that do not grant an optional
// interface. Required ones are granted wherever the module got as far as
// running.
func ifGranted(f engine.Import) engine.HostFunc {
	denied := refusal(f.Type, abi.StatusDenied, f.Module+" is not granted")
	return func(ctx context.Context, mem engine.Memory, stack []uint64) error {
		if c, ok := ctx.(*callContext); !ok || !c.g.m.link.granted[f.Module] {
			return denied(ctx, mem, stack)
		}
		return f.Fn(ctx, mem, stack)
	}
}

// refusal answers with a status where the function's type has room for one.
// Where it has none the guest cannot be told, and its call ends.
func refusal(t engine.FuncType, s abi.Status, why string) engine.HostFunc {
	if len(t.Results) == 1 && t.Results[0] == abi.I32 {
		answer := uint64(uint32(-int32(s)))
		return func(_ context.Context, _ engine.Memory, stack []uint64) error {
			stack[0] = answer
			return nil
		}
	}
	err := fmt.Errorf("%s: %w", guesttext.Line(why, maxShown), s)
	return func(context.Context, engine.Memory, []uint64) error { return err }
}

// String lists the interfaces for messages.
func (o offer) String() string { return strings.Join(o.interfaces(), ", ") }

func callableRoles() string {
	var names []string
	for _, r := range abi.Roles {
		names = append(names, r.Name)
	}
	return strings.Join(names, ", ")
}
