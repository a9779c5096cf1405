package ipldbind_test

import (
	"fmt"

	"github.com/ipfs/go-cid"
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

// assembler hides that it is basicnode's.
type assembler struct{ datamodel.NodeAssembler }

func (assembler) Prototype() datamodel.NodePrototype { return nil }
