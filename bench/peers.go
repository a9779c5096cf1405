package main

import (
	"context"
	"fmt"

	extism "github.com/extism/go-sdk"
	"github.com/iprt/iprt/internal/wasmtest"
	"github.com/wapc/wapc-go"
	wapcwazero "github.com/wapc/wapc-go/engines/wazero"
)

// Extism and waPC get guests written for them by hand, which do less than what
// their guest libraries would: the echo of both returns the input where it lies.

func (s *subjects) extism(ctx context.Context) (callPeer, error) {
	extism.SetLogLevel(extism.LogLevelOff)
	plugin, err := extism.NewPlugin(ctx,
		extism.Manifest{Wasm: []extism.Wasm{extism.WasmData{Data: extismGuest()}}},
		extism.PluginConfig{EnableWasi: true}, nil)
	if err != nil {
		return callPeer{}, err
	}
	s.closers = append(s.closers, plugin.Close)
	call := func(name string, size int) func() error {
		input := make([]byte, size)
		return func() error {
			_, out, err := plugin.Call(name, input)
			return answered(out, size, err)
		}
	}
	return callPeer{name: "Extism", empty: call("empty", 0), echo: func(size int) func() error { return call("echo", size) }}, nil
}

func extismGuest() []byte {
	const module = "extism:host/env"
	b := wasmtest.New()
	length := b.ImportFunc(module, "input_length", nil, []byte{wasmtest.I64})
	offset := b.ImportFunc(module, "input_offset", nil, []byte{wasmtest.I64})
	output := b.ImportFunc(module, "output_set", []byte{wasmtest.I64, wasmtest.I64}, nil)
	b.Export("memory", wasmtest.KindMemory, b.Memory(1, 1))
	for name, code := range map[string]wasmtest.Code{
		"empty": wasmtest.Code{}.I32Const(0),
		"echo":  wasmtest.Code{}.Call(offset).Call(length).Call(output).I32Const(0),
	} {
		b.Export(name, wasmtest.KindFunc, b.Func(nil, []byte{wasmtest.I32}, nil, code))
	}
	return b.Bytes()
}

func (s *subjects) wapc(ctx context.Context) (callPeer, error) {
	module, err := wapcwazero.Engine().New(ctx, wapc.NoOpHostCallHandler, wapcGuest(), &wapc.ModuleConfig{Logger: func(string) {}})
	if err != nil {
		return callPeer{}, err
	}
	s.closers = append(s.closers, module.Close)
	instance, err := module.Instantiate(ctx)
	if err != nil {
		return callPeer{}, err
	}
	call := func(size int) func() error {
		input := make([]byte, size)
		return func() error {
			out, err := instance.Invoke(ctx, "echo", input)
			return answered(out, size, err)
		}
	}
	return callPeer{name: "waPC", empty: call(0), echo: call}, nil
}

// wapcGuest puts the operation at 0 and the payload at 64 KiB.
func wapcGuest() []byte {
	const payload = 1 << 16
	b := wasmtest.New()
	two := []byte{wasmtest.I32, wasmtest.I32}
	request := b.ImportFunc("wapc", "__guest_request", two, nil)
	response := b.ImportFunc("wapc", "__guest_response", two, nil)
	b.Export("memory", wasmtest.KindMemory, b.Memory(32, 32))
	b.Export("__guest_call", wasmtest.KindFunc, b.Func(two, []byte{wasmtest.I32}, nil, wasmtest.Code{}.
		I32Const(0).I32Const(payload).Call(request).
		I32Const(payload).LocalGet(1).Call(response).I32Const(1)))
	return b.Bytes()
}

func answered(out []byte, size int, err error) error {
	if err == nil && len(out) != size {
		return fmt.Errorf("%d bytes came back of %d", len(out), size)
	}
	return err
}
