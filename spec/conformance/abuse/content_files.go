package abuse

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/ipfs/go-cid"
	mh "github.com/multiformats/go-multihash"

	w "github.com/iprt/iprt/internal/wasmtest"
)

// pbChild is a link of a dag-pb node, and the size that a UnixFS file claims for it.
type pbChild struct {
	cid  cid.Cid
	name string
	size uint64
}

// field is a protobuf field of bytes.
func field(n byte, b []byte) []byte {
	return w.Cat([]byte{n<<3 | 2}, binary.AppendUvarint(nil, uint64(len(b))), b)
}

// number is a protobuf field of a number.
func number(n byte, v uint64) []byte { return binary.AppendUvarint([]byte{n << 3}, v) }

// pbNode is a dag-pb block.
func pbNode(data []byte, children ...pbChild) []byte {
	var b bytes.Buffer
	for _, c := range children {
		b.Write(field(2, w.Cat(field(1, c.cid.Bytes()), field(2, []byte(c.name)), number(3, c.size))))
	}
	b.Write(field(1, data))
	return b.Bytes()
}

// pbFile is a UnixFS file that claims a size, and sizes for its children.
func pbFile(data []byte, size uint64, children ...pbChild) []byte {
	pb := []byte{0x08, 2}
	if data != nil {
		pb = append(pb, field(2, data)...)
	}
	pb = append(pb, number(3, size)...)
	for _, c := range children {
		pb = append(pb, number(4, c.size)...)
	}
	return pbNode(pb, children...)
}

// contentFiles has UnixFS files that lie about their size, unfold without end, or are something else.
func contentFiles(c *corpus) {
	leaf := []byte("leaf of ten")[:10]
	child := pbChild{cid: sum(cid.Raw, leaf), size: 10}
	try := func(name, tries string, want []Outcome, build func(o *Offer) cid.Cid) {
		c.built("unixfs/"+name, tries, func(o *Offer) cid.Cid { o.put(cid.Raw, leaf); return build(o) },
			func(root cid.Cid) Step { return fetches(root, want...) })
	}
	lie := []Outcome{Error.Of("bad-content"), Limit}
	node := func(b []byte) func(*Offer) cid.Cid {
		return func(o *Offer) cid.Cid { return o.put(cid.DagProtobuf, b) }
	}
	try("good", "nothing: a file of three parts", []Outcome{OK}, node(pbFile([]byte("abc"), 23, child, child)))
	for _, n := range []uint64{0, 1, 9, 11, 1 << 20, 1 << 31, 1 << 40, 1 << 62, 1<<63 - 1, 1 << 63, 1<<64 - 1} {
		try(fmt.Sprintf("size-%d", n), "a file that lies about its size", lie, node(pbFile(nil, n, child)))
		try(fmt.Sprintf("data-size-%d", n), "a file that lies about its data", lie, node(pbFile([]byte("abcd"), n)))
		short := pbChild{cid: child.cid, size: n}
		try(fmt.Sprintf("part-size-%d", n), "a file that lies about a part", lie, node(pbFile(nil, 10, short)))
		try(fmt.Sprintf("both-sizes-%d", n), "a file that lies about a part, and about itself", lie, node(pbFile(nil, n, short)))
		try(fmt.Sprintf("sizes-wrap-%d", n), "sizes whose sum wraps around", lie, node(pbFile(nil, 10, short, pbChild{cid: child.cid, size: 10 - n})))
	}
	try("sizes-missing", "parts without sizes", lie, node(pbNode(w.Cat([]byte{0x08, 2}, number(3, 10)), child)))
	try("sizes-too-many", "more sizes than parts", lie, node(pbNode(w.Cat([]byte{0x08, 2}, number(3, 10), number(4, 10), number(4, 0)), child)))
	contentTrees(try, child)
	kinds := []Outcome{Error.Of("not-a-file"), Error.Of("bad-content")}
	for kind := byte(0); kind < 9; kind++ {
		if kind == 0 || kind == 2 { // raw, file
			continue
		}
		try(count("kind", int(kind)), "a node that is not a file", kinds, node(pbNode([]byte{0x08, kind}, pbChild{child.cid, "name", 10})))
		try(count("kind-inside", int(kind)), "a node that is not a file, inside one", lie, func(o *Offer) cid.Cid {
			inner := o.put(cid.DagProtobuf, pbNode([]byte{0x08, kind}))
			return o.put(cid.DagProtobuf, pbFile(nil, 10, pbChild{cid: inner, size: 10}))
		})
	}
	try("empty-node", "a dag-pb node without data", kinds, node(nil))
	for i, b := range [][]byte{{0xff}, {0x0a}, {0x0a, 0x80}, {0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}, bytes.Repeat([]byte{0x12, 0}, 100_000), bytes.Repeat([]byte{0x12, 2, 0x0a, 0}, 100_000), {0x0b, 0x0c}} {
		try(count("malformed", i), "bytes that are no dag-pb", kinds, node(b))
	}
	contentChildren(try, leaf)
}

