package ipldbind_test

import (
	"context"
	"fmt"

	"github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/linking"
	cidlink "github.com/ipld/go-ipld-prime/linking/cid"
	"github.com/ipld/go-ipld-prime/node/basicnode"
	"github.com/ipld/go-ipld-prime/storage/memstore"

	"github.com/iprt/iprt"
	"github.com/iprt/iprt/host"
	"github.com/iprt/iprt/host/engine/wazero"
	"github.com/iprt/iprt/host/fetch"
	"github.com/iprt/iprt/host/ipldbind"
)

// A program gives its LinkSystem a codec by the codec's CID. Here the module is one that ships with iprt; a store or a gateway as a source of the
// fetcher brings in any other. (must panics at an error.)
func Example() {
	ctx := context.Background()
	bencode := iprt.Builtin().Modules["bencode"].CID // or cid.MustParse("bafkrei…")
	shipped := fetch.Func("shipped", func(c cid.Cid) ([]byte, error) {
		if b, ok := iprt.BlockFor(c); ok {
			return b, nil
		}
		return nil, fetch.ErrNotFound
	})
	engine := must(wazero.New(wazero.Config{}))
	defer engine.Close(ctx)
	h := must(host.New(engine, host.Config{
		Fetch:  fetch.New(fetch.Config{Sources: []fetch.Source{shipped}}),
		Policy: host.AllowList(bencode),
	}))
	defer h.Close(ctx)
	codec := must(ipldbind.Bind(must(h.Load(ctx, bencode, host.Binding{Name: "bencode"}))))

	codecs := ipldbind.New(ipldbind.Config{})
	if err := codecs.Add(codec.Code(), codec); err != nil {
		panic(err)
	}
	lsys, store := cidlink.DefaultLinkSystem(), &memstore.Store{}
	lsys.SetReadStorage(store)
	lsys.SetWriteStorage(store)
	codecs.Install(&lsys)
	lp := cidlink.LinkPrototype{Prefix: cid.Prefix{Version: 1, Codec: codec.Code(), MhType: 0x12, MhLength: 32}}
	lnk := must(lsys.Store(linking.LinkContext{}, lp, basicnode.NewString("spam"))) // 4:spam
	n := must(lsys.Load(linking.LinkContext{}, lnk, basicnode.Prototype.Any))
	fmt.Println(lnk, must(n.AsString()))
	// Output: bafrreids6vmjait5mkuufgyyz5b4fd2fwuncfuslltkf4dsvakgm7rowqi spam
}
