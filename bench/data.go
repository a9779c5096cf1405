package main

import (
	"bytes"
	"fmt"

	"github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/codec/dagcbor"
	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/ipld/go-ipld-prime/fluent/qp"
	cidlink "github.com/ipld/go-ipld-prime/linking/cid"
	"github.com/ipld/go-ipld-prime/node/basicnode"
	"github.com/multiformats/go-multihash"
)

// mapNode has n entries whose values cycle through the kinds: int, string,
// bytes, link, bool, list.
func mapNode(n int) (datamodel.Node, error) {
	return qp.BuildMap(basicnode.Prototype.Any, int64(n), func(ma datamodel.MapAssembler) {
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
				qp.MapEntry(ma, k, qp.Link(linkTo(k)))
			case 4:
				qp.MapEntry(ma, k, qp.Bool(i%4 == 0))
			case 5:
				qp.MapEntry(ma, k, qp.List(2, func(la datamodel.ListAssembler) {
					qp.ListEntry(la, qp.Int(int64(i)))
					qp.ListEntry(la, qp.String("x"))
				}))
			}
		}
	})
}

func linkTo(s string) datamodel.Link {
	h, err := multihash.Sum([]byte(s), multihash.SHA2_256, -1)
	if err != nil {
		panic(err) // sha2-256 of a short string
	}
	return cidlink.Link{Cid: cid.NewCidV1(cid.Raw, h)}
}

// mapBlock is the DAG-CBOR of the largest mapNode of at most size bytes.
func mapBlock(size int) (datamodel.Node, []byte, error) {
	lo, hi := 1, size
	for lo < hi {
		mid := (lo + hi + 1) / 2
		_, b, err := encoded(mapNode(mid))
		if err != nil {
			return nil, nil, err
		}
		if len(b) <= size {
			lo = mid
		} else {
			hi = mid - 1
		}
	}
	return encoded(mapNode(lo))
}

// leafBlock is the DAG-CBOR of one byte string.
func leafBlock(size int) (datamodel.Node, []byte, error) {
	return encoded(basicnode.NewBytes(bytes.Repeat([]byte{0xa5}, size)), nil)
}

func encoded(n datamodel.Node, err error) (datamodel.Node, []byte, error) {
	if err != nil {
		return nil, nil, err
	}
	var b bytes.Buffer
	err = dagcbor.Encode(n, &b)
	return n, b.Bytes(), err
}
