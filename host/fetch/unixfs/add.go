package unixfs

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/ipfs/boxo/ipld/merkledag"
	ft "github.com/ipfs/boxo/ipld/unixfs"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
	"github.com/multiformats/go-multihash"
)

const (
	// ChunkSize is the size of a leaf, in bytes.
	ChunkSize = 256 << 10
	// Fanout is the most children a node of a file has.
	Fanout = 174
	// maxRaw is the largest block that other peers take.
	maxRaw = 2 << 20
)

// A Putter keeps blocks; a fetch.Store is one. When Put returns nil the block
// is safe.
type Putter interface {
	Put(ctx context.Context, c cid.Cid, block []byte) error
}

// Added says what adding made.
type Added struct {
	CID  cid.Cid
	Size uint64 // bytes of content
	// Total is Size and the blocks around it; parts that are shared count
	// every time.
	Total uint64
}

// Add stores what r yields as a file. A file that fits one chunk becomes one
// raw block. Nothing has to be undone after an error: blocks without a root
// are harmless.
func Add(ctx context.Context, p Putter, r io.Reader) (Added, error) {
	var levels [][]Added // levels[0]: leaves without a parent so far, and so on upwards
	buf := make([]byte, ChunkSize)
	for done := false; !done; {
		n, err := io.ReadFull(r, buf)
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			done = true
		case err != nil:
			return Added{}, err
		}
		if n == 0 && len(levels) > 0 {
			break // an empty file still has one leaf
		}
		// A store may keep the slice.
		leaf, err := putBlock(ctx, p, cid.Raw, append([]byte(nil), buf[:n]...))
		if err != nil {
			return Added{}, err
		}
		leaf.Size = uint64(n)
		if levels, err = push(ctx, p, levels, 0, leaf); err != nil {
			return Added{}, err
		}
	}
	return root(ctx, p, levels)
}

// push adds a node to a level. A level that is full becomes one node of the
// level above when the next one comes, so that a file of exactly one full level
// gets no root above it.
func push(ctx context.Context, p Putter, levels [][]Added, at int, a Added) ([][]Added, error) {
	if at == len(levels) {
		levels = append(levels, nil)
	}
	if len(levels[at]) == Fanout {
		parent, err := putParent(ctx, p, levels[at])
		if err != nil {
			return nil, err
		}
		levels[at] = nil
		if levels, err = push(ctx, p, levels, at+1, parent); err != nil {
			return nil, err
		}
	}
	levels[at] = append(levels[at], a)
	return levels, nil
}

// root closes all levels, from the leaves up.
func root(ctx context.Context, p Putter, levels [][]Added) (Added, error) {
	for at := 0; ; at++ {
		top := at == len(levels)-1
		if top && len(levels[at]) == 1 {
			return levels[at][0], nil
		}
		parent, err := putParent(ctx, p, levels[at])
		if err != nil || top {
			return parent, err
		}
		if levels, err = push(ctx, p, levels, at+1, parent); err != nil {
			return Added{}, err
		}
	}
}

func putParent(ctx context.Context, p Putter, children []Added) (Added, error) {
	fs := ft.NewFSNode(ft.TFile)
	pn := new(merkledag.ProtoNode)
	var total uint64
	for _, c := range children {
		fs.AddBlockSize(c.Size)
		total += c.Total
		if err := pn.AddRawLink("", &ipld.Link{Cid: c.CID, Size: c.Total}); err != nil {
			return Added{}, err
		}
	}
	data, err := fs.GetBytes()
	if err != nil {
		return Added{}, err
	}
	pn.SetData(data)
	a, err := putNode(ctx, p, pn)
	a.Size, a.Total = fs.FileSize(), a.Total+total
	return a, err
}

// putNode stores a dag-pb node. The result's Total is that of the block alone.
func putNode(ctx context.Context, p Putter, pn *merkledag.ProtoNode) (Added, error) {
	block, err := pn.Marshal()
	if err != nil {
		return Added{}, err
	}
	return putBlock(ctx, p, cid.DagProtobuf, block)
}

func putBlock(ctx context.Context, p Putter, codec uint64, block []byte) (Added, error) {
	h, err := multihash.Sum(block, multihash.SHA2_256, -1)
	if err != nil {
		return Added{}, err
	}
	c := cid.NewCidV1(codec, h)
	if err := p.Put(ctx, c, block); err != nil {
		return Added{}, err
	}
	return Added{CID: c, Total: uint64(len(block))}, nil
}

// AddRaw stores what r yields as one raw block, whatever its size up to 2 MiB;
// beyond, the error is a [*SizeError].
func AddRaw(ctx context.Context, p Putter, r io.Reader) (Added, error) {
	block, err := io.ReadAll(io.LimitReader(r, maxRaw+1))
	if err != nil {
		return Added{}, err
	}
	if len(block) > maxRaw {
		return Added{}, &SizeError{What: "raw block", Limit: maxRaw}
	}
	a, err := putBlock(ctx, p, cid.Raw, block)
	a.Size = a.Total
	return a, err
}

// SizeError says that something does not fit one block.
type SizeError struct {
	What  string
	Limit int // bytes
}

func (e *SizeError) Error() string {
	return fmt.Sprintf("%s: more than %d bytes, the most that one block may have", e.What, e.Limit)
}

// Code is "too-large".
func (e *SizeError) Code() string { return "too-large" }

// Hint says what to do about it.
func (e *SizeError) Hint() string { return "add it as a file, which is cut into blocks" }
