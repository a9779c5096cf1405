package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"

	"github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/codec/dagcbor"
	"github.com/ipld/go-ipld-prime/codec/dagjson"
	"github.com/ipld/go-ipld-prime/node/basicnode"
	"github.com/multiformats/go-multihash"

	"github.com/iprt/iprt/host/manifest"
	"github.com/iprt/iprt/host/pack"
)

// built is a module with its bytes.
type built struct {
	module
	wasm []byte
	cid  cid.Cid
}

// path is where the bytes are committed.
func (b built) path() string { return path.Join(b.dir, path.Base(b.dir)+".wasm") }

func buildAll(ctx context.Context, t tools, tmp string) ([]built, error) {
	var all []built
	for _, m := range modules {
		out := filepath.Join(tmp, m.name+".wasm")
		if err := m.make(ctx, t, m.dir, out); err != nil {
			return nil, err
		}
		wasm, err := os.ReadFile(out)
		if err != nil {
			return nil, err
		}
		if wasm, err = finish(wasm, filepath.Join(filepath.FromSlash(m.dir), "manifest.json")); err != nil {
			return nil, fmt.Errorf("%s: %w", m.name, err)
		}
		hash, err := multihash.Sum(wasm, multihash.SHA2_256, -1)
		if err != nil {
			return nil, err
		}
		all = append(all, built{m, wasm, cid.NewCidV1(cid.Raw, hash)})
	}
	return all, nil
}

// finish adds the manifest, written as DAG-JSON for people, to a linked module.
func finish(wasm []byte, source string) ([]byte, error) {
	text, err := os.ReadFile(source)
	if err != nil {
		return nil, err
	}
	n := basicnode.Prototype.Any.NewBuilder()
	if err := dagjson.Decode(n, bytes.NewReader(text)); err != nil {
		return nil, fmt.Errorf("%s: %w", source, err)
	}
	var section bytes.Buffer
	if err := dagcbor.Encode(n.Build(), &section); err != nil {
		return nil, fmt.Errorf("%s: %w", source, err)
	}
	m, err := manifest.Parse(section.Bytes())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", source, err)
	}
	return pack.Pack(wasm, pack.Options{Manifest: m})
}
