package codectest_test

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/ipld/go-ipld-prime/codec/dagcbor"
	"github.com/ipld/go-ipld-prime/codec/raw"
	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/ipld/go-ipld-prime/node/basicnode"
	"pgregory.net/rapid"
)

// TestDifferences: every row of the table in spec/codecs.md for dag-cbor has an example here that shows the difference,
// and the other way round. A row that a new version of go-ipld-prime makes obsolete fails.
func TestDifferences(t *testing.T) {
	spec, err := os.ReadFile(filepath.Join("..", "..", "spec", "codecs.md"))
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	for _, m := range regexp.MustCompile(`(?m)^\| (DCB-\d+) \| dag-cbor \|`).FindAllSubmatch(spec, -1) {
		rows = append(rows, string(m[1]))
	}
	var want []string
	c := open(t, "dag-cbor")
	for _, d := range differences {
		want = append(want, d.id)
		if row, err := holdToNative(t, c, unhex(t, d.example)); err != nil || row != d.id {
			t.Errorf("%s: its example falls under %q, %v", d.id, row, err)
		}
	}
	if want = append(want, encodeDifference); !slices.Equal(rows, want) {
		t.Errorf("spec/codecs.md has the rows %v, expected %v", rows, want)
	}
}

// TestFixturesDifferential compares both ways on the public fixtures.
func TestFixturesDifferential(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(fixtures(t), "*", "*.dag-cbor"))
	if err != nil || len(files) != fixtureBlocks {
		t.Fatalf("%d blocks, %v", len(files), err)
	}
	c := open(t, "dag-cbor")
	differ := 0
	for _, file := range files {
		block, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		row, err := holdToNative(t, c, block)
		if err != nil {
			t.Errorf("%s: %v", filepath.Base(filepath.Dir(file)), err)
		}
		if row != "" {
			differ++
		}
	}
	if differ != 1 { // int--11959030306112471732
		t.Errorf("%d fixtures differ, expected 1", differ)
	}
}

// TestDagCBORGenerated encodes generated data both ways, decodes it and mutates it.
func TestDagCBORGenerated(t *testing.T) {
	c := open(t, "dag-cbor")
	rapid.Check(t, func(rt *rapid.T) {
		n := anyNode(dagCBORLeaf, rapid.String()).Draw(rt, "node")
		got, err := c.Encode(t.Context(), n)
		if err != nil {
			rt.Fatal(err)
		}
		var want bytes.Buffer
		if err := dagcbor.Encode(n, &want); err != nil {
			rt.Fatal(err)
		}
		if !bytes.Equal(got, want.Bytes()) {
			rt.Fatalf("encodes to\n%x, go-ipld-prime to\n%x", got, want.Bytes())
		}
		if row, err := holdToNative(t, c, got); err != nil || row != "" {
			rt.Fatalf("%x: %q, %v", got, row, err)
		}
		mutant := mutated(got).Draw(rt, "mutant")
		if _, err := holdToNative(t, c, mutant); err != nil {
			rt.Fatalf("%x: %v", mutant, err)
		}
	})
}

// TestDagCBOREncodesNoNaN is DCB-9: go-ipld-prime writes what it does not read back.
func TestDagCBOREncodesNoNaN(t *testing.T) {
	c := open(t, "dag-cbor")
	for _, f := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		var b bytes.Buffer
		if err := dagcbor.Encode(basicnode.NewFloat(f), &b); err != nil {
			t.Errorf("go-ipld-prime refuses %v too: %v", f, err)
		}
		if _, err := native(b.Bytes()); err == nil {
			t.Errorf("go-ipld-prime decodes %v", f)
		}
		if _, err := c.Encode(t.Context(), basicnode.NewFloat(f)); !isRefusal(err) {
			t.Errorf("%v: %v", f, err)
		}
	}
}

// TestRaw compares with go-ipld-prime's raw on any bytes and any value.
func TestRaw(t *testing.T) {
	c := open(t, "raw")
	rapid.Check(t, func(rt *rapid.T) {
		block := rapid.SliceOf(rapid.Byte()).Draw(rt, "block")
		n, err := c.Decode(t.Context(), block)
		if err != nil {
			rt.Fatal(err)
		}
		if !datamodel.DeepEqual(n, basicnode.NewBytes(block)) {
			rt.Fatalf("decodes to %v", n)
		}
		if links, err := c.Links(t.Context(), block); err != nil || len(links) != 0 {
			rt.Fatalf("links %v, %v", links, err)
		}
		n = anyNode(dagCBORLeaf, rapid.String()).Draw(rt, "node")
		got, err := c.Encode(t.Context(), n)
		var want bytes.Buffer
		wantErr := raw.Encode(n, &want)
		if (err == nil) != (wantErr == nil) || !bytes.Equal(got, want.Bytes()) {
			rt.Fatalf("encodes to %x, %v; go-ipld-prime to %x, %v", got, err, want.Bytes(), wantErr)
		}
	})
}
