package main

import (
	"context"
	"fmt"
	"testing"

	"github.com/iprt/iprt"
	"github.com/iprt/iprt/host"
	tetrate "github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// callPairs measures the whole host path (check-out from the pool, alloc, copy,
// call, result, return) against the same guest called by bare wazero with its
// function handle in hand.
func (s *subjects) callPairs() ([]pair, error) {
	ctx := context.Background()
	wasm, ok := iprt.Bytes("raw")
	if !ok {
		return nil, fmt.Errorf("the module raw is not carried")
	}
	return []pair{
		{"host call without input", "bare wazero", 8, s.call(ctx, nil), bare(ctx, wasm, 0)},
		{"host call with 16 B", "bare wazero + copy", 0, s.call(ctx, make([]byte, 16)), bare(ctx, wasm, 16)},
		{"host call with 1 MiB", "bare wazero + copy", 1.1, s.call(ctx, make([]byte, 1<<20)), bare(ctx, wasm, 1<<20)},
	}, nil
}

func (s *subjects) call(ctx context.Context, input []byte) func(*testing.B) {
	return func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			i, err := s.raw.Acquire(ctx)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := i.Call(ctx, host.CodecDecode, input, nil); err != nil {
				b.Fatal(err)
			}
			i.Release()
		}
	}
}

// bare is the least that anyone can do: alloc and decode through kept handles,
// the input copied in, nothing checked.
func bare(ctx context.Context, wasm []byte, size int) func(*testing.B) {
	return func(b *testing.B) {
		b.ReportAllocs()
		rt := tetrate.NewRuntime(ctx)
		defer rt.Close(ctx)
		mod, err := rt.Instantiate(ctx, wasm)
		if err != nil {
			b.Fatal(err)
		}
		alloc, decode := mod.ExportedFunction("iprt_alloc"), mod.ExportedFunction("iprt_codec_v1_decode")
		input, stack := make([]byte, size), make([]uint64, 4)
		for b.Loop() {
			ptr := uint64(0)
			if size > 0 {
				stack[0] = uint64(size)
				if err := alloc.CallWithStack(ctx, stack); err != nil {
					b.Fatal(err)
				}
				ptr = api.EncodeU32(uint32(stack[0]))
				mod.Memory().Write(uint32(ptr), input)
			}
			stack[0], stack[1], stack[2], stack[3] = ptr, uint64(size), 0, 0
			if err := decode.CallWithStack(ctx, stack); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func (s *subjects) pairs() ([]pair, error) {
	calls, err := s.callPairs()
	if err != nil {
		return nil, err
	}
	codecs, err := s.codecPairs()
	return append(calls, codecs...), err
}
