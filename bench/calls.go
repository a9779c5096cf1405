package main

import (
	"context"
	"fmt"

	"github.com/iprt/iprt"
	"github.com/iprt/iprt/host"
	tetrate "github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// callPairs measures the whole host path (check-out from the pool, alloc, copy,
// call, result, return) against the same guest called by bare wazero with its
// function handle in hand.
func (s *subjects) callPairs(ctx context.Context) ([]pair, error) {
	wasm, ok := iprt.Bytes("raw")
	if !ok {
		return nil, fmt.Errorf("the module raw is not carried")
	}
	rt := tetrate.NewRuntime(ctx)
	s.closers = append(s.closers, rt.Close)
	mod, err := rt.Instantiate(ctx, wasm)
	if err != nil {
		return nil, err
	}
	var pairs []pair
	for _, c := range []struct {
		name, peer string
		aim        float64
		size       int
	}{
		{"host call without input", "bare wazero", 8, 0},
		{"host call with 16 B", "bare wazero + copy", 0, 16},
		{"host call with 1 MiB", "bare wazero + copy", 1.1, 1 << 20},
	} {
		pairs = append(pairs, pair{c.name, c.peer, c.aim, s.call(ctx, make([]byte, c.size)), bare(ctx, mod, c.size)})
	}
	return pairs, nil
}

func (s *subjects) call(ctx context.Context, input []byte) func() error {
	return func() error {
		i, err := s.raw.Acquire(ctx)
		if err != nil {
			return err
		}
		defer i.Release()
		_, err = i.Call(ctx, host.CodecDecode, input, nil)
		return err
	}
}

// bare is the least that anyone can do: alloc and decode through kept handles,
// the input copied in, nothing checked.
func bare(ctx context.Context, mod api.Module, size int) func() error {
	alloc, decode := mod.ExportedFunction("iprt_alloc"), mod.ExportedFunction("iprt_codec_v1_decode")
	input, stack := make([]byte, size), make([]uint64, 4)
	return func() error {
		ptr := uint64(0)
		if size > 0 {
			stack[0] = uint64(size)
			if err := alloc.CallWithStack(ctx, stack); err != nil {
				return err
			}
			ptr = api.EncodeU32(uint32(stack[0]))
			mod.Memory().Write(uint32(ptr), input)
		}
		stack[0], stack[1], stack[2], stack[3] = ptr, uint64(size), 0, 0
		return decode.CallWithStack(ctx, stack)
	}
}

func (s *subjects) pairs(ctx context.Context) ([]pair, error) {
	calls, err := s.callPairs(ctx)
	if err != nil {
		return nil, err
	}
	codecs, err := s.codecPairs(ctx)
	return append(calls, codecs...), err
}
