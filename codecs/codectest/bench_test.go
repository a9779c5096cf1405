package codectest_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"testing"

	"github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/codec/dagcbor"
	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/ipld/go-ipld-prime/fluent/qp"
	cidlink "github.com/ipld/go-ipld-prime/linking/cid"
	"github.com/ipld/go-ipld-prime/node/basicnode"
	"github.com/multiformats/go-multihash"

	"github.com/iprt/iprt/host/ipldbind/table"
)

// entries is a map of n entries whose values take turns: integer, string, bytes, link, boolean, list.
func entries(t testing.TB, n int) datamodel.Node {
	node, err := qp.BuildMap(basicnode.Prototype.Any, int64(n), func(m datamodel.MapAssembler) {
		for i := range n {
			key := fmt.Sprintf("k%010d", i)
			switch i % 6 {
			case 0:
				qp.MapEntry(m, key, qp.Int(int64(i)*1000003))
			case 1:
				qp.MapEntry(m, key, qp.String("value-"+key))
			case 2:
				qp.MapEntry(m, key, qp.Bytes([]byte(key+key)))
			case 3:
				h, err := multihash.Sum([]byte(key), multihash.SHA2_256, -1)
				if err != nil {
					t.Fatal(err)
				}
				qp.MapEntry(m, key, qp.Link(cidlink.Link{Cid: cid.NewCidV1(cid.Raw, h)}))
			case 4:
				qp.MapEntry(m, key, qp.Bool(i%4 == 0))
			case 5:
				qp.MapEntry(m, key, qp.List(2, func(l datamodel.ListAssembler) {
					qp.ListEntry(l, qp.Int(int64(i)))
					qp.ListEntry(l, qp.String("x"))
				}))
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return node
}

// BenchmarkDagCBOR measures the guest part of a call (with the two copies of the harness), next to the native decoder and
// the hash that every block costs anyway.
func BenchmarkDagCBOR(b *testing.B) {
	for _, size := range []struct {
		name string
		n    int
	}{{"1KiB", 38}, {"256KiB", 9380}} {
		node := entries(b, size.n)
		var buf bytes.Buffer
		if err := dagcbor.Encode(node, &buf); err != nil {
			b.Fatal(err)
		}
		block := buf.Bytes()
		t, err := table.Build(node)
		if err != nil {
			b.Fatal(err)
		}
		c := open(b, "dag-cbor")
		for _, way := range []struct {
			name string
			f    func() error
		}{
			{"decode", func() error { _, err := c.DecodeTable(b.Context(), block); return err }},
			{"links", func() error { _, err := c.LinksTable(b.Context(), block); return err }},
			{"encode", func() error { _, err := c.EncodeTable(b.Context(), t); return err }},
			{"native-decode", func() error { return dagcbor.Decode(basicnode.Prototype.Any.NewBuilder(), bytes.NewReader(block)) }},
			{"native-encode", func() error { var out bytes.Buffer; return dagcbor.Encode(node, &out) }},
			{"sha2-256", func() error { sha256.Sum256(block); return nil }},
		} {
			b.Run(size.name+"/"+way.name, func(b *testing.B) {
				b.SetBytes(int64(len(block)))
				for b.Loop() {
					if err := way.f(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
