package codectest_test

import (
	"math"

	"github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/ipld/go-ipld-prime/fluent/qp"
	cidlink "github.com/ipld/go-ipld-prime/linking/cid"
	"github.com/ipld/go-ipld-prime/node/basicnode"
	"github.com/multiformats/go-multihash"
	"pgregory.net/rapid"
)

// anyNode generates trees of lists and maps over the given leaves and keys.
func anyNode(leaf *rapid.Generator[datamodel.Node], key *rapid.Generator[string]) *rapid.Generator[datamodel.Node] {
	var tree func(depth int) *rapid.Generator[datamodel.Node]
	tree = func(depth int) *rapid.Generator[datamodel.Node] {
		if depth == 0 {
			return leaf
		}
		inner := tree(depth - 1)
		return rapid.OneOf(leaf, rapid.Map(rapid.SliceOfN(inner, 0, 5), listNode),
			rapid.Custom(func(t *rapid.T) datamodel.Node {
				keys := rapid.SliceOfNDistinct(key, 0, 6, rapid.ID[string]).Draw(t, "keys")
				return must(qp.BuildMap(basicnode.Prototype.Any, int64(len(keys)), func(m datamodel.MapAssembler) {
					for _, k := range keys {
						qp.MapEntry(m, k, qp.Node(inner.Draw(t, "value")))
					}
				}))
			}))
	}
	return tree(4)
}

func listNode(items []datamodel.Node) datamodel.Node {
	return must(qp.BuildList(basicnode.Prototype.Any, int64(len(items)), func(l datamodel.ListAssembler) {
		for _, n := range items {
			qp.ListEntry(l, qp.Node(n))
		}
	}))
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// dagCBORLeaf is any leaf of the data model that go-ipld-prime has and DAG-CBOR can hold.
var dagCBORLeaf = rapid.OneOf(
	rapid.Just(datamodel.Null),
	rapid.Map(rapid.Bool(), basicnode.NewBool),
	rapid.Map(rapid.Int64(), basicnode.NewInt),
	rapid.Map(rapid.Uint64Min(1<<63), func(v uint64) datamodel.Node { return basicnode.NewUint(v) }),
	rapid.Map(rapid.Float64().Filter(func(f float64) bool { return !math.IsInf(f, 0) && !math.IsNaN(f) }), basicnode.NewFloat),
	rapid.Map(rapid.String(), basicnode.NewString),
	rapid.Map(rapid.SliceOf(rapid.Byte()), basicnode.NewBytes),
	rapid.Map(anyCID, func(c cid.Cid) datamodel.Node { return basicnode.NewLink(cidlink.Link{Cid: c}) }),
)

var anyCID = rapid.Custom(func(t *rapid.T) cid.Cid {
	if rapid.Bool().Draw(t, "version 0") {
		return cid.NewCidV0(must(multihash.Sum([]byte(rapid.String().Draw(t, "content")), multihash.SHA2_256, -1)))
	}
	digest := rapid.SliceOfN(rapid.Byte(), 0, 64).Draw(t, "digest")
	hash := must(multihash.Encode(digest, rapid.Uint64Max(math.MaxInt64).Draw(t, "hash")))
	return cid.NewCidV1(rapid.Uint64Max(math.MaxInt64).Draw(t, "codec"), hash)
})

// mutated generates blocks that are a few edits away from block.
func mutated(block []byte) *rapid.Generator[[]byte] {
	return rapid.Custom(func(t *rapid.T) []byte {
		b := append([]byte{}, block...)
		for range rapid.IntRange(1, 4).Draw(t, "edits") {
			at := rapid.IntRange(0, len(b)).Draw(t, "at")
			switch {
			case at == len(b):
				b = append(b, rapid.Byte().Draw(t, "appended"))
			case rapid.Bool().Draw(t, "insert"):
				b = append(b[:at:at], append([]byte{rapid.Byte().Draw(t, "inserted")}, b[at:]...)...)
			case rapid.Bool().Draw(t, "delete"):
				b = append(b[:at:at], b[at+1:]...)
			default:
				b[at] = rapid.Byte().Draw(t, "replaced")
			}
		}
		return b
	})
}
