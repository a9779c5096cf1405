package unixfs

import (
	"errors"
	"fmt"

	"github.com/ipfs/boxo/ipld/merkledag"
	ft "github.com/ipfs/boxo/ipld/unixfs"
	"github.com/ipfs/boxo/ipld/unixfs/pb"
	"github.com/ipfs/go-cid"
	"google.golang.org/protobuf/encoding/protowire"
)

// A Kind is what a UnixFS node stands for.
type Kind string

// The kinds of nodes. A node that claims any other does not parse.
const (
	File      Kind = "file"
	Directory Kind = "directory"
	Shard     Kind = "sharded directory"
	Symlink   Kind = "symlink"
	Metadata  Kind = "metadata node"
)

// A Node is one parsed block. Its sizes are what the block claims.
type Node struct {
	Kind Kind
	// Data is the part of a file that is in the block itself and comes before
	// its children, the target of a symlink, or the bit field of a shard.
	Data []byte
	// Size is the size of a file, children included.
	Size uint64
	// Fanout is the number of slots in a shard.
	Fanout uint64
	Links  []Link
}

// A Link is a child.
type Link struct {
	CID  cid.Cid
	Name string // in directories
	// Size is the number of file bytes below a child of a file. For entries
	// of a directory it is the size of all blocks below.
	Size uint64
}

// maxLinks bounds what parsing a block may allocate. Importers stop at 174 or
// 1,024 children and shard directories well before this number.
const maxLinks = 1 << 15

// Parse reads a block by the codec of its CID, which must be raw or dag-pb. A
// raw block is a File whose Data is the block.
func Parse(c cid.Cid, block []byte) (*Node, error) {
	switch c.Prefix().Codec {
	case cid.Raw:
		return &Node{Kind: File, Data: block, Size: uint64(len(block))}, nil
	case cid.DagProtobuf:
		return parsePB(block)
	default:
		return nil, fmt.Errorf("codec 0x%x holds no UnixFS", c.Prefix().Codec)
	}
}

func parsePB(block []byte) (*Node, error) {
	if err := countLinks(block); err != nil {
		return nil, err
	}
	pn, err := merkledag.DecodeProtobuf(block)
	if err != nil {
		return nil, fmt.Errorf("not dag-pb: %w", err)
	}
	fs, err := ft.FSNodeFromBytes(pn.Data())
	if err != nil {
		return nil, fmt.Errorf("dag-pb, but not UnixFS: %w", err)
	}
	n := &Node{Data: fs.Data(), Size: fs.FileSize(), Fanout: fs.Fanout()}
	if n.Kind, err = kindOf(fs.Type()); err != nil {
		return nil, err
	}
	sizes := fs.BlockSizes()
	if n.Kind == File && len(sizes) != len(pn.Links()) {
		return nil, fmt.Errorf("a file with %d children claims sizes for %d", len(pn.Links()), len(sizes))
	}
	n.Links = make([]Link, len(pn.Links()))
	for i, l := range pn.Links() {
		n.Links[i] = Link{CID: l.Cid, Name: l.Name, Size: l.Size}
		if n.Kind == File {
			n.Links[i].Size = sizes[i]
		}
	}
	return n, nil
}

func kindOf(t pb.Data_DataType) (Kind, error) {
	switch t {
	case ft.TRaw, ft.TFile:
		return File, nil
	case ft.TDirectory:
		return Directory, nil
	case ft.THAMTShard:
		return Shard, nil
	case ft.TSymlink:
		return Symlink, nil
	case ft.TMetadata:
		return Metadata, nil
	default:
		return "", fmt.Errorf("unknown UnixFS type %d", t)
	}
}

// countLinks refuses a block of too many links before anything is allocated
// for them: a decoded link takes thirty times the room of the shortest encoded
// one.
func countLinks(block []byte) error {
	n := 0
	for len(block) > 0 {
		num, typ, size := protowire.ConsumeTag(block)
		if size < 0 {
			return errors.New("not dag-pb: " + protowire.ParseError(size).Error())
		}
		block = block[size:]
		if size = protowire.ConsumeFieldValue(num, typ, block); size < 0 {
			return errors.New("not dag-pb: " + protowire.ParseError(size).Error())
		}
		block = block[size:]
		if num == 2 {
			if n++; n > maxLinks {
				return fmt.Errorf("more than %d links in one block", maxLinks)
			}
		}
	}
	return nil
}
