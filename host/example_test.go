package host_test

import (
	"context"
	"fmt"
	"log"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host"
	"github.com/iprt/iprt/host/engine/wazero"
	"github.com/iprt/iprt/host/fetch"
	"github.com/iprt/iprt/internal/wasmtest"
)

// A program that lets one codec module run, and no other. Here the module
// comes from a store in memory; a node would name a directory, a gateway or
// bitswap as sources of the fetcher.
func Example() {
	ctx := context.Background()
	wasm := wasmtest.Codec(wasmtest.ManifestName("echo"))
	codec := fetch.Identity(wasm)
	store := new(fetch.MemStore)
	if err := store.Put(ctx, codec, wasm); err != nil {
		log.Fatal(err)
	}

	engine, err := wazero.New(wazero.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer engine.Close(ctx)
	h, err := host.New(engine, host.Config{
		Fetch:  fetch.New(fetch.Config{Store: store}),
		Policy: host.AllowList(codec),
	})
	if err != nil {
		log.Fatal(err)
	}
	defer h.Close(ctx)

	m, err := h.Load(ctx, codec, host.Binding{Name: "my codec"})
	if err != nil {
		log.Fatal(err)
	}
	i, err := m.Acquire(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer i.Release()
	block := []byte("a block")
	table, err := i.Call(ctx, host.CodecDecode, block, nil)
	if err != nil {
		log.Fatal(err)
	}
	r, err := abi.NewTableReader(table, block)
	if err != nil {
		log.Fatal(err)
	}
	root, err := r.At(0)
	if err != nil {
		log.Fatal(err)
	}
	data, err := r.Data(root)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s %s says: %s %q\n", m.Manifest().Name, m.Purity(), root.Kind, data)

	// Output: echo pure0 says: bytes "a block"
}

// What a module is and would need shows without running any of it.
func ExampleHost_Inspect() {
	ctx := context.Background()
	engine, err := wazero.New(wazero.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer engine.Close(ctx)
	h, err := host.New(engine, host.Config{}) // allows nothing; good enough for looking
	if err != nil {
		log.Fatal(err)
	}
	defer h.Close(ctx)

	wasm := wasmtest.Codec(wasmtest.Requires("iprt:log/v1"),
		wasmtest.Import("iprt:log/v1", "write", []byte{wasmtest.I32, wasmtest.I32, wasmtest.I32}, []byte{wasmtest.I32}))
	r, err := h.Inspect(ctx, fetch.FromBytes(wasm, "example"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(r.Verdict, r.Purity)
	fmt.Println("needs", r.Needs)
	fmt.Println("could", r.Could[0])

	// Output:
	// accepted granted
	// needs [iprt:log/v1]
	// could write lines to the operator's log
}
