// Package manifest reads and writes the manifest of a module: the custom section [abi.ManifestSection], a strict DAG-CBOR map
// that says what a module is and what it asks for, and that is read without running any of it.
//
// Start with [Parse] and [Encode]. There is one encoding of a manifest: what Parse accepts, Encode gives back byte for
// byte. [PurityOf] tells what a module can reach, which is read off its imports and never believed from a manifest.
package manifest

import (
	"github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/datamodel"

	"github.com/iprt/iprt/abi"
)

// Manifest is what a module says of itself. It is a claim by the module's author: display it, ask for consent by it, but
// believe only what the module's bytes show.
//
// A Manifest from [Parse] is shared freely if it is not changed.
type Manifest struct {
	Name    string // 1 to 64 of a-z, 0-9 and "-"
	Version string // semantic version 2.0.0
	License string // for example an SPDX expression; 1 to 256 printable characters

	// Roles has the places that the module can fill, keyed like "codec/v1"; 1 to 16.
	Roles map[string]Role

	// Requires and Optional list the interfaces that the module imports, like "iprt:log/v1": sorted, unique, disjoint. The
	// module does not load without the required ones; a missing optional one answers UNSUPPORTED or DENIED. WASI needs no
	// mention.
	Requires, Optional []string

	// Grants has the arguments of the grants that the module asks for, by interface; nil if none. Each key is in Requires
	// or Optional.
	Grants map[string]datamodel.Node

	// Limits has hints on what the module needs, such as "memory" in bytes; nil if none. A host ignores names that it
	// does not know.
	Limits map[string]uint64

	// Vectors are test vectors for the module, each a CID; nil if none.
	Vectors []cid.Cid

	// Meta is for people and tools, a map of any content; nil if there is none.
	Meta datamodel.Node
}

// Role is what a manifest says of one role. For [abi.RoleCodec] Codec is set; for every other role Params is, a map that is
// not looked into.
type Role struct {
	Codec  *Codec
	Params datamodel.Node
}

// Codec is the role codec/v1: the format that a module decodes and encodes.
type Codec struct {
	Code uint64 // multicodec code, 1 to 2^63−1
	Name string // name of the format, 1 to 64 of a-z, 0-9 and "-"
}

// Codec returns what the manifest says of the role codec/v1, if the module has that role.
func (m *Manifest) Codec() (Codec, bool) {
	if r, ok := m.Roles[abi.RoleCodec]; ok && r.Codec != nil {
		return *r.Codec, true
	}
	return Codec{}, false
}

// Lists reports whether the manifest lists an interface as required or optional.
func (m *Manifest) Lists(iface string) bool {
	return contains(m.Requires, iface) || contains(m.Optional, iface)
}
