package policy

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/codec/dagjson"
	"github.com/ipld/go-ipld-prime/node/basicnode"

	"github.com/iprt/iprt/host"
)

// A Place is what asks for grants: a module in a binding.
type Place struct {
	Binding string
	Module  cid.Cid // identity
	// Named says that the operator chose the name of the binding. Otherwise the
	// module did, in its manifest, and any module can choose any name.
	Named bool
}

// Grants returns what a place is granted, which may be nothing. withheld says that the file
// grants something to the binding, which this place does not get: it belongs to
// another module, or the module gave itself the name.
//
// Errors: [*Error] for arguments that are not DAG-JSON.
func (f *File) Grants(p Place) (grants host.Grants, withheld bool, err error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	grants = host.Grants{}
	if !f.doc.mayHave(p) {
		return grants, len(f.doc.Grants[p.Binding]) > 0, nil
	}
	for iface, args := range f.doc.Grants[p.Binding] {
		var g host.Grant
		if args != nil {
			nb := basicnode.Prototype.Any.NewBuilder()
			if err := dagjson.Decode(nb, bytes.NewReader(args)); err != nil {
				return nil, false, &Error{
					Path: f.path, At: fmt.Sprintf(`"grants".%q.%q`, p.Binding, iface),
					Got: err.Error(), Want: "arguments in DAG-JSON", Err: err,
				}
			}
			g.Args = nb.Build()
		}
		grants[iface] = g
	}
	return grants, false, nil
}

// mayHave is the rule of who gets the grants of a binding: its holder if it has one, and
// else whatever module the operator put into it by name.
func (d *Document) mayHave(p Place) bool {
	if holder, ok := d.Holders[p.Binding]; ok {
		return holder.Equals(p.Module)
	}
	return p.Named
}

// Grant adds an interface to what a binding is granted, without arguments.
func (d *Document) Grant(binding, iface string) {
	if d.Grants == nil {
		d.Grants = map[string]map[string]json.RawMessage{}
	}
	if d.Grants[binding] == nil {
		d.Grants[binding] = map[string]json.RawMessage{}
	}
	d.Grants[binding][iface] = nil
}

// Hold gives the grants of a binding to one module alone, whoever names the binding. A CID
// that cannot be an identity is refused when the document is saved.
func (d *Document) Hold(binding string, module cid.Cid) {
	if d.Holders == nil {
		d.Holders = map[string]cid.Cid{}
	}
	d.Holders[binding] = module
}
