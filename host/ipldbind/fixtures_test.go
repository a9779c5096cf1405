package ipldbind_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/codec/dagcbor"
	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/ipld/go-ipld-prime/linking"
	cidlink "github.com/ipld/go-ipld-prime/linking/cid"
	"github.com/ipld/go-ipld-prime/node/basicnode"
	"github.com/ipld/go-ipld-prime/traversal"

	"github.com/iprt/iprt/host/ipldbind"
	"github.com/iprt/iprt/host/ipldbind/table"
)

// fixtureBlocks are the DAG-CBOR blocks of the IPLD project's codec fixtures, by CID.
func fixtureBlocks(t *testing.T) map[cid.Cid][]byte {
	t.Helper()
	dir := os.Getenv("IPRT_FIXTURES")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "fixtures")
	}
	files, err := filepath.Glob(filepath.Join(dir, "codec-fixtures", "fixtures", "*", "*.dag-cbor"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		if os.Getenv("IPRT_REQUIRE_FIXTURES") == "1" {
			t.Fatalf("no codec fixtures in %s", dir)
		}
		t.Skipf("no codec fixtures in %s, set IPRT_FIXTURES", dir)
	}
	blocks := make(map[cid.Cid][]byte, len(files))
	for _, f := range files {
		name, _, _ := strings.Cut(filepath.Base(f), ".")
		blocks[must(cid.Decode(name))] = must(os.ReadFile(f))
	}
	return blocks
}

// fixtureCount is how many of the fixtures are DAG-CBOR blocks.
const fixtureCount = 128

// TestFixtures loads every DAG-CBOR fixture through a LinkSystem with the shipped codec, compares it with what go-ipld-prime decodes, and
// stores it again.
func TestFixtures(t *testing.T) {
	blocks := fixtureBlocks(t)
	if len(blocks) != fixtureCount {
		t.Errorf("%d fixtures, expected %d", len(blocks), fixtureCount)
	}
	codec := shipped(t, "dag-cbor")
	codecs := ipldbind.New(ipldbind.Config{})
	if err := codecs.Add(cid.DagCBOR, codec); err != nil {
		t.Fatal(err)
	}
	lsys := (&store{bag: blocks}).system()
	codecs.Install(lsys)
	beyond := 0
	for c, block := range blocks {
		n, err := lsys.Load(linking.LinkContext{}, link(c), basicnode.Prototype.Any)
		if err != nil {
			t.Errorf("%s: %v", c, err)
			continue
		}
		if stored, err := lsys.Store(linking.LinkContext{}, cidlink.LinkPrototype{Prefix: c.Prefix()}, n); err != nil || stored != link(c) {
			t.Errorf("%s: stored as %v, %v", c, stored, err)
		}
		nb := basicnode.Prototype.Any.NewBuilder()
		if err := dagcbor.Decode(nb, bytes.NewReader(block)); err != nil {
			beyond++ // integers below int64: go-ipld-prime refuses them
			if _, err := table.BigInt(n); err != nil {
				t.Errorf("%s: %v", c, err)
			}
			continue
		}
		compareFixture(t, c, codec, block, n, nb.Build())
	}
	if beyond > 2 {
		t.Errorf("go-ipld-prime refused %d fixtures", beyond)
	}
}

func compareFixture(t *testing.T, c cid.Cid, codec *ipldbind.Codec, block []byte, got, native datamodel.Node) {
	if u, ok := native.(datamodel.UintNode); ok { // DeepEqual panics at these
		if v, ok := got.(datamodel.UintNode); !ok || must(u.AsUint()) != must(v.AsUint()) {
			t.Errorf("%s: got %v", c, got)
		}
		return
	}
	if !datamodel.DeepEqual(got, native) {
		t.Errorf("%s: the view differs from go-ipld-prime's", c)
	}
	nb := basicnode.Prototype.Any.NewBuilder()
	if err := codec.DecodeInto(t.Context(), block, nil, struct{ datamodel.NodeAssembler }{assembler{nb}}); err != nil || !datamodel.DeepEqual(nb.Build(), native) {
		t.Errorf("%s: the copy differs from go-ipld-prime's: %v", c, err)
	}
	var want []cid.Cid
	for _, l := range must(traversal.SelectLinks(native)) {
		want = append(want, l.(cidlink.Link).Cid)
	}
	if links, err := codec.Links(t.Context(), block, nil); err != nil || !slices.Equal(links, want) {
		t.Errorf("%s: links %v, %v; want %v", c, links, err, want)
	}
}

// TestFixturesCut cuts fixtures at every length: each is refused by the module, with an error and nothing worse.
func TestFixturesCut(t *testing.T) {
	codec := shipped(t, "dag-cbor")
	for c, block := range fixtureBlocks(t) {
		for n := range min(len(block), 64) {
			_, err := codec.Decode(t.Context(), block[:n], nil)
			var ce *ipldbind.CodecError
			if !errors.As(err, &ce) || ce.Op != "decode" {
				t.Fatalf("%s cut to %d bytes: %v", c, n, err)
			}
		}
	}
}
