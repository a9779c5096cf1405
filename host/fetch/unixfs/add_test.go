package unixfs_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/iprt/iprt/host/fetch/unixfs"

	"github.com/ipfs/boxo/blockservice"
	"github.com/ipfs/boxo/blockstore"
	chunk "github.com/ipfs/boxo/chunker"
	"github.com/ipfs/boxo/exchange/offline"
	"github.com/ipfs/boxo/ipld/merkledag"
	"github.com/ipfs/boxo/ipld/unixfs/importer/balanced"
	"github.com/ipfs/boxo/ipld/unixfs/importer/helpers"
	uio "github.com/ipfs/boxo/ipld/unixfs/io"
	"github.com/ipfs/go-cid"
	"github.com/ipfs/go-datastore"
	dssync "github.com/ipfs/go-datastore/sync"
	ipld "github.com/ipfs/go-ipld-format"
	"github.com/multiformats/go-multihash"
)

// TestAddKnown has CIDs that ipfs add --cid-version=1 --raw-leaves gives.
func TestAddKnown(t *testing.T) {
	for text, want := range map[string]string{
		"":            "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku",
		"hello world": "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e",
	} {
		added, err := unixfs.Add(t.Context(), newStore(), strings.NewReader(text))
		if err != nil || added.CID.String() != want || added.Size != uint64(len(text)) {
			t.Errorf("%q: %+v, %v; want %s", text, added, err, want)
		}
	}
	added, err := unixfs.AddFS(t.Context(), newStore(), os.DirFS(t.TempDir()), ".", unixfs.Options{})
	if want := "bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354"; err != nil || added.CID.String() != want {
		t.Errorf("empty directory: %v, %v; want %s", added.CID, err, want)
	}
}

// oracle is the importer that Kubo uses, with the settings of
// ipfs add --cid-version=1 --raw-leaves.
func oracle() (ipld.DAGService, helpers.DagBuilderParams) {
	bs := blockstore.NewBlockstore(dssync.MutexWrap(datastore.NewMapDatastore()))
	dag := merkledag.NewDAGService(blockservice.New(bs, offline.Exchange(bs)))
	return dag, helpers.DagBuilderParams{
		Dagserv:    dag,
		Maxlinks:   helpers.DefaultLinksPerBlock,
		RawLeaves:  true,
		CidBuilder: cid.V1Builder{Codec: cid.DagProtobuf, MhType: multihash.SHA2_256},
	}
}

func oracleFile(t *testing.T, r io.Reader) ipld.Node {
	t.Helper()
	_, params := oracle()
	db, err := params.New(chunk.DefaultSplitter(r))
	if err != nil {
		t.Fatal(err)
	}
	n, err := balanced.Layout(db)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestAddLikeKubo(t *testing.T) {
	sizes := []int64{0, 1, unixfs.ChunkSize - 1, unixfs.ChunkSize, unixfs.ChunkSize + 1}
	for _, chunks := range []int64{2, 174, 175} {
		sizes = append(sizes, chunks*unixfs.ChunkSize)
	}
	for _, n := range sizes {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			s := newStore()
			added, err := unixfs.Add(t.Context(), s, content(n))
			if err != nil {
				t.Fatal(err)
			}
			want := oracleFile(t, content(n))
			size, err := want.Size()
			if err != nil {
				t.Fatal(err)
			}
			if !added.CID.Equals(want.Cid()) || added.Size != uint64(n) || added.Total != size {
				t.Errorf("got %+v, want %s of %d", added, want.Cid(), size)
			}
		})
	}
}

