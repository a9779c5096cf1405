package fetch

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
)

// FuzzGatewayCAR reads any bytes as the CAR that a gateway sends. What is
// parked is verified and within the budget.
func FuzzGatewayCAR(f *testing.F) {
	header := append([]byte("\xa2\x65roots\x80\x67version"), 1)
	car := append(binary.AppendUvarint(nil, uint64(len(header))), header...)
	f.Add(car)
	for _, text := range []string{"", "one", "two"} {
		block := []byte(text)
		c := Identity(block).Bytes()
		car = append(append(binary.AppendUvarint(car, uint64(len(c)+len(block))), c...), block...)
	}
	f.Add(car)
	f.Add(append(bytes.Clone(car), car[len(header)+1:]...)) // every block twice
	f.Add(car[:len(car)-1])
	f.Add(append(bytes.Clone(car), 0xff, 0xff, 0xff, 0xff, 0x0f))
	gateway := &Gateway{name: "gateway"}
	budget := Budget{Bytes: 1 << 12, Blocks: 8}
	f.Fuzz(func(t *testing.T, body []byte) {
		g := &carGetter{gateway: gateway, budget: budget, park: newParking()}
		g.take(t.Context(), bytes.NewReader(body), time.NewTimer(time.Hour))
		var size int64
		for key, block := range g.park.blocks {
			size += int64(len(block))
			c := cid.NewCidV1(cid.Raw, multihash.Multihash(key))
			if err := CheckCID(c); err != nil {
				t.Errorf("parked: %v", err)
			} else if err := verify(c, block, "gateway"); err != nil {
				t.Errorf("parked: %v", err)
			}
		}
		if size != g.park.size || len(g.park.blocks) > budget.Blocks || size > int64(len(body)) {
			t.Errorf("parked %d blocks of %d bytes, counted %d, out of %d", len(g.park.blocks), size, g.park.size, len(body))
		}
	})
}
