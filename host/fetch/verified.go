package fetch

import (
	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
)

// Verified is a file whose bytes were checked against a CID. Only this package
// makes one. The zero value holds nothing: its ID is undefined.
type Verified struct {
	id, locator cid.Cid
	bytes       []byte
	from        string
}

// ID is the identity: the raw CIDv1 of the sha2-256 of the bytes, whatever the
// file was asked by.
func (v Verified) ID() cid.Cid { return v.id }

// Locator is the CID that was asked for.
func (v Verified) Locator() cid.Cid { return v.locator }

// Bytes are the file. They are shared: nobody writes to them.
func (v Verified) Bytes() []byte { return v.bytes }

// From names the sources that the bytes came from, for display.
func (v Verified) From() string { return v.from }

// FromBytes wraps bytes that the operator handed over directly, such as a file
// named on the command line. They are what they are, so their identity is
// computed and there is nothing to compare it with. It keeps b, which must not
// change any more.
func FromBytes(b []byte, from string) Verified {
	id := Identity(b)
	return Verified{id: id, locator: id, bytes: b, from: from}
}

// Identity returns the raw CIDv1 of the sha2-256 of b.
func Identity(b []byte) cid.Cid {
	h, err := multihash.Sum(b, multihash.SHA2_256, -1)
	if err != nil {
		// sha2-256 is built into the multihash package and cannot be missing.
		panic("fetch: sha2-256 is not available: " + err.Error())
	}
	return cid.NewCidV1(cid.Raw, h)
}