type tryFile func(name, tries string, want []Outcome, build func(o *Offer) cid.Cid)

// contentTrees has trees that are deep, wide, or stand for far more than they weigh.
func contentTrees(try tryFile, child pbChild) {
	for _, n := range []int{5, 100, 20_000} {
		try(count("chain", n), "a file whose only part has one part, and so on", []Outcome{Limit}, func(o *Offer) cid.Cid {
			at := child
			for range n {
				at = pbChild{cid: o.put(cid.DagProtobuf, pbFile(nil, 10, at)), size: 10}
			}
			return at.cid
		})
	}
	for _, n := range []int{2, 3, 10, 60} {
		try(count("doubling", n), "n blocks that stand for 2^n parts", []Outcome{Limit}, func(o *Offer) cid.Cid {
			block := make([]byte, 1<<20)
			at := pbChild{cid: o.put(cid.Raw, block), size: 1 << 20}
			for range n + 2 {
				size := 2 * at.size
				at = pbChild{cid: o.put(cid.DagProtobuf, pbFile(nil, size, at, at)), size: size}
			}
			return at.cid
		})
	}
	for _, n := range []int{64, 1_000, 30_000, 40_000} {
		try(count("same-child", n), "one part linked many times", []Outcome{Limit, Error.Of("bad-content")}, func(o *Offer) cid.Cid {
			children := make([]pbChild, n)
			for i := range children {
				children[i] = child
			}
			return o.put(cid.DagProtobuf, pbFile(nil, uint64(10*n), children...))
		})
		try(count("empty-child", n), "an empty part linked many times", []Outcome{Limit, Error.Of("bad-content")}, func(o *Offer) cid.Cid {
			children := make([]pbChild, n)
			for i := range children {
				children[i] = pbChild{cid: sum(cid.Raw, nil)}
			}
			return o.put(cid.DagProtobuf, pbFile(nil, 0, children...))
		})
	}
	try("wide-twice", "30,000 times 30,000 parts", []Outcome{Limit, Error.Of("bad-content")}, func(o *Offer) cid.Cid {
		at := pbChild{cid: sum(cid.Raw, nil)}
		for range 2 {
			children := make([]pbChild, 30_000)
			for i := range children {
				children[i] = at
			}
			at = pbChild{cid: o.put(cid.DagProtobuf, pbFile(nil, 0, children...))}
		}
		return at.cid
	})
}

// contentChildren has parts that are not there, or that may not be.
func contentChildren(try tryFile, leaf []byte) {
	for _, n := range []int{0, 1, 2} {
		try(count("missing", n), "a file of three parts of which one is nowhere", []Outcome{Error.Of("not-found")}, func(o *Offer) cid.Cid {
			var children []pbChild
			for i := range 3 {
				part := append(bytes.Clone(leaf), byte(i))
				at := sum(cid.Raw, part)
				if i != n {
					o.put(cid.Raw, part)
				}
				children = append(children, pbChild{cid: at, size: 11})
			}
			return o.put(cid.DagProtobuf, pbFile(nil, 33, children...))
		})
	}
	bad := []Outcome{Error.Of("bad-content"), Error.Of("cid-refused")}
	for _, at := range []struct {
		name string
		cid  cid.Cid
	}{
		{"identity", made(cid.Raw, mh.IDENTITY, leaf)}, {"sha1", hashed(cid.Raw, mh.SHA1, -1, leaf)}, {"unknown", made(cid.Raw, 0x9999, leaf)},
		{"short", made(cid.Raw, mh.SHA2_256, leaf)}, {"dag-cbor", sum(cid.DagCBOR, leaf)}, {"private", sum(0x300010, leaf)},
	} {
		try("child/"+at.name, "a part by a CID that files may not use", bad, func(o *Offer) cid.Cid {
			o.claim(at.cid, leaf)
			return o.put(cid.DagProtobuf, pbFile(nil, 10, pbChild{cid: at.cid, size: 10}))
		})
	}
	try("child/mismatch", "a part whose bytes do not match", []Outcome{Error.Of("hash-mismatch"), Error.Of("not-found")}, func(o *Offer) cid.Cid {
		part := sum(cid.Raw, []byte("0123456789"))
		o.claim(part, []byte("9876543210"))
		return o.put(cid.DagProtobuf, pbFile(nil, 10, pbChild{cid: part, size: 10}))
	})
}
