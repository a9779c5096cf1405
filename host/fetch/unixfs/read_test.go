package unixfs_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/iprt/iprt/host/fetch/unixfs"

	"github.com/ipfs/boxo/ipld/merkledag"
	ft "github.com/ipfs/boxo/ipld/unixfs"
	uio "github.com/ipfs/boxo/ipld/unixfs/io"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
	"github.com/multiformats/go-multihash"
)

// put stores a node as it is and returns a link to it.
func put(t *testing.T, s *store, name string, n *merkledag.ProtoNode) ipld.Link {
	t.Helper()
	block, err := n.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	h, err := multihash.Sum(block, multihash.SHA2_256, -1)
	if err != nil {
		t.Fatal(err)
	}
	l := ipld.Link{Name: name, Cid: cid.NewCidV1(cid.DagProtobuf, h)}
	if err := s.Put(t.Context(), l.Cid, block); err != nil {
		t.Fatal(err)
	}
	return l
}

func node(t *testing.T, data []byte, links ...ipld.Link) *merkledag.ProtoNode {
	t.Helper()
	n := merkledag.NodeWithData(data)
	for _, l := range links {
		if err := n.AddRawLink(l.Name, &l); err != nil {
			t.Fatal(err)
		}
	}
	return n
}

func file(t *testing.T, s *store, name, text string) ipld.Link {
	t.Helper()
	return put(t, s, name, node(t, ft.FilePBData([]byte(text), uint64(len(text)))))
}

func dir(t *testing.T, s *store, name string, links ...ipld.Link) ipld.Link {
	t.Helper()
	return put(t, s, name, node(t, ft.FolderPBData(), links...))
}

func link(t *testing.T, s *store, name, target string) ipld.Link {
	t.Helper()
	data, err := ft.SymlinkData(target)
	if err != nil {
		t.Fatal(err)
	}
	return put(t, s, name, node(t, data))
}

