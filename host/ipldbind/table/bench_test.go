package table

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/ipld/go-ipld-prime/codec/dagcbor"
	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/ipld/go-ipld-prime/node/basicnode"
)

// The host's share of decoding, without any guest: the table is there already. "native" is go-ipld-prime decoding the same
// value from DAG-CBOR, for comparison within one run.
func BenchmarkTable(b *testing.B) {
	for _, entries := range []int{26, 6500} {
		src := mapNode(entries)
		built := must(Build(src))
		var block bytes.Buffer
		if err := dagcbor.Encode(src, &block); err != nil {
			b.Fatal(err)
		}
		tab := must(Parse(built, block.Bytes(), Limits{}))
		run := func(name string, f func() error) {
			b.Run(fmt.Sprintf("%dKiB/%s", (block.Len()+512)>>10, name), func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(int64(block.Len()))
				for b.Loop() {
					if err := f(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		run("native", func() error {
			return dagcbor.Decode(basicnode.Prototype.Any.NewBuilder(), bytes.NewReader(block.Bytes()))
		})
		run("parse", func() error { _, err := Parse(built, block.Bytes(), Limits{}); return err })
		run("walk", func() error { return visit(tab.Root()) })
		run("assemble", func() error { return tab.Assemble(basicnode.Prototype.Any.NewBuilder()) })
		var builder Builder
		run("build", func() error { _, err := builder.Build(src); return err })
		run("build-from-view", func() error { _, err := builder.Build(tab.Root()); return err })
	}
}

// visit reads every value below n once.
func visit(n datamodel.Node) (err error) {
	switch n.Kind() {
	case datamodel.Kind_Map:
		for it := n.MapIterator(); !it.Done(); {
			k, v, err := it.Next()
			if err != nil {
				return err
			}
			if err := visit(k); err != nil {
				return err
			}
			if err := visit(v); err != nil {
				return err
			}
		}
	case datamodel.Kind_List:
		for it := n.ListIterator(); !it.Done(); {
			_, v, err := it.Next()
			if err != nil {
				return err
			}
			if err := visit(v); err != nil {
				return err
			}
		}
	case datamodel.Kind_Bool:
		_, err = n.AsBool()
	case datamodel.Kind_Int:
		_, err = n.AsInt()
	case datamodel.Kind_Float:
		_, err = n.AsFloat()
	case datamodel.Kind_String:
		_, err = n.AsString()
	case datamodel.Kind_Bytes:
		_, err = n.AsBytes()
	case datamodel.Kind_Link:
		_, err = n.AsLink()
	}
	return err
}
