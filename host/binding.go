package host

import "github.com/ipld/go-ipld-prime/datamodel"

// Binding is the operator's name for a place that a module fills, and what
// the module may do there. Grants belong to the binding, not to the module:
// the same module in two bindings can be allowed different things, and the
// two share compiled code but no instance and no state.
type Binding struct {
	// Name identifies the place in logs and errors; may be empty.
	Name string

	// Grants lists the interfaces the module may use beyond iprt:core. What
	// is not listed is denied.
	Grants Grants

	// Config is what the module reads through iprt:config, which must be
	// granted too. The host copies it.
	Config map[string][]byte

	// Pinned says that the operator chose this very module by its CID. Fetching
	// and validating then have the wider limits of fetch.Pinned and
	// validate.Pinned, and running the wider defaults of [Limits]; otherwise
	// they have those for modules from strangers. Its calls do not put it in
	// quarantine, see [Breaker].
	Pinned bool

	// Limits replaces those of [Config.Limits] whose fields are not zero.
	Limits Limits
}

// Grants maps the name of an interface, such as "iprt:log/v1", to what is
// granted of it.
type Grants map[string]Grant

// Grant is permission to use an interface. Args narrows it in the terms of
// the interface, as the value of its entry in the manifest's "grants" does;
// the interfaces of this release take no arguments, and a grant that has some
// is refused rather than ignored.
type Grant struct {
	Args datamodel.Node // nil for none
}
