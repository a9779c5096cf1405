package codectest_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/big"
	"testing"

	"github.com/ipld/go-ipld-prime/codec/dagcbor"
	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/ipld/go-ipld-prime/node/basicnode"

	"github.com/iprt/iprt/codecs/codectest"
	"github.com/iprt/iprt/host/ipldbind/table"
)

// native is what go-ipld-prime makes of a block. Its allocation budget is lifted: it is a setting and not part of the format.
func native(block []byte) (datamodel.Node, error) {
	b := basicnode.Prototype.Any.NewBuilder()
	o := dagcbor.DecodeOptions{AllowLinks: true, AllocationBudget: 1 << 40}
	if err := o.Decode(b, bytes.NewReader(block)); err != nil {
		return nil, err
	}
	return b.Build(), nil
}

// difference is a row of the table of differences in spec/codecs.md: a class of blocks that the codec and go-ipld-prime
// do not treat alike.
type difference struct {
	id      string
	example string // a block of the class
	refusal string // what the codec says of such blocks; "" if it takes them
}

// encodeDifference is the one row that is about encoding.
const encodeDifference = "DCB-9"

var differences = []difference{
	{"DCB-1", "3b8000000000000000", ""},
	{"DCB-2", "61ff", "string is not valid UTF-8"},
	{"DCB-3", "a2 6162 01 6161 02", "map keys not in length-first order"},
	{"DCB-4", "f93c00", "float not of 64 bits"},
	{"DCB-5", "f7", "simple value not false, true or null"},
	{"DCB-6", "c0 6161", "tag other than 42"},
	{"DCB-7", "d82a 01", "tag 42 is not on bytes"},
	{"DCB-8", "a1 c0 6161 01", "map key is not a string"},
}

// explain returns the row that a difference falls under, or "". n is what the codec decoded, err why it did not.
func explain(n datamodel.Node, err error) string {
	if err == nil {
		if belowInt64(n) {
			return "DCB-1"
		}
		return ""
	}
	var e *codectest.Error
	if !errors.As(err, &e) {
		return ""
	}
	for _, d := range differences {
		if d.refusal != "" && bytes.HasSuffix([]byte(e.Text), []byte(": "+d.refusal)) {
			return d.id
		}
	}
	return ""
}

// belowInt64 tells whether n holds an integer below −2^63, which no datamodel.Node of go-ipld-prime can.
func belowInt64(n datamodel.Node) bool {
	switch n.Kind() {
	case datamodel.Kind_Int:
		i, err := table.BigInt(n)
		return err == nil && i.Cmp(new(big.Int).SetInt64(-1<<63)) < 0
	case datamodel.Kind_Map:
		for it := n.MapIterator(); !it.Done(); {
			if _, v, err := it.Next(); err != nil || belowInt64(v) {
				return true
			}
		}
	case datamodel.Kind_List:
		for it := n.ListIterator(); !it.Done(); {
			if _, v, err := it.Next(); err != nil || belowInt64(v) {
				return true
			}
		}
	}
	return false
}

// holdToNative decodes a block both ways and returns the row under which the outcomes differ, "" if they agree, or an error
// if nothing explains the difference. Whatever the codec takes has to come back byte for byte, and its links have to be
// those of the data.
func holdToNative(t testing.TB, c *codectest.Codec, block []byte) (row string, _ error) {
	n, err := c.Decode(t.Context(), block)
	if err != nil && !isRefusal(err) {
		return "", err
	}
	want, wantErr := native(block)
	if err == nil {
		if err := holdToItself(t, c, block, n); err != nil {
			return "", err
		}
	}
	if err != nil && wantErr != nil || err == nil && wantErr == nil && equal(n, want) {
		return "", nil
	}
	if row := explain(n, err); row != "" {
		return row, nil
	}
	return "", fmt.Errorf("unexplained difference: codec %v, go-ipld-prime %v", err, wantErr)
}

// equal is datamodel.DeepEqual, which panics on integers above int64, for trees with such.
func equal(a, b datamodel.Node) bool {
	if a.Kind() != b.Kind() || a.Length() != b.Length() {
		return false
	}
	switch a.Kind() {
	case datamodel.Kind_Int:
		x, errX := table.BigInt(a)
		y, errY := table.BigInt(b)
		return errX == nil && errY == nil && x.Cmp(y) == 0
	case datamodel.Kind_List:
		for i := range a.Length() {
			x, errX := a.LookupByIndex(i)
			y, errY := b.LookupByIndex(i)
			if errX != nil || errY != nil || !equal(x, y) {
				return false
			}
		}
		return true
	case datamodel.Kind_Map:
		for it := a.MapIterator(); !it.Done(); {
			k, x, errX := it.Next()
			if errX != nil {
				return false
			}
			y, errY := b.LookupByNode(k)
			if errY != nil || !equal(x, y) {
				return false
			}
		}
		return true
	}
	return datamodel.DeepEqual(a, b)
}

func holdToItself(t testing.TB, c *codectest.Codec, block []byte, n datamodel.Node) error {
	again, err := c.Encode(t.Context(), n)
	if err != nil {
		return fmt.Errorf("does not encode what it decoded: %w", err)
	}
	if !bytes.Equal(again, block) {
		return fmt.Errorf("encodes to %x", again)
	}
	links, err := c.Links(t.Context(), block)
	if err != nil {
		return err
	}
	want := linksIn(n, nil)
	if len(links) != len(want) {
		return fmt.Errorf("links gives %d links, the data holds %d", len(links), len(want))
	}
	for i, l := range links {
		if l.KeyString() != want[i].Binary() {
			return fmt.Errorf("link %d is %v, expected %v", i, l, want[i])
		}
	}
	return nil
}

// linksIn appends the links in n in document order.
func linksIn(n datamodel.Node, links []datamodel.Link) []datamodel.Link {
	switch n.Kind() {
	case datamodel.Kind_Link:
		if l, err := n.AsLink(); err == nil {
			links = append(links, l)
		}
	case datamodel.Kind_Map:
		for it := n.MapIterator(); !it.Done(); {
			if _, v, err := it.Next(); err == nil {
				links = linksIn(v, links)
			}
		}
	case datamodel.Kind_List:
		for it := n.ListIterator(); !it.Done(); {
			if _, v, err := it.Next(); err == nil {
				links = linksIn(v, links)
			}
		}
	}
	return links
}
