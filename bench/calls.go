package main

import (
	"context"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host"
	"github.com/iprt/iprt/internal/wasmtest"
	tetrate "github.com/tetratelabs/wazero"
)

// The guests of the call benchmarks do as good as nothing, so that what is
// measured is the way there and back.

// emptyGuest has a decode that returns a constant.
func emptyGuest() []byte { return wasmtest.Codec(wasmtest.DecodeReturns(wasmtest.ErrorAddr, 0)) }

// echoGuest has a decode that returns its input.
func echoGuest() []byte {
	input := wasmtest.Code{}.LocalGet(0)
	return wasmtest.Codec(wasmtest.Memory(1, 64),
		wasmtest.Body(abi.ExportCodecDecode, wasmtest.Code{}.Result(input, wasmtest.Code{}.LocalGet(1))))
}

// callPairs measures the whole host path (check-out from the pool, alloc, copy
// in, call, return) against bare wazero with its function handles in hand, and
// against what others offer for the same. No side copies the result out: it is
// guest memory, good until the next call, for all of them.
func (s *subjects) callPairs(ctx context.Context) ([]pair, error) {
	peers, err := s.callPeers(ctx)
	if err != nil {
		return nil, err
	}
	empty, err := s.loadBytes(ctx, "empty", emptyGuest())
	if err != nil {
		return nil, err
	}
	echo, err := s.loadBytes(ctx, "echo", echoGuest())
	if err != nil {
		return nil, err
	}
	var pairs []pair
	for _, p := range peers {
		pairs = append(pairs, pair{name: "empty call", peer: p.name, aim: p.aims[0], ours: call(ctx, empty, 0), base: p.empty})
	}
	for i, size := range []struct {
		name  string
		bytes int
	}{{"echo of 16 B", 16}, {"echo of 1 MiB", 1 << 20}} {
		for _, p := range peers {
			pairs = append(pairs, pair{name: size.name, peer: p.name, aim: p.aims[1+i], ours: call(ctx, echo, size.bytes), base: p.echo(size.bytes)})
		}
	}
	return pairs, nil
}

// callPeer is one way to call a guest that does nothing, and one that returns
// its input.
type callPeer struct {
	name  string
	aims  [3]float64 // of the empty call and the two echoes
	empty func() error
	echo  func(size int) func() error
}

func (s *subjects) callPeers(ctx context.Context) ([]callPeer, error) {
	var peers []callPeer
	for _, open := range []func(context.Context) (callPeer, error){s.bareWazero, s.extism, s.wapc} {
		p, err := open(ctx)
		if err != nil {
			return nil, err
		}
		peers = append(peers, p)
	}
	return peers, nil
}

// call takes an instance, calls it and gives it back.
func call(ctx context.Context, m *host.Module, size int) func() error {
	input := make([]byte, size)
	return func() error {
		i, err := m.Acquire(ctx)
		if err != nil {
			return err
		}
		defer i.Release()
		result, err := i.Call(ctx, host.CodecDecode, input, nil)
		return answered(result, size, err)
	}
}

// bareWazero is the least that anyone can do: alloc and decode through kept
// handles, nothing checked.
func (s *subjects) bareWazero(ctx context.Context) (callPeer, error) {
	rt := tetrate.NewRuntime(ctx)
	s.closers = append(s.closers, rt.Close)
	open := func(wasm []byte) (func(size int) func() error, error) {
		mod, err := rt.InstantiateWithConfig(ctx, wasm, tetrate.NewModuleConfig().WithName(""))
		if err != nil {
			return nil, err
		}
		alloc, decode := mod.ExportedFunction(abi.ExportAlloc), mod.ExportedFunction(abi.ExportCodecDecode)
		return func(size int) func() error {
			input, stack := make([]byte, size), make([]uint64, 4)
			return func() error {
				ptr := uint64(0)
				if size > 0 {
					stack[0] = uint64(size)
					if err := alloc.CallWithStack(ctx, stack); err != nil {
						return err
					}
					ptr = stack[0]
					mod.Memory().Write(uint32(ptr), input)
				}
				stack[0], stack[1], stack[2], stack[3] = ptr, uint64(size), 0, 0
				return decode.CallWithStack(ctx, stack)
			}
		}, nil
	}
	empty, err := open(emptyGuest())
	if err != nil {
		return callPeer{}, err
	}
	echo, err := open(echoGuest())
	if err != nil {
		return callPeer{}, err
	}
	return callPeer{"bare wazero", [3]float64{8, 0, 1.1}, empty(0), echo}, nil
}
