package table

import (
	"bytes"
	"unsafe"

	"github.com/ipld/go-ipld-prime/datamodel"
)

// Table is a checked token table and the view of it. Once parsed it is immutable; see the package comment on memory.
type Table struct {
	chunks []chunk
	count  int
	src    [2][]byte // where strings, bytes and links point: the block, the heap
	index  indexes
}

// Root is the decoded value. It stays valid for as long as the block passed to Parse is left unchanged.
func (t *Table) Root() datamodel.Node { return t.at(0) }

// Len is the number of records, 1 or more.
func (t *Table) Len() int { return t.count }

// Parse checks result, a table that a codec made from block, and returns a view of it. Errors are *[Error].
// Nothing of result is kept; block is, and must not be changed as long as the view is in use.
func Parse(result, block []byte, limits Limits) (*Table, error) {
	t := new(Table)
	if err := t.Parse(result, block, limits); err != nil {
		return nil, err
	}
	return t, nil
}

// Parse is the function of that name, in the memory of t: for a view that is read and dropped at once. Nothing of what t showed before may be
// in use any more, no node and no iterator. After an error, and for the zero value, there is nothing to show.
func (t *Table) Parse(result, block []byte, limits Limits) error {
	t.Reset()
	h, err := parseHeader(result, len(block), limits)
	if err != nil {
		return err
	}
	if n := int(h.count+chunkSize-1) / chunkSize; n <= cap(t.chunks) {
		t.chunks = t.chunks[:n]
	} else {
		t.chunks = make([]chunk, n)
	}
	t.count, t.src = int(h.count), [2][]byte{block, bytes.Clone(h.heap)}
	return t.check(h.records)
}

// Reset lets go of block and heap. The memory of the records stays, for the next Parse.
func (t *Table) Reset() {
	t.count, t.src, t.index = 0, [2][]byte{}, indexes{}
}

// Size is the memory of the records, in bytes.
func (t *Table) Size() int { return cap(t.chunks) * int(unsafe.Sizeof(chunk{})) }
