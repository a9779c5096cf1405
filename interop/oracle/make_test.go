package oracle

import (
	"bytes"
	"crypto/sha256"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/anacrolix/torrent/bencode"
	"github.com/anacrolix/torrent/merkle"
	"github.com/anacrolix/torrent/metainfo"
)

const pieceLength = 2 * merkle.BlockSize

// content is what the torrents are of: a file name and its bytes, in the order of the torrent.
type content struct {
	path string
	data []byte
}

// random gives n bytes, the same ones for the same seed.
func random(seed uint64, n int) []byte {
	b := make([]byte, n)
	var key [32]byte
	key[0] = byte(seed)
	_, _ = rand.NewChaCha8(key).Read(b)
	return b
}

var files = []content{
	{"a/empty", nil},
	{"a/one block.bin", random(1, 5000)},
	{"b/Ünïcödé ☃.bin", random(2, 5*merkle.BlockSize+77)},
	{"c.bin", random(3, 9*merkle.BlockSize)},
}

// torrents are made by the oracle, of every shape that torrent files have.
var torrents = []struct {
	name string
	info func(t testing.TB) metainfo.Info
	more func(m *metainfo.MetaInfo) // what goes beside info
	rows []string                   // of the table of differences that it falls under
}{
	{"v1 single file", single, nil, []string{rowBytes}},
	{"v1 multi file", multi, nil, []string{rowBytes}},
	{"private", private, announce, []string{rowBytes}},
	{"announce list", single, announceList, []string{rowBytes}},
	{"no tracker", multi, trackerless, []string{rowBytes}},
	{"names not in UTF-8", latin1, nil, []string{rowBytes}},
	{"v2", v2, layers, []string{rowBytes, rowKey}},
	{"hybrid", hybrid, layers, []string{rowBytes, rowKey}},
}

func single(t testing.TB) metainfo.Info {
	info := metainfo.Info{Name: "c.bin", PieceLength: pieceLength, Length: int64(len(files[3].data))}
	hashPieces(t, &info, files[3].data)
	return info
}

func multi(t testing.TB) metainfo.Info {
	info := metainfo.Info{Name: "some files", PieceLength: pieceLength}
	var all []byte
	for _, f := range files {
		info.Files = append(info.Files, metainfo.FileInfo{Path: strings.Split(f.path, "/"), Length: int64(len(f.data))})
		all = append(all, f.data...)
	}
	hashPieces(t, &info, all)
	return info
}

func private(t testing.TB) metainfo.Info {
	info := single(t)
	yes := true
	info.Private, info.Source = &yes, "an index"
	return info
}

// latin1 is what torrents looked like before everything was UTF-8.
func latin1(t testing.TB) metainfo.Info {
	info := single(t)
	info.Name, info.NameUtf8 = "h\xe9h\xe9.bin", "héhé.bin"
	return info
}

func v2(testing.TB) metainfo.Info {
	info := metainfo.Info{Name: "some files", PieceLength: pieceLength, MetaVersion: 2}
	for _, f := range files {
		plant(&info.FileTree, strings.Split(f.path, "/"), metainfo.FileTreeFile{Length: int64(len(f.data)), PiecesRoot: root(f.data)})
	}
	return info
}

func plant(tree *metainfo.FileTree, path []string, f metainfo.FileTreeFile) {
	if len(path) == 0 {
		tree.File = f
		return
	}
	if tree.Dir == nil {
		tree.Dir = map[string]metainfo.FileTree{}
	}
	next := tree.Dir[path[0]]
	plant(&next, path[1:], f)
	tree.Dir[path[0]] = next
}

// hybrid is v2 with what v1 needs beside it: the files once more, padded to whole pieces.
func hybrid(t testing.TB) metainfo.Info {
	info := v2(t)
	var all []byte
	for _, f := range files {
		info.Files = append(info.Files, metainfo.FileInfo{Path: strings.Split(f.path, "/"), Length: int64(len(f.data))})
		all = append(all, f.data...)
		if pad := -len(all) & (pieceLength - 1); pad > 0 {
			gap := metainfo.FileInfo{Path: []string{".pad", "gap"}, Length: int64(pad)}
			gap.Attr = "p"
			info.Files = append(info.Files, gap)
			all = append(all, make([]byte, pad)...)
		}
	}
	hashPieces(t, &info, all)
	return info
}

func hashPieces(t testing.TB, info *metainfo.Info, all []byte) {
	t.Helper()
	err := info.GeneratePieces(func(fi metainfo.FileInfo) (io.ReadCloser, error) {
		r := io.NopCloser(bytes.NewReader(all[:fi.Length]))
		all = all[fi.Length:]
		return r, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// root is the name of a file in v2: the root over the hashes of its blocks.
func root(data []byte) string {
	if len(data) == 0 {
		return "" // BEP 52: an empty file has none
	}
	h := merkle.NewHash()
	_, _ = h.Write(data)
	return string(h.Sum(nil))
}

// layer is the hashes of the pieces of a file, one after another.
func layer(data []byte) string {
	var hashes bytes.Buffer
	for len(data) > 0 {
		n := min(len(data), pieceLength)
		h := merkle.NewHash()
		_, _ = h.Write(data[:n])
		hashes.Write(h.SumMinLength(nil, pieceLength))
		data = data[n:]
	}
	return hashes.String()
}

func layers(m *metainfo.MetaInfo) {
	announce(m)
	m.PieceLayers = map[string]string{}
	for _, f := range files {
		if len(f.data) > pieceLength {
			m.PieceLayers[root(f.data)] = layer(f.data)
		}
	}
}

func announce(m *metainfo.MetaInfo) {
	m.Announce, m.CreatedBy, m.CreationDate = "http://127.0.0.1:6969/announce", "the oracle", 1_700_000_000
}

func announceList(m *metainfo.MetaInfo) {
	announce(m)
	m.AnnounceList = metainfo.AnnounceList{{"http://127.0.0.1:6969/announce", "udp://127.0.0.1:6969"}, {}, {"http://127.0.0.1:6970/"}}
	m.UrlList = metainfo.UrlList{"http://127.0.0.1/seed/", "http://127.0.0.1/other seed/"}
	m.Comment, m.Encoding = "three tiers, one of them empty", "UTF-8"
}

func trackerless(m *metainfo.MetaInfo) {
	m.Nodes = []metainfo.Node{"127.0.0.1:6881", "[::1]:6881"}
}

// written is the torrent file as the oracle writes it.
func written(t testing.TB, info metainfo.Info, more func(*metainfo.MetaInfo)) []byte {
	t.Helper()
	m := metainfo.MetaInfo{InfoBytes: must(bencode.Marshal(&info))}
	if more != nil {
		more(&m)
	}
	var b bytes.Buffer
	if err := m.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// manyLayers is a v2 torrent with as many piece layers, keyed by hashes.
func manyLayers(t testing.TB, n int) []byte {
	return written(t, v2(t), func(m *metainfo.MetaInfo) {
		m.PieceLayers = map[string]string{}
		for i := range n {
			key := sha256.Sum256([]byte{byte(i), byte(i >> 8), byte(i >> 16)})
			m.PieceLayers[string(key[:])] = string(random(uint64(i), 64))
		}
	})
}
