package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host/engine"
	"github.com/iprt/iprt/host/hostcall"
	"github.com/iprt/iprt/host/hostcall/wasi"
	"github.com/iprt/iprt/host/meter"
	"github.com/iprt/iprt/host/validate"
)

// meterPairs measures decoders with injected metering against the same decoders
// without, on every engine of this build: alloc, copy and decode, without the
// host around.
func (s *subjects) meterPairs(context.Context) ([]pair, error) {
	var pairs []pair
	for _, e := range engines {
		for _, g := range guests() {
			for _, f := range []meter.Flavour{meter.Slices, meter.OneSlice} {
				aim := 0.0
				if e.compiles {
					aim = g.aim
				}
				pairs = append(pairs, pair{
					name: fmt.Sprintf("metered %s, %s", g.name, f), peer: "unmetered, " + e.name, aim: aim,
					open: func(ctx context.Context) (ours, base func() error, err error) { return s.openMetered(ctx, e, g, f) },
				})
			}
		}
	}
	return pairs, nil
}

func (s *subjects) openMetered(ctx context.Context, e engineKind, g guest, f meter.Flavour) (ours, base func() error, err error) {
	wasm, err := s.module(ctx, g)
	if err != nil {
		return nil, nil, err
	}
	info, err := validate.Module(wasm, validate.Rules{Set: validate.Shape})
	if err != nil {
		return nil, nil, err
	}
	metered, err := meter.Rewrite(wasm, info, meter.Config{Flavour: f})
	if err != nil {
		return nil, nil, err
	}
	eng, err := e.open()
	if err != nil {
		return nil, nil, err
	}
	s.closers = append(s.closers, eng.Close)
	block, err := g.block(e.blockSize(g))
	if err != nil {
		return nil, nil, err
	}
	if base, err = decoder(ctx, eng, wasm, block); err != nil {
		return nil, nil, err
	}
	ours, err = decoder(ctx, eng, metered, block)
	return ours, base, err
}

// slice is the fuel that a guest gets at once: some tenths of a second.
const slice = 100_000_000

// decoder returns what decodes block once, on an instance of its own that is
// metered or not.
func decoder(ctx context.Context, eng engine.Engine, wasm, block []byte) (func() error, error) {
	ctx = hostcall.With(ctx, hostcall.New(hostcall.Options{}))
	code, err := eng.Compile(ctx, wasm, slices.Concat(hostcall.Functions(), wasi.Functions(), []engine.Import{sliceImport()}))
	if err != nil {
		return nil, err
	}
	inst, err := code.Instantiate(ctx, engine.InstanceOptions{})
	if err != nil {
		return nil, err
	}
	fuel, isMetered := inst.Global(meter.ExportFuel)
	refuel := func() {
		if isMetered {
			fuel.Set(slice)
		}
	}
	stack := make([]uint64, 4)
	for _, name := range []string{abi.ExportInitialize, abi.ExportInit} {
		if f, ok := inst.Func(name); ok {
			refuel()
			if err := f.Call(ctx, stack); err != nil {
				return nil, err
			}
		}
	}
	alloc, _ := inst.Func(abi.ExportAlloc)
	decode, _ := inst.Func(abi.ExportCodecDecode)
	if alloc == nil || decode == nil {
		return nil, fmt.Errorf("the guest is no codec")
	}
	return func() error {
		refuel()
		stack[0] = uint64(len(block))
		if err := alloc.Call(ctx, stack); err != nil {
			return err
		}
		ptr := uint32(stack[0])
		view, ok := inst.Memory().View(ptr, uint32(len(block)))
		if !ok {
			return fmt.Errorf("no memory for %d bytes", len(block))
		}
		copy(view, block)
		stack[0], stack[1], stack[2], stack[3] = uint64(ptr), uint64(len(block)), 0, 0
		if err := decode.Call(ctx, stack); err != nil {
			return err
		}
		if ptr, status := abi.Unpack(stack[0]); ptr == 0 {
			return fmt.Errorf("decode: %w", abi.Status(status))
		}
		return nil
	}, nil
}

// sliceImport gives one more slice each time.
func sliceImport() engine.Import {
	return engine.Import{
		Module: meter.ImportModule, Name: meter.ImportSlice,
		Type: engine.FuncType{Params: []abi.ValType{abi.I64}, Results: []abi.ValType{abi.I64}},
		Fn: func(_ context.Context, _ engine.Memory, stack []uint64) error {
			if fuel := int64(stack[0]); fuel == meter.MemoryGaveOut {
				return fmt.Errorf("the engine ran out of memory")
			}
			stack[0] = slice
			return nil
		},
	}
}
