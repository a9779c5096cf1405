package ipldbind

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/ipld/go-ipld-prime/linking"
	cidlink "github.com/ipld/go-ipld-prime/linking/cid"
	"github.com/multiformats/go-multihash"
)

// minDigest is the shortest digest that identifies a block, in bytes: that of the shortest hash function in use, sha1. A CID can be
// written with a digest cut to nothing, which every block would match.
const minDigest = 20

// verify checks that block is what lnk names. LinkSystem's own check would panic at a CID whose digest is longer than its hash
// function's, so digests are compared here. A mismatch is a linking.ErrHashMismatch, anything wrong with the link a *LinkError.
func verify(hashers hasherChooser, lnk cidlink.Link, block []byte) error {
	if !lnk.Defined() {
		return &LinkError{Link: "(undefined)", Reason: "is no CID"}
	}
	want, err := multihash.Decode(lnk.Hash())
	if err != nil {
		return &LinkError{Link: lnk.String(), Reason: err.Error(), Err: err}
	}
	if want.Code == multihash.IDENTITY {
		return compare(lnk, want.Digest, block)
	}
	if want.Length < minDigest {
		return &LinkError{Link: lnk.String(), Reason: fmt.Sprintf("its digest has %d bytes, too few to identify a block (at least %d)", want.Length, minDigest)}
	}
	if hashers == nil {
		hashers = cidlink.DefaultLinkSystem().HasherChooser
	}
	hasher, err := hashers(lnk.Prototype())
	if err != nil {
		return &LinkError{Link: lnk.String(), Reason: "its hash function is not available", Err: err}
	}
	hasher.Write(block)
	sum := hasher.Sum(nil)
	if want.Length > len(sum) {
		return &LinkError{Link: lnk.String(), Reason: fmt.Sprintf("its digest has %d bytes, and its hash function makes %d", want.Length, len(sum))}
	}
	return compare(lnk, want.Digest, sum[:want.Length])
}

func compare(lnk cidlink.Link, want, got []byte) error {
	if bytes.Equal(want, got) {
		return nil
	}
	return linking.ErrHashMismatch{Actual: lnk.Prototype().BuildLink(got), Expected: lnk}
}

// loadBlock reads the block that lnk names from lsys and checks its hash. It is LinkSystem.LoadRaw with a limit, and for CIDs of strangers.
// Identity CIDs carry their block, and need no storage.
func loadBlock(ctx context.Context, lsys *linking.LinkSystem, lnk cidlink.Link, limit int) ([]byte, error) {
	if !lnk.Defined() {
		return nil, &LinkError{Link: "(undefined)", Reason: "is no CID"}
	}
	if h, err := multihash.Decode(lnk.Hash()); err == nil && h.Code == multihash.IDENTITY {
		return h.Digest, nil
	}
	if lsys.StorageReadOpener == nil {
		return nil, &LinkError{Link: lnk.String(), Reason: "the link system has no storage to read from"}
	}
	r, err := lsys.StorageReadOpener(linking.LinkContext{Ctx: ctx}, lnk)
	if err != nil {
		return nil, err
	}
	if c, ok := r.(io.Closer); ok {
		defer c.Close()
	}
	block, err := readBlock(r, limit)
	if err != nil {
		return nil, err
	}
	return block, verify(lsys.HasherChooser, lnk, block)
}

// readBlock reads all of r into memory of its own, but not more than limit.
func readBlock(r io.Reader, limit int) ([]byte, error) {
	size := 4 << 10
	if sized, ok := r.(interface{ Len() int }); ok {
		size = min(sized.Len(), limit)
	}
	buf := make([]byte, 0, size+1) // one more, so that the end is found without growing
	for {
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		switch {
		case len(buf) > limit:
			return nil, &SizeError{What: "block", Size: limit + 1, Max: limit}
		case err == io.EOF:
			return buf, nil
		case err != nil:
			return nil, err
		}
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
	}
}

// newBlockReader is what native decoders read from: some take a shorter way for a buffer.
func newBlockReader(block []byte) io.Reader { return bytes.NewBuffer(block) }
