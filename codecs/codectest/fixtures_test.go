package codectest_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ipfs/go-cid"
)

// fixtureBlocks is how many dag-cbor blocks the fixtures have; a moved folder must not pass by holding nothing.
const fixtureBlocks = 128

// TestFixtures decodes every dag-cbor block of the public fixtures and encodes it to its own CID. There are no exceptions.
func TestFixtures(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(fixtures(t), "*", "*.dag-cbor"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != fixtureBlocks {
		t.Errorf("found %d blocks, expected %d", len(files), fixtureBlocks)
	}
	c := open(t, "dag-cbor")
	for _, file := range files {
		name := filepath.Base(filepath.Dir(file))
		t.Run(name, func(t *testing.T) {
			block, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			want, err := cid.Decode(strings.TrimSuffix(filepath.Base(file), ".dag-cbor"))
			if err != nil {
				t.Fatal(err)
			}
			n, err := c.Decode(t.Context(), block)
			if err != nil {
				t.Fatal(err)
			}
			again, err := c.Encode(t.Context(), n)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := want.Prefix().Sum(again); err != nil || !got.Equals(want) || !bytes.Equal(again, block) {
				t.Errorf("encodes to %v (%v)\n got %x\nwant %x", got, err, again, block)
			}
		})
	}
}
