package oracle

import (
	"bytes"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/anacrolix/torrent/metainfo"
	infohash_v2 "github.com/anacrolix/torrent/types/infohash-v2"
	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/ipld/go-ipld-prime/fluent/qp"
	"github.com/ipld/go-ipld-prime/node/basicnode"
	"github.com/ipld/go-ipld-prime/traversal"
)

// TestRealTorrents: what the oracle writes, the codec reads as the same values; what the codec makes of the same values
// is for the oracle the same torrent.
func TestRealTorrents(t *testing.T) {
	c := open(t)
	for _, tt := range torrents {
		t.Run(tt.name, func(t *testing.T) {
			block := written(t, tt.info(t), tt.more)
			taken, rows, err := hold(t.Context(), c, block)
			if err != nil || !taken || !slices.Equal(rows, tt.rows) {
				t.Fatalf("taken: %v, rows %v, expected %v; %v", taken, rows, tt.rows, err)
			}
			data := toNode(must(decode(block)), backwards)
			encoded, err := c.Encode(t.Context(), data, nil)
			if err != nil {
				t.Fatal(err)
			}
			holdTorrent(t, encoded, block)
		})
	}
}

// holdTorrent compares two torrent files as a BitTorrent client reads them.
func holdTorrent(t *testing.T, got, want []byte) {
	t.Helper()
	g, w := load(t, got), load(t, want)
	if g.HashInfoBytes() != w.HashInfoBytes() || infohash_v2.HashBytes(g.InfoBytes) != infohash_v2.HashBytes(w.InfoBytes) {
		t.Errorf("infohash %v, expected %v", g.HashInfoBytes(), w.HashInfoBytes())
	}
	if !reflect.DeepEqual(g, w) {
		t.Errorf("loads as\n%+v, expected\n%+v", g, w)
	}
	info, err := g.UnmarshalInfo()
	if err != nil {
		t.Fatal(err)
	}
	if info.HasV2() {
		if err := metainfo.ValidatePieceLayers(g.PieceLayers, &info.FileTree, info.PieceLength); err != nil {
			t.Error(err)
		}
	}
}

func load(t *testing.T, torrent []byte) *metainfo.MetaInfo {
	t.Helper()
	m, err := metainfo.Load(bytes.NewReader(torrent))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestTorrentFromScratch writes a torrent without the oracle's help.
func TestTorrentFromScratch(t *testing.T) {
	info := single(t)
	data := must(qp.BuildMap(basicnode.Prototype.Any, 2, func(m datamodel.MapAssembler) {
		qp.MapEntry(m, "info", qp.Map(4, func(m datamodel.MapAssembler) {
			qp.MapEntry(m, "pieces", qp.Bytes(info.Pieces))
			qp.MapEntry(m, "piece length", qp.Int(info.PieceLength))
			qp.MapEntry(m, "name", qp.String(info.Name))
			qp.MapEntry(m, "length", qp.Int(info.Length))
		}))
		qp.MapEntry(m, "announce", qp.String("http://127.0.0.1:6969/announce"))
	}))
	encoded, err := open(t).Encode(t.Context(), data, nil)
	if err != nil {
		t.Fatal(err)
	}
	holdTorrent(t, encoded, written(t, info, func(m *metainfo.MetaInfo) { m.Announce = "http://127.0.0.1:6969/announce" }))
}

// TestEditedTorrent gives a hybrid torrent another tracker. Its info and its piece layers, with keys that are raw hashes,
// go through the data model and back untouched.
func TestEditedTorrent(t *testing.T) {
	c := open(t)
	block := written(t, hybrid(t), layers)
	n, err := c.Decode(t.Context(), block, nil)
	if err != nil {
		t.Fatal(err)
	}
	edited, err := traversal.FocusedTransform(n, datamodel.ParsePath("announce"), func(traversal.Progress, datamodel.Node) (datamodel.Node, error) {
		return basicnode.NewString("udp://127.0.0.1:1"), nil
	}, false)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := c.Encode(t.Context(), edited, nil)
	if err != nil {
		t.Fatal(err)
	}
	holdTorrent(t, encoded, written(t, hybrid(t), func(m *metainfo.MetaInfo) { layers(m); m.Announce = "udp://127.0.0.1:1" }))
}

// TestManyPieceLayers: keys that are hashes are unordered in the data model, and there may be many.
func TestManyPieceLayers(t *testing.T) {
	c := open(t)
	block := manyLayers(t, 20_000)
	taken, rows, err := hold(t.Context(), c, block)
	if err != nil || !taken || !slices.Equal(rows, []string{rowBytes, rowKey}) {
		t.Fatalf("%d bytes: taken: %v, rows %v, %v", len(block), taken, rows, err)
	}
}

// published are torrents that others made, which come with the oracle, and whether they are bencode.
var published = map[string]bool{
	"23516C72685E8DB0C8F15553382A927F185C4F01.torrent": true,
	"SKODAOCTAVIA336x280_archive.torrent":              true,
	"archlinux-2011.08.19-netinstall-i686.iso.torrent": true,
	"continuum.torrent":                                true,
	"flat-url-list.torrent":                            true,
	"issue_65a.torrent":                                true,
	"issue_65b.torrent":                                true,
	"minimal-trailing-newline.torrent":                 false,
	"trackerless.torrent":                              true,
}

func TestPublishedTorrents(t *testing.T) {
	c := open(t)
	found := map[string]bool{}
	for _, file := range oracleFiles(t, "metainfo/testdata/*.torrent") {
		block, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(file)
		if found[name], _, err = hold(t.Context(), c, block); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if !maps.Equal(found, published) {
		t.Errorf("taken: %v, expected %v", found, published)
	}
}

// oracleFiles finds files in the source of the oracle. That they match something is for the caller to check.
func oracleFiles(t testing.TB, pattern string) []string {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/anacrolix/torrent").Output()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(dir)), filepath.FromSlash(pattern)))
	if err != nil {
		t.Fatal(err)
	}
	return files
}
