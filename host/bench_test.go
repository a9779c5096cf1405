package host_test

import (
	"context"
	"fmt"
	"testing"

	wz "github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host"
	"github.com/iprt/iprt/internal/wasmtest"
)

// The benchmarks come in pairs: host is this package, bare is wazero without
// anything around it, doing the same work. Their ratio is what the host costs.

// echo returns its input; nothing is faster.
func echo() []byte {
	return wasmtest.Codec(wasmtest.Memory(1, 64), wasmtest.Body(abi.ExportCodecDecode,
		code{}.Result(code{}.LocalGet(0).LocalGet(0).Op(wasmtest.OpI32Eqz, wasmtest.OpI32Add), code{}.LocalGet(1))))
}

var sizes = []int{0, 16, 1 << 10, 64 << 10, 1 << 20}

func BenchmarkCall(b *testing.B) {
	for _, size := range sizes {
		block := make([]byte, size)
		b.Run(fmt.Sprintf("host/%d", size), func(b *testing.B) {
			h := newHost(b, newEngine(b, false), host.Config{})
			i, err := load(b, h, echo(), host.Binding{}).Acquire(context.Background())
			if err != nil {
				b.Fatal(err)
			}
			defer i.Release()
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				out, err := i.Call(context.Background(), host.CodecDecode, block, nil)
				if err != nil || len(out) != size {
					b.Fatal(len(out), err)
				}
			}
		})
		b.Run(fmt.Sprintf("bare/%d", size), func(b *testing.B) { bare(b, block) })
	}
}

// bare is what an embedder of wazero would write, with handles kept.
func bare(b *testing.B, block []byte) {
	ctx := context.Background()
	r := wz.NewRuntime(ctx)
	defer r.Close(ctx)
	m, err := r.Instantiate(ctx, echo())
	if err != nil {
		b.Fatal(err)
	}
	alloc, decode := m.ExportedFunction(abi.ExportAlloc), m.ExportedFunction(abi.ExportCodecDecode)
	stack := make([]uint64, 4)
	b.SetBytes(int64(len(block)))
	b.ReportAllocs()
	for b.Loop() {
		n, err := bareCall(ctx, m, alloc, decode, stack, block)
		if err != nil || n != len(block) {
			b.Fatal(n, err)
		}
	}
}

func bareCall(ctx context.Context, m api.Module, alloc, decode api.Function, stack []uint64, block []byte) (int, error) {
	stack[0] = 0
	if len(block) > 0 {
		stack[0] = uint64(len(block))
		if err := alloc.CallWithStack(ctx, stack); err != nil {
			return 0, err
		}
		m.Memory().Write(uint32(stack[0]), block)
	}
	stack[1], stack[2], stack[3] = uint64(len(block)), 0, 0
	if err := decode.CallWithStack(ctx, stack); err != nil {
		return 0, err
	}
	out, _ := m.Memory().Read(uint32(stack[0]>>32), uint32(stack[0]))
	return len(out), nil
}

// BenchmarkAcquireCallRelease is the whole path of a caller who keeps nothing.
func BenchmarkAcquireCallRelease(b *testing.B) {
	h := newHost(b, newEngine(b, false), host.Config{})
	m := load(b, h, echo(), host.Binding{})
	call := func() error {
		i, err := m.Acquire(context.Background())
		if err != nil {
			return err
		}
		defer i.Release()
		_, err = i.Call(context.Background(), host.CodecDecode, nil, nil)
		return err
	}
	b.Run("serial", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := call(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if err := call(); err != nil {
					b.Fatal(err)
				}
			}
		})
	})
}

// BenchmarkLoad is cold: validate, meter, compile, instantiate, and unload.
func BenchmarkLoad(b *testing.B) {
	h := newHost(b, newEngine(b, false), host.Config{})
	v := verified(echo())
	for b.Loop() {
		m, err := h.LoadVerified(context.Background(), v, host.Binding{})
		if err != nil {
			b.Fatal(err)
		}
		if err := m.Close(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
}

// TestCallAllocatesNothing keeps the hot path free of garbage.
func TestCallAllocatesNothing(t *testing.T) {
	h := newHost(t, newEngine(t, false), host.Config{})
	m := load(t, h, echo(), host.Binding{})
	block := make([]byte, 1000)
	parts := [][]byte{block, block}
	ctx := context.Background()
	n := testing.AllocsPerRun(200, func() {
		i, err := m.Acquire(ctx)
		if err != nil {
			t.Fatal(err)
		}
		defer i.Release()
		if _, err := i.Call(ctx, host.CodecDecode, block, block); err != nil {
			t.Fatal(err)
		}
		if _, err := i.CallParts(ctx, host.CodecDecode, parts, block); err != nil {
			t.Fatal(err)
		}
	})
	if n != 0 {
		t.Errorf("acquire, call and release make %v allocations, want none", n)
	}
}
