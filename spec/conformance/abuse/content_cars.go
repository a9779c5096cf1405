package abuse

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/ipfs/go-cid"

	w "github.com/iprt/iprt/internal/wasmtest"
)

// carHeader is the header of a CAR of version 1, length included.
func carHeader(roots ...cid.Cid) []byte {
	list := make([][]byte, len(roots))
	for i, r := range roots {
		list[i] = cborLink(r)
	}
	return section(w.CBORMap("roots", w.CBORList(list...), "version", w.CBORUint(1)))
}

// section is bytes behind their length.
func section(parts ...[]byte) []byte {
	b := bytes.Join(parts, nil)
	return w.Cat(binary.AppendUvarint(nil, uint64(len(b))), b)
}

// carBlock is the section of a block.
func carBlock(c cid.Cid, block []byte) []byte { return section(c.Bytes(), block) }

// cborLink is a link in DAG-CBOR.
func cborLink(c cid.Cid) []byte {
	return w.Cat([]byte{0xd8, 42}, w.CBORBytes(w.Cat([]byte{0}, c.Bytes())))
}

// carV2 is a CAR of version 2 whose header claims an offset and a size for its payload.
func carV2(offset, size, index uint64, payload []byte) []byte {
	h := append([]byte{0x0a, 0xa1, 0x67, 'v', 'e', 'r', 's', 'i', 'o', 'n', 0x02}, make([]byte, 16)...)
	for _, v := range []uint64{offset, size, index} {
		h = binary.LittleEndian.AppendUint64(h, v)
	}
	return w.Cat(h, payload)
}

// contentCARs has archives that claim what they do not hold, on disk and from a gateway.
func contentCARs(c *corpus) {
	block := []byte("a block in an archive")
	file := pbFile(block, uint64(len(block)))
	root := sum(cid.DagProtobuf, file)
	good := w.Cat(carHeader(root), carBlock(root, file))
	huge := func(n uint64) []byte { return binary.AppendUvarint(nil, n) }
	cars := []struct {
		name string
		car  []byte
	}{
		{"empty", []byte{}}, {"zero", []byte{0}}, {"header-only", carHeader(root)}, {"no-roots", w.Cat(carHeader(), carBlock(root, file))},
		{"header-1-GiB", w.Cat(huge(1<<30), []byte{0xa2})}, {"header-2^63", w.Cat(huge(1<<63), []byte{0xa2})}, {"header-2^62", w.Cat(huge(1<<62), []byte{0xa2})},
		{"header-long-varint", w.Cat(bytes.Repeat([]byte{0x80}, 20), []byte{1})}, {"header-padded-varint", w.Cat([]byte{0xba, 0}, good[1:])},
		{"header-array", section(bytes.Repeat([]byte{0x81}, 10_000))},
		{"header-list-2^60", section([]byte{0xa2, 0x65}, []byte("roots"), []byte{0x9b, 0x10, 0, 0, 0, 0, 0, 0, 0})},
		{"header-bytes-2^62", section([]byte{0xa2, 0x65}, []byte("roots"), []byte{0x81, 0xd8, 42, 0x5b, 0x40, 0, 0, 0, 0, 0, 0, 0})},
		{"version-0", section(w.CBORMap("roots", w.CBORList(), "version", w.CBORUint(0)))}, {"version-3", section(w.CBORMap("version", w.CBORUint(3)))},
		{"version-string", section(w.CBORMap("roots", w.CBORList(), "version", w.CBORString("1")))},
		{"section-0", w.Cat(carHeader(root), []byte{0}, carBlock(root, file))}, {"section-2^63", w.Cat(carHeader(root), huge(1<<63), file)},
		{"section-2^62", w.Cat(carHeader(root), huge(1<<62), root.Bytes(), file)}, {"section-1-GiB", w.Cat(carHeader(root), huge(1<<30), root.Bytes(), file)},
		{"section-cut", good[:len(good)-1]}, {"section-short", w.Cat(carHeader(root), section(root.Bytes()[:10]))},
		{"section-bad-cid", w.Cat(carHeader(root), section(bytes.Repeat([]byte{0xff}, 40)))}, {"mismatch", w.Cat(carHeader(root), carBlock(root, []byte("other")))},
		{"mismatch-first", w.Cat(carHeader(root), carBlock(root, []byte("other")), carBlock(root, file))},
		{"mismatch-after", w.Cat(good, carBlock(sum(cid.Raw, block), []byte("other")))}, {"twice", w.Cat(good, carBlock(root, file))},
		{"bytes-after", w.Cat(good, []byte{1, 2, 3})}, {"zeros-after", w.Cat(good, make([]byte, 100_000))},
		{"v2", carV2(51, uint64(len(good)), 0, good)}, {"v2-offset-0", carV2(0, uint64(len(good)), 0, good)}, {"v2-offset-2^63", carV2(1<<63, 10, 0, good)},
		{"v2-size-2^63", carV2(51, 1<<63, 0, good)}, {"v2-wraps", carV2(1<<64-10, 61, 0, good)}, {"v2-index-2^63", carV2(51, uint64(len(good)), 1<<63, good)},
		{"v2-inside-v2", carV2(51, uint64(len(good)+51), 0, carV2(51, uint64(len(good)), 0, good))}, {"v2-cut", carV2(51, uint64(len(good)), 0, nil)},
	}
	for _, car := range cars {
		contentCAR(c, car.name, root, block, func() []byte { return car.car })
	}
	contentCAR(c, "many-roots", root, block, func() []byte {
		many := make([]cid.Cid, 30_000)
		for i := range many {
			many[i] = missing(i)
		}
		return w.Cat(carHeader(many...), carBlock(root, file))
	})
	contentCAR(c, "header-deep", root, block, func() []byte { return section(bytes.Repeat([]byte{0x81}, 900_000), []byte{0}) })
	contentCAR(c, "header-maps", root, block, func() []byte { return section(bytes.Repeat([]byte{0xa0}, 900_000)) })
	contentCAR(c, "many-empty-blocks", root, block, func() []byte { return w.Cat(good, bytes.Repeat(carBlock(sum(cid.Raw, nil), nil), 100_000)) })
}

// contentCAR is an archive, on disk and from a gateway, of which the file at root is wanted.
func contentCAR(c *corpus, name string, root cid.Cid, block []byte, car func() []byte) {
	// A broken archive may still hold the block; what counts is that what comes out is right.
	want := []Outcome{OK, Error.Of("bad-car"), Error.Of("hash-mismatch"), Error.Of("not-found"), Error.Of("bad-content"), Limit}
	for _, from := range []string{"file", "gateway"} {
		offer := func() *Offer {
			if from == "file" {
				return &Offer{Files: [][]byte{car()}}
			}
			return &Offer{CAR: car()}
		}
		step := fetches(root, want...)
		step.Check = exactly(block)
		c.offer(Content, fmt.Sprintf("car/%s-from-%s", name, from), "an archive that claims what it does not hold", offer, step, step)
	}
}