func oracleLink(t *testing.T, path string, builder cid.Builder) ipld.Node {
	t.Helper()
	target, err := os.Readlink(path)
	if err != nil {
		t.Fatal(err)
	}
	data, err := ft.SymlinkData(target)
	if err != nil {
		t.Fatal(err)
	}
	n := merkledag.NodeWithData(data)
	if err := n.SetCidBuilder(builder); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestWrite(t *testing.T) {
	s := newStore()
	for _, n := range []int{0, 1, unixfs.ChunkSize + 1, 30 * unixfs.ChunkSize} {
		want := noise(t, n)
		added, err := unixfs.Add(t.Context(), s, bytes.NewReader(want))
		if err != nil {
			t.Fatal(err)
		}
		var got bytes.Buffer
		k, err := unixfs.Write(t.Context(), s, added.CID, &got)
		if err != nil || k != uint64(n) || !bytes.Equal(got.Bytes(), want) {
			t.Errorf("%d bytes: wrote %d, %v", n, k, err)
		}
	}
}

// tower is a file of 3 bytes under that many levels of nodes with one child.
func tower(t *testing.T, s *store, levels int) ipld.Link {
	t.Helper()
	n := ft.NewFSNode(ft.TFile)
	n.AddBlockSize(3)
	data, err := n.GetBytes()
	if err != nil {
		t.Fatal(err)
	}
	l := file(t, s, "", "abc")
	for range levels {
		l = put(t, s, "", node(t, data, l))
	}
	return l
}

// TestTower: each level of a file costs memory, so there are only so many.
func TestTower(t *testing.T) {
	s := newStore()
	var out bytes.Buffer
	if n, err := unixfs.Write(t.Context(), s, tower(t, s, 19).Cid, &out); err != nil || n != 3 {
		t.Errorf("20 levels: wrote %d, %v", n, err)
	}
	var bad *unixfs.ContentError
	if _, err := unixfs.Write(t.Context(), s, tower(t, s, 20).Cid, &out); !errors.As(err, &bad) {
		t.Errorf("21 levels: %v", err)
	}
}

func TestWriteFails(t *testing.T) {
	s := newStore()
	added, err := unixfs.Add(t.Context(), s, bytes.NewReader(noise(t, 20*unixfs.ChunkSize)))
	if err != nil {
		t.Fatal(err)
	}
	n, err := unixfs.Parse(added.CID, s.blocks[added.CID])
	if err != nil {
		t.Fatal(err)
	}
	delete(s.blocks, n.Links[5].CID)
	var out bytes.Buffer
	if k, err := unixfs.Write(t.Context(), s, added.CID, &out); !errors.Is(err, errMissing) || k != 5*unixfs.ChunkSize {
		t.Errorf("missing block: wrote %d, %v", k, err)
	}
	lie := ft.NewFSNode(ft.TFile)
	lie.AddBlockSize(4)
	data, err := lie.GetBytes()
	if err != nil {
		t.Fatal(err)
	}
	var bad *unixfs.ContentError
	for name, root := range map[string]ipld.Link{
		"lying size":      put(t, s, "", node(t, data, file(t, s, "", "abc"))),
		"directory below": put(t, s, "", node(t, data, dir(t, s, ""))),
	} {
		if _, err := unixfs.Write(t.Context(), s, root.Cid, &out); !errors.As(err, &bad) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var kind *unixfs.KindError
	if _, err := unixfs.Write(t.Context(), s, dir(t, s, "").Cid, &out); !errors.As(err, &kind) || kind.Hint() == "" {
		t.Errorf("a directory: %v", err)
	}
}

func TestResolve(t *testing.T) {
	s := newStore()
	leaf := file(t, s, "name of a file", "abc")
	sub := dir(t, s, "sub", leaf)
	root := dir(t, s, "", sub)
	for path, want := range map[string]cid.Cid{
		"": root.Cid, "/": root.Cid, "sub": sub.Cid, "sub//": sub.Cid, "/sub/name of a file": leaf.Cid,
	} {
		if got, err := unixfs.Resolve(t.Context(), s, root.Cid, path); err != nil || got != want {
			t.Errorf("%q: %v, %v", path, got, err)
		}
	}
	var missing *unixfs.PathError
	for _, path := range []string{"Sub", "sub/x", "..", "sub/..", "su"} {
		if _, err := unixfs.Resolve(t.Context(), s, root.Cid, path); !errors.As(err, &missing) {
			t.Errorf("%q: %v", path, err)
		}
	}
	var kind *unixfs.KindError
	if _, err := unixfs.Resolve(t.Context(), s, root.Cid, "sub/name of a file/x"); !errors.As(err, &kind) || kind.Code() != "not-a-directory" {
		t.Errorf("through a file: %v", err)
	}
	cbor := cid.NewCidV1(cid.DagCBOR, root.Cid.Hash())
	if _, err := unixfs.Resolve(t.Context(), s, cbor, "x"); !errors.As(err, &kind) {
		t.Errorf("IPLD data: %v", err)
	}
}

func TestListShards(t *testing.T) {
	dag, _ := oracle()
	d, err := uio.NewDirectory(dag, uio.WithCidBuilder(cid.V1Builder{Codec: cid.DagProtobuf, MhType: multihash.SHA2_256}))
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	child := merkledag.NewRawNode([]byte("x"))
	for i := range 8000 {
		name := fmt.Sprintf("entry number %d", i)
		want = append(want, name)
		if err := d.AddChild(t.Context(), name, child); err != nil {
			t.Fatal(err)
		}
	}
	root, err := d.GetNode()
	if err != nil {
		t.Fatal(err)
	}
	if err := dag.Add(t.Context(), root); err != nil {
		t.Fatal(err)
	}
	links, err := unixfs.List(t.Context(), service{dag}, root.Cid())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range links {
		got = append(got, l.Name)
	}
	slices.Sort(got)
	slices.Sort(want)
	if n, err := unixfs.Parse(root.Cid(), root.RawData()); err != nil || n.Kind != unixfs.Shard || !slices.Equal(got, want) {
		t.Errorf("%d of %d entries; root %+v, %v", len(got), len(want), n.Kind, err)
	}
}

func TestExtract(t *testing.T) {
	src := tree(t)
	s := newStore()
	added, err := unixfs.AddFS(t.Context(), s, os.DirFS(src), ".", unixfs.Options{Hidden: true})
	if err != nil {
		t.Fatal(err)
	}
	dst := filepath.Join(t.TempDir(), "out")
	if err := unixfs.Extract(t.Context(), s, added.CID, dst, nil); err != nil {
		t.Fatal(err)
	}
	// Adding what came out must give the same CID.
	again, err := unixfs.AddFS(t.Context(), newStore(), os.DirFS(dst), ".", unixfs.Options{Hidden: true})
	if err != nil || again.CID != added.CID {
		t.Errorf("got %v, %v; want %v", again.CID, err, added.CID)
	}
	if err := unixfs.Extract(t.Context(), s, added.CID, dst, nil); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over what is there: %v", err)
	}
	single := filepath.Join(t.TempDir(), "one.txt")
	if err := unixfs.Extract(t.Context(), s, file(t, s, "", "abc").Cid, single, nil); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(single); err != nil || string(b) != "abc" {
		t.Errorf("single file: %q, %v", b, err)
	}
}

// TestHostileDirectories must leave nothing outside the target.
func TestHostileDirectories(t *testing.T) {
	s := newStore()
	f := func(name string) ipld.Link { return file(t, s, name, "evil") }
	nested := dir(t, s, "d")
	for range 100 {
		nested = dir(t, s, "d", nested)
	}
	wide := dir(t, s, "")
	for range 40 { // 2^40 directories out of 40 blocks
		a, b := wide, wide
		a.Name, b.Name = "a", "b"
		wide = dir(t, s, "", a, b)
	}
	hamt, err := ft.HAMTShardData(nil, 256, 0x22)
	if err != nil {
		t.Fatal(err)
	}
	wider, err := ft.HAMTShardData(nil, 1<<16, 0x22)
	if err != nil {
		t.Fatal(err)
	}
	below := func(slot string, l ipld.Link) ipld.Link { l.Name = slot; return l }
	leaf := put(t, s, "", node(t, hamt, f("00a"), f("01b")))
	tower := leaf
	for range 20 { // 2^21 entries out of 21 blocks
		tower = put(t, s, "", node(t, hamt, below("00", tower), below("01", tower)))
	}
	tests := map[string]ipld.Link{
		"one slot twice":     put(t, s, "", node(t, hamt, below("00", leaf), below("00", leaf))),
		"shards that unfold": tower,
		"shard too wide":     put(t, s, "", node(t, wider, f("0000a"))),
		"parent":             dir(t, s, "", f("..")),
		"path upwards":       dir(t, s, "", f("../evil")),
		"absolute path":      dir(t, s, "", f("/tmp/evil")),
		"path downwards":     dir(t, s, "", f("a/b")),
		"dot":                dir(t, s, "", f(".")),
		"no name":            dir(t, s, "", f("")),
		"NUL":                dir(t, s, "", f("a\x00b")),
		"long name":          dir(t, s, "", f(strings.Repeat("x", 256))),
		"same name twice":    dir(t, s, "", f("a"), file(t, s, "a", "other")),
		"link upwards":       dir(t, s, "", link(t, s, "l", "../evil")),
		"link to the root":   dir(t, s, "", link(t, s, "l", "/etc")),
		"link through links": dir(t, s, "", link(t, s, "l", "a/../../evil")),
		"file behind a link": dir(t, s, "", link(t, s, "l", "x"), dir(t, s, "l", f("evil"))),
		"link alone":         link(t, s, "", "x"),
		"too deep":           nested,
		"unfolds":            wide,
		"shard of a file":    put(t, s, "", node(t, ft.FilePBData(nil, 0), f("x"))),
	}
	for name, root := range tests {
		t.Run(name, func(t *testing.T) {
			s.left = 1000
			outer := t.TempDir()
			err := unixfs.Extract(t.Context(), s, root.Cid, filepath.Join(outer, "in"), nil)
			if err == nil {
				t.Error("extracted")
			}
			entries, err := os.ReadDir(outer)
			if err != nil || len(entries) > 1 || len(entries) == 1 && entries[0].Name() != "in" {
				t.Errorf("outside: %v, %v", entries, err)
			}
		})
	}
}

// FuzzParse bounds what a block may become, and has boxo write what was parsed, from which the same must be read.
func FuzzParse(f *testing.F) {
	c := cid.NewCidV1(cid.DagProtobuf, multihash.Multihash(append([]byte{0x12, 0x20}, make([]byte, 32)...)))
	f.Add([]byte{0x0a, 0x02, 0x08, 0x01})
	f.Add(ft.FilePBData([]byte("abc"), 3))
	for _, n := range []*unixfs.Node{
		{Kind: unixfs.File, Data: []byte("ab"), Links: []unixfs.Link{{CID: c, Size: 10}, {CID: c, Size: 12}}},
		{Kind: unixfs.Directory, Links: []unixfs.Link{{CID: c, Name: "b", Size: 1}, {CID: c, Name: "a", Size: 2}}},
		{Kind: unixfs.Shard, Data: []byte{0x80}, Fanout: 256, Links: []unixfs.Link{{CID: c, Name: "07a", Size: 1}}},
		{Kind: unixfs.Symlink, Data: []byte("target")},
	} {
		f.Add(written(f, n))
	}
	f.Fuzz(func(t *testing.T, block []byte) {
		n, err := unixfs.Parse(c, block)
		if err != nil {
			return
		}
		if len(n.Data) > len(block) || len(n.Links) > len(block) {
			t.Errorf("%d bytes and %d links out of a block of %d", len(n.Data), len(n.Links), len(block))
		}
		if n.Kind == unixfs.Metadata {
			return // nobody writes them
		}
		// Writing sorts links by name, and adds up the size that a block only claims.
		slices.SortStableFunc(n.Links, func(a, b unixfs.Link) int { return strings.Compare(a.Name, b.Name) })
		again, err := unixfs.Parse(c, written(t, n))
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range []*unixfs.Node{n, again} {
			n.Size = 0
			if n.Kind != unixfs.Shard {
				n.Fanout = 0 // and means nothing
			}
		}
		if got, want := fmt.Sprintf("%+v", again), fmt.Sprintf("%+v", n); got != want {
			t.Fatalf("read from what was written: %s, before %s", got, want)
		}
	})
}

// written is the block of a node, by boxo.
func written(tb testing.TB, n *unixfs.Node) []byte {
	tb.Helper()
	var data []byte
	var err error
	switch n.Kind {
	case unixfs.Shard:
		data, err = ft.HAMTShardData(n.Data, n.Fanout, 0x22)
	case unixfs.Symlink:
		data, err = ft.SymlinkData(string(n.Data))
	case unixfs.Directory:
		fs := ft.NewFSNode(ft.TDirectory)
		fs.SetData(n.Data)
		data, err = fs.GetBytes()
	default:
		fs := ft.NewFSNode(ft.TFile)
		fs.SetData(n.Data)
		for _, l := range n.Links {
			fs.AddBlockSize(l.Size)
		}
		data, err = fs.GetBytes()
	}
	if err != nil {
		tb.Fatal(err)
	}
	pn := merkledag.NodeWithData(data)
	for _, l := range n.Links {
		if err := pn.AddRawLink(l.Name, &ipld.Link{Name: l.Name, Cid: l.CID, Size: l.Size}); err != nil {
			tb.Fatal(err)
		}
	}
	block, err := pn.Marshal()
	if err != nil {
		tb.Fatal(err)
	}
	return block
}
