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

// path is where the bytes are committed, "" if they are not.
func (b built) path() string {
	if b.lang != inC {
		return ""
	}
	return path.Join(b.dir, path.Base(b.dir)+".wasm")
}

func build(ctx context.Context, t tools, m module, tmp string) (built, error) {
	out := filepath.Join(tmp, m.name+".wasm")
	compile := compileC
	if m.lang == inGo {
		compile = compileGo
	}
	if err := compile(ctx, t, m.dir, out); err != nil {
		return built{}, err
	}
	wasm, err := os.ReadFile(out)
	if err != nil {
		return built{}, err
	}
	if wasm, err = finish(wasm, filepath.Join(filepath.FromSlash(m.dir), "manifest.json")); err != nil {
		return built{}, fmt.Errorf("%s: %w", m.name, err)
	}
	hash, err := multihash.Sum(wasm, multihash.SHA2_256, -1)
	if err != nil {
		return built{}, err
	}
	return built{m, wasm, cid.NewCidV1(cid.Raw, hash)}, nil
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