// tree is a directory with what directories have.
func tree(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, n := range map[string]int{"a.txt": 3, "sub/b.bin": unixfs.ChunkSize + 5, "sub/deep/c": 0, "Z": 1, ".hidden": 4, "sub/.git/x": 2, "ü": 2} {
		name = filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, bytes.Repeat([]byte{'x'}, n), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "empty"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("sub/b.bin", filepath.Join(dir, "link")); err != nil {
		t.Skip("no symbolic links here:", err)
	}
	return dir
}

// oracleDir adds a directory with the parts that Kubo uses.
func oracleDir(t *testing.T, dag ipld.DAGService, dir string, hidden bool) ipld.Node {
	t.Helper()
	builder := cid.V1Builder{Codec: cid.DagProtobuf, MhType: multihash.SHA2_256}
	d, err := uio.NewDirectory(dag, uio.WithCidBuilder(builder))
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") && !hidden {
			continue
		}
		path := filepath.Join(dir, e.Name())
		var n ipld.Node
		switch {
		case e.IsDir():
			n = oracleDir(t, dag, path, hidden)
		case e.Type()&fs.ModeSymlink != 0:
			n = oracleLink(t, path, builder)
		default:
			f, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			n = oracleFile(t, f)
			f.Close()
		}
		if err := d.AddChild(t.Context(), e.Name(), n); err != nil {
			t.Fatal(err)
		}
	}
	n, err := d.GetNode()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestAddDirLikeKubo(t *testing.T) {
	dir := tree(t)
	for _, hidden := range []bool{false, true} {
		dag, _ := oracle()
		want := oracleDir(t, dag, dir, hidden)
		var names []string
		known := map[bool]string{ // by Kubo 0.43, ipfs add -r, without and with -H
			false: "bafybeifgymm6iu5qzaxazs6os6w6rlqzuk7yt5t5hq4ov2bpufeyqlcf3e",
			true:  "bafybeigmoxglah2lpq5sxd2qn75ps67zfjvw2m72ese5itpq5etwiyuede",
		}
		added, err := unixfs.AddFS(t.Context(), newStore(), os.DirFS(dir), ".", unixfs.Options{
			Hidden:   hidden,
			Progress: func(name string, _ uint64) { names = append(names, name) },
		})
		if err != nil {
			t.Fatal(err)
		}
		size, err := want.Size()
		if err != nil {
			t.Fatal(err)
		}
		if !added.CID.Equals(want.Cid()) || added.CID.String() != known[hidden] || added.Total != size {
			t.Errorf("hidden %v: got %+v, want %s of %d", hidden, added, want.Cid(), size)
		}
		if n := map[bool]int{false: 5, true: 7}[hidden]; len(names) != n {
			t.Errorf("hidden %v: files %q, want %d", hidden, names, n)
		}
	}
}

// TestAddShardedLikeKubo has directories on both sides of the size from which
// Kubo shards them, and one with shards in shards.
func TestAddShardedLikeKubo(t *testing.T) {
	const width = 50 // of a name, with 36 bytes of a CID
	full := (256 << 10) / (width + 36)
	for _, n := range []int{full, full + 1, 20000} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			dag, _ := oracle()
			builder := cid.V1Builder{Codec: cid.DagProtobuf, MhType: multihash.SHA2_256}
			d, err := uio.NewDirectory(dag, uio.WithCidBuilder(builder))
			if err != nil {
				t.Fatal(err)
			}
			crowd := make(fstest.MapFS)
			leaf := oracleFile(t, strings.NewReader("x"))
			for i := range n {
				name := fmt.Sprintf("%0*d", width, i)
				crowd["d/"+name] = &fstest.MapFile{Data: []byte("x")}
				if err := d.AddChild(t.Context(), name, leaf); err != nil {
					t.Fatal(err)
				}
			}
			want, err := d.GetNode()
			if err != nil {
				t.Fatal(err)
			}
			total, err := want.Size()
			if err != nil {
				t.Fatal(err)
			}
			s := newStore()
			added, err := unixfs.AddFS(t.Context(), s, crowd, "d", unixfs.Options{})
			if err != nil || !added.CID.Equals(want.Cid()) || added.Total != total || added.Size != uint64(n) {
				t.Errorf("got %+v, %v; want %s of %d", added, err, want.Cid(), total)
			}
			links, err := unixfs.List(t.Context(), s, added.CID)
			if err != nil || len(links) != n {
				t.Errorf("it has %d entries, %v", len(links), err)
			}
		})
	}
}

func TestAddRaw(t *testing.T) {
	s := newStore()
	added, err := unixfs.AddRaw(t.Context(), s, content(2<<20))
	if err != nil || added.Size != 2<<20 || len(s.blocks[added.CID]) != 2<<20 {
		t.Errorf("%+v, %v", added, err)
	}
	var large *unixfs.SizeError
	if _, err := unixfs.AddRaw(t.Context(), s, content(2<<20+1)); !errors.As(err, &large) || large.Hint() == "" {
		t.Errorf("one byte more: %v", err)
	}
}

func TestAddFails(t *testing.T) {
	broken := errors.New("bad sector")
	if _, err := unixfs.Add(t.Context(), newStore(), io.MultiReader(content(1000), failing{broken})); !errors.Is(err, broken) {
		t.Errorf("reader: %v", err)
	}
	if _, err := unixfs.AddFS(t.Context(), newStore(), os.DirFS(t.TempDir()), "none", unixfs.Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
	device := fstest.MapFS{"tty": {Mode: fs.ModeDevice}}
	if _, err := unixfs.AddFS(t.Context(), newStore(), device, ".", unixfs.Options{}); err == nil {
		t.Error("a device was added")
	}
}
