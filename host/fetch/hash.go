package fetch

import (
	"bytes"
	"fmt"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
)

const (
	minDigest   = 32
	maxDigest   = 64
	maxIdentity = 128
)

// hashes is the strict list: hash functions without known collisions. It is
// shorter than what IPFS tools accept, because these CIDs name code.
var hashes = map[uint64]string{
	multihash.SHA2_256:         "sha2-256",
	multihash.SHA2_512:         "sha2-512",
	multihash.BLAKE3:           "blake3",
	multihash.BLAKE2B_MIN + 31: "blake2b-256",
}

// CheckCID reports, as a [*CIDError], why a block may not be fetched by c: its
// hash function is not on the strict list, its digest is shorter than 32
// bytes, or it is an identity CID of more than 128 bytes.
func CheckCID(c cid.Cid) error {
	if !c.Defined() {
		return &CIDError{CID: c, Reason: "no CID given"}
	}
	h, err := multihash.Decode(c.Hash())
	if err != nil {
		return &CIDError{CID: c, Reason: err.Error()}
	}
	if h.Code == multihash.IDENTITY {
		if h.Length > maxIdentity {
			return &CIDError{CID: c, Reason: fmt.Sprintf("an identity CID of %d bytes; at most %d are accepted", h.Length, maxIdentity)}
		}
		return nil
	}
	if _, ok := hashes[h.Code]; !ok {
		return &CIDError{CID: c, Reason: "its hash function is " + hashName(h.Code)}
	}
	if h.Length < minDigest || h.Length > maxDigest {
		return &CIDError{CID: c, Reason: fmt.Sprintf("its digest has %d bytes, expected %d to %d", h.Length, minDigest, maxDigest)}
	}
	return nil
}

// CheckFileCID is [CheckCID] for files, modules above all: no identity CIDs.
func CheckFileCID(c cid.Cid) error {
	if err := CheckCID(c); err != nil {
		return err
	}
	if isIdentity(c) {
		return &CIDError{CID: c, Reason: "an identity CID carries the bytes itself, and code must be named by a hash"}
	}
	return nil
}

func hashName(code uint64) string {
	if name, ok := multihash.Codes[code]; ok {
		return name
	}
	return fmt.Sprintf("unknown (code 0x%x)", code)
}

// isIdentifier reports whether c has the form of an identity of a file, see
// [Verified.ID].
func isIdentifier(c cid.Cid) bool {
	p := c.Prefix()
	return p.Version == 1 && p.Codec == cid.Raw && p.MhType == multihash.SHA2_256 && p.MhLength == 32
}

func isIdentity(c cid.Cid) bool { return c.Prefix().MhType == multihash.IDENTITY }

// isEmpty reports whether c names the block of no bytes. Nobody needs to be
// asked for that one, and bitswap does not carry it.
func isEmpty(c cid.Cid) bool { return verify(c, nil, "") == nil }

// verify reports, as a [*HashError], that block is not what c names. The CID
// was accepted by [CheckCID] before.
func verify(c cid.Cid, block []byte, source string) error {
	want, err := multihash.Decode(c.Hash())
	if err != nil {
		return &CIDError{CID: c, Reason: err.Error()}
	}
	got, err := multihash.Sum(block, want.Code, want.Length)
	if err != nil {
		return &CIDError{CID: c, Reason: err.Error()}
	}
	if !bytes.Equal(got, c.Hash()) {
		return &HashError{CID: c, Source: source, Size: len(block)}
	}
	return nil
}
