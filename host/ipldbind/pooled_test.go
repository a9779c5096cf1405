package ipldbind_test

import (
	"bytes"
	"sync"
	"testing"

	"github.com/ipld/go-ipld-prime/codec/dagcbor"
	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/ipld/go-ipld-prime/node/basicnode"
)

// TestDecodeIntoKeepsNothing decodes many blocks at once through the memory that is kept between calls, and looks at all results afterwards.
func TestDecodeIntoKeepsNothing(t *testing.T) {
	codec := shipped(t, "dag-cbor")
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			var want, got []datamodel.Node
			for i := range 30 {
				src := entries(1 + worker + i*7%40)
				var block bytes.Buffer
				if err := dagcbor.Encode(src, &block); err != nil {
					t.Error(err)
					return
				}
				nb := basicnode.Prototype.Map.NewBuilder()
				if err := codec.DecodeInto(t.Context(), block.Bytes(), nil, nb); err != nil {
					t.Error(err)
					return
				}
				want, got = append(want, src), append(got, nb.Build())
			}
			for i := range want {
				if !datamodel.DeepEqual(want[i], got[i]) {
					t.Errorf("worker %d: block %d changed", worker, i)
				}
			}
		})
	}
	wg.Wait()
}
