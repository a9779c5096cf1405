package fetch_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/iprt/iprt/host/fetch"
	"github.com/iprt/iprt/host/fetch/unixfs"

	"github.com/ipfs/boxo/blockservice"
	"github.com/ipfs/boxo/ipld/merkledag"
	uio "github.com/ipfs/boxo/ipld/unixfs/io"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
	carv2 "github.com/ipld/go-car/v2"
	"github.com/multiformats/go-multihash"
)

// FuzzFile reads any block as a UnixFS root over a few good leaves. What is
// accepted must be within the budget, and what boxo reads.
func FuzzFile(f *testing.F) {
	var seeds fetch.MemStore
	leaf := putRaw(f, &seeds, []byte("0123456789"))
	inner := putFile(f, &seeds, nil, 10, child{cid: leaf, size: 10})
	below := map[cid.Cid][]byte{}
	for _, c := range []cid.Cid{
		leaf,
		inner,
		putFile(f, &seeds, nil, 20, child{cid: leaf, size: 10}, child{cid: inner, size: 10}),
		putFile(f, &seeds, []byte("ab"), 12, child{cid: leaf, size: 10}),
		putFile(f, &seeds, []byte("abc"), 3),
		putDir(f, &seeds, child{cid: leaf, name: "x"}),
	} {
		block, err := seeds.Get(f.Context(), c)
		if err != nil {
			f.Fatal(err)
		}
		below[c] = block
		f.Add(block)
	}
	f.Fuzz(func(t *testing.T, block []byte) {
		var store fetch.MemStore
		for c, b := range below {
			_ = store.Put(t.Context(), c, b)
		}
		root := putAs(t, &store, cid.DagProtobuf, multihash.SHA2_256, -1, block)
		budget := quick(fetch.Budget{Bytes: 1 << 16, Blocks: 16, Depth: 3})
		v, err := fetch.New(fetch.Config{Store: &store}).File(t.Context(), fetch.Request{CID: root, Budget: budget})
		if err != nil {
			return
		}
		if len(v.Bytes()) > 1<<16 || v.ID() != fetch.Identity(v.Bytes()) {
			t.Errorf("accepted %d bytes as %s", len(v.Bytes()), v.ID())
		}
		if n, err := unixfs.Parse(root, block); err == nil && len(n.Data) > 0 && len(n.Links) > 0 {
			return // boxo leaves out what is in a block that has children
		}
		if want, err := readByBoxo(t.Context(), &store, root); err != nil || !bytes.Equal(v.Bytes(), want) {
			t.Errorf("accepted %q; boxo reads %q, %v", v.Bytes(), want, err)
		}
	})
}

func readByBoxo(ctx context.Context, s *fetch.MemStore, root cid.Cid) ([]byte, error) {
	nodes := merkledag.NewDAGService(blockservice.New(storeOfBoxo{s}, nil))
	n, err := nodes.Get(ctx, root)
	if err != nil {
		return nil, err
	}
	r, err := uio.NewDagReader(ctx, n, nodes)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(r, 1<<17))
}

// storeOfBoxo is a store as boxo's services read it.
type storeOfBoxo struct{ *fetch.MemStore }

func (s storeOfBoxo) Get(ctx context.Context, c cid.Cid) (blocks.Block, error) {
	b, err := s.MemStore.Get(ctx, c)
	if err != nil {
		return nil, ipld.ErrNotFound{Cid: c}
	}
	return blocks.NewBlockWithCid(b, c)
}

func (s storeOfBoxo) GetSize(ctx context.Context, c cid.Cid) (int, error) {
	b, err := s.MemStore.Get(ctx, c)
	return len(b), err
}
func (storeOfBoxo) Put(context.Context, blocks.Block) error       { return errors.ErrUnsupported }
func (storeOfBoxo) PutMany(context.Context, []blocks.Block) error { return errors.ErrUnsupported }
func (storeOfBoxo) DeleteBlock(context.Context, cid.Cid) error    { return errors.ErrUnsupported }
func (storeOfBoxo) AllKeysChan(context.Context) (<-chan cid.Cid, error) {
	return nil, errors.ErrUnsupported
}

// FuzzCAR opens any file as a CAR and reads what it lists. Each block is what a reader that goes through the file finds under its hash.
func FuzzCAR(f *testing.F) {
	var store fetch.MemStore
	c := putRaw(f, &store, []byte("good"))
	var car bytes.Buffer
	writeCAR(&car, &store, []cid.Cid{c, c}, c)
	f.Add(car.Bytes())
	f.Add(version2(car.Bytes(), 51, uint64(car.Len())))
	f.Add(version2(car.Bytes(), 1<<62, 1<<62))
	path := filepath.Join(f.TempDir(), "x.car")
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		src, err := fetch.OpenCAR(path)
		if err != nil {
			return
		}
		defer src.Close()
		fetcher := fetch.New(fetch.Config{Sources: []fetch.Source{src}})
		want := inOrder(b)
		for c := range src.All() {
			block, err := fetcher.Block(t.Context(), fetch.Request{CID: c})
			if err == nil && len(block) > len(b) {
				t.Errorf("a block of %d bytes out of a file of %d", len(block), len(b))
			}
			got, err := src.Session(t.Context(), c, fetch.Budget{}).Get(t.Context(), c)
			if first, ok := want[string(c.Hash())]; !ok || err != nil || !bytes.Equal(got, first) {
				t.Errorf("%s is %q, %v; in the file it is %q, %v", c, got, err, first, ok)
			}
		}
	})
}

// inOrder is the first block of each hash in a CAR, by a reader without index.
func inOrder(car []byte) map[string][]byte {
	found := make(map[string][]byte)
	r, err := carv2.NewBlockReader(bytes.NewReader(car), carv2.WithTrustedCAR(true))
	for err == nil {
		var block blocks.Block
		if block, err = r.Next(); err == nil {
			key := string(block.Cid().Hash())
			if _, ok := found[key]; !ok && fetch.CheckFileCID(block.Cid()) == nil {
				found[key] = block.RawData()
			}
		}
	}
	return found
}
