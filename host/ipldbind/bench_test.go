package ipldbind_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/codec/dagcbor"
	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/ipld/go-ipld-prime/fluent/qp"
	"github.com/ipld/go-ipld-prime/node/basicnode"
)

// entries is a map of n entries, with values of six kinds in turn.
func entries(n int) datamodel.Node {
	return must(qp.BuildMap(basicnode.Prototype.Any, int64(n), func(ma datamodel.MapAssembler) {
		for i := range n {
			k := fmt.Sprintf("k%010d", i)
			switch i % 6 {
			case 0:
				qp.MapEntry(ma, k, qp.Int(int64(i)*1000003))
			case 1:
				qp.MapEntry(ma, k, qp.String("value-"+k))
			case 2:
				qp.MapEntry(ma, k, qp.Bytes([]byte(k+k)))
			case 3:
				qp.MapEntry(ma, k, qp.Link(link(sum(cid.Raw, []byte(k)))))
			case 4:
				qp.MapEntry(ma, k, qp.Bool(i%4 == 0))
			case 5:
				qp.MapEntry(ma, k, qp.List(2, func(la datamodel.ListAssembler) {
					qp.ListEntry(la, qp.Int(int64(i)))
					qp.ListEntry(la, qp.String("x"))
				}))
			}
		}
	}))
}

// BenchmarkDecode compares the dag-cbor module, through the whole host, with go-ipld-prime's own decoder on the same blocks.
func BenchmarkDecode(b *testing.B) {
	codec := shipped(b, "dag-cbor")
	for name, src := range map[string]datamodel.Node{
		"1KiB-map": entries(30), "256KiB-map": entries(7400), "1MiB-bytes": basicnode.NewBytes(make([]byte, 1<<20)),
	} {
		var buf bytes.Buffer
		if err := dagcbor.Encode(src, &buf); err != nil {
			b.Fatal(err)
		}
		block := buf.Bytes()
		run := func(kind string, f func() error) {
			b.Run(name+"/"+kind, func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(int64(len(block)))
				for b.Loop() {
					if err := f(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		ctx := b.Context()
		run("native", func() error { return dagcbor.Decode(basicnode.Prototype.Any.NewBuilder(), bytes.NewReader(block)) })
		run("view", func() error { _, err := codec.Decode(ctx, block, nil); return err })
		run("view-walked", func() error {
			n, err := codec.Decode(ctx, block, nil)
			if err != nil {
				return err
			}
			return visit(n)
		})
		run("basicnode", func() error {
			// Wrapped, so that the builder is filled and does not take the view as it is.
			return codec.DecodeInto(ctx, block, nil, struct{ datamodel.NodeAssembler }{assembler{basicnode.Prototype.Any.NewBuilder()}})
		})
		run("encode-native", func() error { buf.Reset(); return dagcbor.Encode(src, &buf) })
		run("encode", func() error { _, err := codec.Encode(ctx, src, nil); return err })
		run("links", func() error { _, err := codec.Links(ctx, block, nil); return err })
	}
}

// assembler hides that it is basicnode's.
type assembler struct{ datamodel.NodeAssembler }

func (assembler) Prototype() datamodel.NodePrototype { return nil }

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
