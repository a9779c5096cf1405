package unixfs

import (
	"bytes"
	"context"
	"testing"

	"github.com/ipfs/go-cid"
)

type discard struct{}

func (discard) Put(context.Context, cid.Cid, []byte) error { return nil }

// TestLevels compares trees over chunks of zeros with what
// ipfs add --cid-version=1 --raw-leaves (Kubo 0.43) gives. The leaf is hashed
// once, so that three levels do not take 8 GB.
func TestLevels(t *testing.T) {
	leaf, err := Add(t.Context(), discard{}, bytes.NewReader(make([]byte, ChunkSize)))
	if err != nil {
		t.Fatal(err)
	}
	for chunks, want := range map[int]string{
		175:               "bafybeigfps5vzivfspwgm3uwsfyl5s6bn3ysh7uqidgauxgopw4yi66lse",
		349:               "bafybeihphkb6dmg2zzncslnrmoet7wrbdianbqlax2izvrx5djqnexjr54",
		Fanout*Fanout + 1: "bafybeibqr5nnenx3ea57tdg3kla3rkb7hvbv7meogyxrubwrc5vmicaw5u",
	} {
		var levels [][]Added
		for range chunks {
			if levels, err = push(t.Context(), discard{}, levels, 0, leaf); err != nil {
				t.Fatal(err)
			}
		}
		got, err := root(t.Context(), discard{}, levels)
		if err != nil || got.CID.String() != want || got.Size != uint64(chunks)*ChunkSize {
			t.Errorf("%d chunks: %+v, %v; want %s", chunks, got, err, want)
		}
	}
}
