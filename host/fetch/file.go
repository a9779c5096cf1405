package fetch

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/iprt/iprt/host/fetch/unixfs"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multicodec"
)

// parallel is how many blocks of a file are asked for at a time.
const parallel = 8

// maxSize keeps sums of claimed sizes from wrapping around: a block adds at most
// its claim to what its level claims, which is checked after every block.
const maxSize = 1 << 62

// hintEntries is how many names of a directory an error shows.
const hintEntries = 5

// part is one place in a file's tree. A block that is linked twice has two.
type part struct {
	cid      cid.Cid
	claimed  uint64 // bytes below, as the parent says; the root has no parent
	data     []byte
	children []*part
}

// file reads the tree below the session's root, level by level, so that the
// number of blocks and their claimed size can be compared with the budget
// before the next level is asked for. The result does not depend on the order
// in which blocks arrive.
func (s *Session) file(ctx context.Context) ([]byte, error) {
	root := &part{cid: s.root}
	level := []*part{root}
	if err := s.meter.ask(1); err != nil {
		return nil, err
	}
	var content uint64 // bytes found so far, inside the blocks themselves
	for depth := 1; len(level) > 0; depth++ {
		if limit := s.budget.Depth; limit >= 0 && depth > limit {
			return nil, &BudgetError{CID: s.root, What: "depth", Limit: int64(limit)}
		}
		blocks, err := s.getLevel(ctx, level)
		if err != nil {
			return nil, err
		}
		var next []*part
		var pending uint64
		for i, p := range level {
			if err := s.expand(p, blocks[i], depth == 1); err != nil {
				return nil, err
			}
			content += uint64(len(p.data))
			next = append(next, p.children...)
			for _, child := range p.children {
				pending += child.claimed
			}
			if pending > maxSize {
				return nil, s.badContent(p.cid, "claims more bytes than can be")
			}
			if err := s.fits(content + pending); err != nil {
				return nil, err
			}
			if err := s.meter.ask(len(p.children)); err != nil {
				return nil, err
			}
		}
		level = next
	}
	if len(root.children) == 0 {
		return root.data, nil
	}
	return s.assemble(root, content)
}

// fits compares an amount of content with the budget.
func (s *Session) fits(content uint64) error {
	if limit := s.budget.Bytes; limit >= 0 && content > uint64(limit) {
		return &BudgetError{CID: s.root, What: "bytes", Limit: limit}
	}
	return nil
}

func (s *Session) badContent(c cid.Cid, format string, args ...any) error {
	return &ContentError{CID: c, Root: s.root, Reason: fmt.Sprintf(format, args...)}
}

// expand parses a block and hangs its children into the tree.
func (s *Session) expand(p *part, block []byte, isRoot bool) error {
	if codec := p.cid.Prefix().Codec; codec != cid.Raw && codec != cid.DagProtobuf {
		if isRoot {
			return &NotFileError{CID: p.cid, Kind: multicodec.Code(codec).String() + " block"}
		}
		return s.badContent(p.cid, "a %s block inside a file", multicodec.Code(codec))
	}
	n, err := unixfs.Parse(p.cid, block)
	if err != nil {
		return s.badContent(p.cid, "%v", err)
	}
	if n.Kind != unixfs.File {
		if isRoot {
			return notFile(p.cid, n)
		}
		return s.badContent(p.cid, "a %s inside a file", n.Kind)
	}
	if isRoot {
		p.claimed = n.Size
		s.meter.claim(int64(min(n.Size, maxSize)))
	}
	if n.Size != p.claimed {
		return s.badContent(p.cid, "claims %d bytes, its parent claims %d for it", n.Size, p.claimed)
	}
	p.data = n.Data
	sum := uint64(len(n.Data))
	for _, l := range n.Links {
		if err := CheckFileCID(l.CID); err != nil {
			return s.badContent(p.cid, "links a child by a CID that is not accepted: %v", err)
		}
		if l.Size > maxSize || sum > maxSize {
			return s.badContent(p.cid, "claims more bytes than can be")
		}
		sum += l.Size
		p.children = append(p.children, &part{cid: l.CID, claimed: l.Size})
	}
	if sum != n.Size {
		return s.badContent(p.cid, "claims %d bytes, but its parts claim %d", n.Size, sum)
	}
	return nil
}

func notFile(c cid.Cid, n *unixfs.Node) error {
	e := &NotFileError{CID: c, Kind: string(n.Kind)}
	if n.Kind == unixfs.Directory {
		e.Total = len(n.Links)
		for _, l := range n.Links[:min(hintEntries, len(n.Links))] {
			e.Entries = append(e.Entries, l.Name)
		}
	}
	return e
}

// getLevel gets the blocks of a level, each once however often it is linked.
// When several fail, the error is that of the first in the file.
func (s *Session) getLevel(ctx context.Context, level []*part) ([][]byte, error) {
	index := make(map[cid.Cid]int)
	var todo []cid.Cid
	for _, p := range level {
		if _, ok := index[p.cid]; !ok {
			index[p.cid] = len(todo)
			todo = append(todo, p.cid)
		}
	}
	got, err := s.getAll(ctx, todo)
	if err != nil {
		return nil, err
	}
	blocks := make([][]byte, len(level))
	seen := make([]bool, len(todo))
	for i, p := range level {
		j := index[p.cid]
		blocks[i] = got[j]
		if seen[j] { // a repeat costs its bytes again
			if err := s.meter.repeat(len(got[j])); err != nil {
				return nil, err
			}
		}
		seen[j] = true
	}
	return blocks, nil
}

func (s *Session) getAll(ctx context.Context, todo []cid.Cid) ([][]byte, error) {
	got := make([][]byte, len(todo))
	errs := make([]error, len(todo))
	var next atomic.Int64
	var failed atomic.Bool
	var wg sync.WaitGroup
	for range min(parallel, len(todo)) {
		wg.Go(func() {
			for !failed.Load() {
				i := int(next.Add(1)) - 1
				if i >= len(todo) {
					return
				}
				if got[i], errs[i] = s.get(ctx, todo[i]); errs[i] != nil {
					failed.Store(true)
				}
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return got, nil
}

// assemble writes the tree into one slice. Sizes were claims until here; now
// the bytes are there to be counted.
func (s *Session) assemble(root *part, content uint64) ([]byte, error) {
	if content != root.claimed {
		return nil, s.badContent(root.cid, "claims %d bytes, but has %d", root.claimed, content)
	}
	out := make([]byte, 0, content)
	var walk func(*part)
	walk = func(p *part) {
		out = append(out, p.data...)
		for _, child := range p.children {
			walk(child)
		}
	}
	walk(root)
	return out, nil
}
