package unixfs

import (
	"context"
	"fmt"
	"io"
	"sync"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multicodec"
)

// Blocks gives verified blocks by CID. A fetch session is one, and its budget
// bounds what reading costs.
type Blocks interface {
	Get(ctx context.Context, c cid.Cid) ([]byte, error)
}

// What one file may hold in memory is bounded by these: every level keeps its
// node and its window, and a node of one block can have tens of thousands of links.
const (
	readAhead    = 8  // blocks of a file that are asked for at a time
	wideLevels   = 3  // levels of a file that read ahead; three hold 1 TB in the usual layout
	maxFileDepth = 20 // levels of a file
	maxDepth     = 64 // levels of shards, and nested directories
)

// ContentError says that a block, though its hash is right, is not the UnixFS
// that was expected, or that its sizes are wrong.
type ContentError struct {
	CID    cid.Cid
	Reason string
}

func (e *ContentError) Error() string { return fmt.Sprintf("%s: %s", e.CID, e.Reason) }

// Code is "bad-content".
func (e *ContentError) Code() string { return "bad-content" }

// Hint says what to do about it.
func (e *ContentError) Hint() string {
	return "the content itself is malformed, and no source can mend that; ask its author to add it again"
}

func bad(c cid.Cid, format string, args ...any) error {
	return &ContentError{CID: c, Reason: fmt.Sprintf(format, args...)}
}

// get fetches and parses one block.
func get(ctx context.Context, b Blocks, c cid.Cid) (*Node, error) {
	if codec := c.Prefix().Codec; codec != cid.Raw && codec != cid.DagProtobuf {
		return nil, &KindError{CID: c, Kind: multicodec.Code(codec).String() + " block", Want: "file or directory"}
	}
	block, err := b.Get(ctx, c)
	if err != nil {
		return nil, err
	}
	n, err := Parse(c, block)
	if err != nil {
		return nil, bad(c, "%v", err)
	}
	return n, nil
}

// Write writes the file at c to w and returns how many bytes it wrote, which
// after an error are some. It holds a few blocks in memory, never the file.
func Write(ctx context.Context, b Blocks, c cid.Cid, w io.Writer) (uint64, error) {
	n, err := get(ctx, b, c)
	if err != nil {
		return 0, err
	}
	if n.Kind != File {
		return 0, &KindError{CID: c, Kind: string(n.Kind), Want: "file"}
	}
	wr := &writer{Blocks: b, w: w}
	err = wr.node(ctx, c, n, n.Size, 1)
	return wr.written, err
}

type writer struct {
	Blocks
	w       io.Writer
	written uint64
}

// node writes what is at and below n, which must be size bytes.
func (w *writer) node(ctx context.Context, c cid.Cid, n *Node, size uint64, depth int) error {
	if n.Kind != File {
		return bad(c, "a %s inside a file", n.Kind)
	}
	if n.Size != size {
		return bad(c, "claims %d bytes, its parent claims %d for it", n.Size, size)
	}
	if depth > maxFileDepth {
		return bad(c, "its tree is more than %d levels deep", maxFileDepth)
	}
	start := w.written
	k, err := w.w.Write(n.Data)
	w.written += uint64(k)
	if err != nil {
		return err
	}
	if err := w.children(ctx, n, depth); err != nil {
		return err
	}
	if got := w.written - start; got != size {
		return bad(c, "claims %d bytes, but has %d", size, got)
	}
	return nil
}

type result struct {
	node *Node
	err  error
}

// children writes the children of n in order, and asks for a few ahead.
func (w *writer) children(ctx context.Context, n *Node, depth int) error {
	ctx, cancel := context.WithCancel(ctx)
	var asks sync.WaitGroup
	defer asks.Wait()
	defer cancel()
	ahead := readAhead
	if depth > wideLevels {
		ahead = 1 // every level holds its own window
	}
	var window [readAhead]chan result
	ask := func(i int) {
		ch := make(chan result, 1)
		window[i%ahead] = ch
		asks.Go(func() {
			node, err := get(ctx, w, n.Links[i].CID)
			ch <- result{node, err}
		})
	}
	for i := range min(ahead, len(n.Links)) {
		ask(i)
	}
	for i, l := range n.Links {
		r := <-window[i%ahead]
		if r.err != nil {
			return r.err
		}
		if i+ahead < len(n.Links) {
			ask(i + ahead)
		}
		if err := w.node(ctx, l.CID, r.node, l.Size, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// List returns the entries of the directory at c, sharded or not, in the order
// of the blocks. For a file it returns one entry without a name.
func List(ctx context.Context, b Blocks, c cid.Cid) ([]Link, error) {
	n, err := get(ctx, b, c)
	if err != nil {
		return nil, err
	}
	if n.Kind == File || n.Kind == Symlink {
		return []Link{{CID: c, Size: n.Size}}, nil
	}
	return entries(ctx, b, c, n)
}

// entries lists a directory whose block was read.
func entries(ctx context.Context, b Blocks, c cid.Cid, n *Node) ([]Link, error) {
	switch n.Kind {
	case Directory:
		return n.Links, nil
	case Shard:
		var out []Link
		err := shard(ctx, b, c, n, 1, &out)
		return out, err
	default:
		return nil, &KindError{CID: c, Kind: string(n.Kind), Want: "directory"}
	}
}

// Bounds of a sharded directory: few blocks can claim many entries, and the same
// shard many times over.
const (
	maxFanout  = 1024    // slots; implementations write 256
	maxEntries = 1 << 20 // names in all shards together
)

// shard appends the entries of a sharded directory to out. Names begin with a
// slot number in as many hexadecimal digits as the largest slot needs, each slot
// once; a link without more is a shard below.
func shard(ctx context.Context, b Blocks, c cid.Cid, n *Node, depth int, out *[]Link) error {
	if depth > maxDepth {
		return bad(c, "its shards are more than %d levels deep", maxDepth)
	}
	if n.Fanout < 8 || n.Fanout > maxFanout {
		return bad(c, "claims shards of %d slots", n.Fanout)
	}
	prefix := len(fmt.Sprintf("%X", n.Fanout-1))
	slots := make(map[string]bool, len(n.Links))
	for _, l := range n.Links {
		if len(l.Name) < prefix || slots[l.Name[:prefix]] {
			return bad(c, "a shard with the entry %.100q, which has no slot of its own", l.Name)
		}
		slots[l.Name[:prefix]] = true
		if l.Name = l.Name[prefix:]; l.Name != "" {
			if len(*out) == maxEntries {
				return bad(c, "its shards have more than %d entries", maxEntries)
			}
			*out = append(*out, l)
			continue
		}
		below, err := get(ctx, b, l.CID)
		if err != nil {
			return err
		}
		if below.Kind != Shard {
			return bad(l.CID, "a %s inside a sharded directory", below.Kind)
		}
		if err := shard(ctx, b, l.CID, below, depth+1, out); err != nil {
			return err
		}
	}
	return nil
}
