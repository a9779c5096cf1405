package iprthost

import (
	"bytes"
	"context"
	"io"

	"github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/ipld/go-ipld-prime/linking"
	cidlink "github.com/ipld/go-ipld-prime/linking/cid"

	"github.com/iprt/iprt/host/fetch"
	"github.com/iprt/iprt/host/ipldbind"
	"github.com/iprt/iprt/host/ipldbind/table"
	"github.com/iprt/iprt/spec/conformance/abuse"
)

// Resolve implements [abuse.Target], with the shipped DAG-CBOR codec and none of go-ipld-prime's.
func (t *target) Resolve(ctx context.Context, r abuse.Resolve) abuse.Result {
	root, err := cid.Decode(r.Root)
	if err != nil {
		return t.result(nil, &textError{err})
	}
	if _, err := t.shipped(ctx, cid.DagCBOR); err != nil {
		return t.result(nil, err)
	}
	lsys := cidlink.DefaultLinkSystem()
	lsys.StorageReadOpener = func(lc linking.LinkContext, lnk datamodel.Link) (io.Reader, error) {
		b, err := t.fetch.Block(lc.Ctx, fetch.Request{CID: lnk.(cidlink.Link).Cid, Budget: fetch.Untrusted})
		return bytes.NewReader(b), err
	}
	resolver := ipldbind.Resolver{LinkSystem: &lsys, Codecs: t.codecs, Modules: t.modules, Policy: ipldbind.AllowPure()}
	found, err := resolver.Resolve(ctx, root, r.Path, ipldbind.Options{})
	if err != nil {
		return t.result(nil, err)
	}
	out, err := scalar(found.Node)
	return t.result(out, err)
}

// scalar is the bytes of a string or bytes; nothing for other kinds, which are walked.
func scalar(n datamodel.Node) ([]byte, error) {
	switch n.Kind() {
	case datamodel.Kind_String:
		s, err := n.AsString()
		return []byte(s), err
	case datamodel.Kind_Bytes:
		return n.AsBytes()
	}
	return nil, walk(n)
}

// walk reads all of a node, as whoever copies or prints it would.
func walk(n datamodel.Node) (err error) {
	switch n.Kind() {
	case datamodel.Kind_Map:
		for it := n.MapIterator(); !it.Done(); {
			k, v, err := it.Next()
			if err != nil {
				return err
			}
			if _, err := k.AsString(); err != nil {
				return err
			}
			if err := walk(v); err != nil {
				return err
			}
		}
	case datamodel.Kind_List:
		for it := n.ListIterator(); !it.Done(); {
			_, v, err := it.Next()
			if err != nil {
				return err
			}
			if err := walk(v); err != nil {
				return err
			}
		}
	case datamodel.Kind_Bool:
		_, err = n.AsBool()
	case datamodel.Kind_Int:
		_, err = table.BigInt(n)
	case datamodel.Kind_Float:
		_, err = n.AsFloat()
	case datamodel.Kind_String:
		_, err = n.AsString()
	case datamodel.Kind_Bytes:
		_, err = n.AsBytes()
	case datamodel.Kind_Link:
		_, err = n.AsLink()
	}
	return err
}
