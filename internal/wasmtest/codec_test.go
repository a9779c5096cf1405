package wasmtest_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/iprt/iprt/internal/wasmtest"
)

type guest struct {
	t   *testing.T
	mod api.Module
}

func start(t *testing.T, wasm []byte) guest {
	t.Helper()
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter())
	t.Cleanup(func() { r.Close(ctx) })
	m, err := r.InstantiateWithConfig(ctx, wasm, wazero.NewModuleConfig().WithStartFunctions())
	if err != nil {
		t.Fatal(err)
	}
	return guest{t, m}
}

func (g guest) call(name string, args ...uint64) uint64 {
	g.t.Helper()
	r, err := g.mod.ExportedFunction(name).Call(context.Background(), args...)
	if err != nil {
		g.t.Fatalf("%s: %v", name, err)
	}
	return r[0]
}

func (g guest) role(name string, in []byte) (out []byte, status uint32) {
	g.t.Helper()
	p := g.call("iprt_alloc", uint64(len(in)))
	if p == 0 || p%16 != 0 || !g.mod.Memory().Write(uint32(p), in) {
		g.t.Fatalf("iprt_alloc(%d) = %d", len(in), p)
	}
	r := g.call(name, p, uint64(len(in)), 0, 0)
	if r>>32 == 0 {
		return nil, uint32(r)
	}
	out, ok := g.mod.Memory().Read(uint32(r>>32), uint32(r))
	if !ok {
		g.t.Fatalf("%s returned %#x", name, r)
	}
	return bytes.Clone(out), 0
}

func TestCodecEchoes(t *testing.T) {
	g := start(t, wasmtest.Codec())
	for range 50 { // 50 × 100,000 bytes do not fit in 16 pages: the heap must be reset
		in := bytes.Repeat([]byte("block"), 20000)
		table, _ := g.role("iprt_codec_v1_decode", in)
		if len(table) != 48 || table[32] != 7 || binary.LittleEndian.Uint32(table[36:]) != uint32(len(in)) {
			t.Fatalf("decode: % x", table)
		}
	}
	table, _ := g.role("iprt_codec_v1_links", []byte("x"))
	if len(table) != 48 || table[32] != 9 || table[40] != 1 {
		t.Fatalf("links: % x", table)
	}

	heap := append(bytes.Clone(table), "hello"...)
	heap[32], heap[33] = 7, 1
	binary.LittleEndian.PutUint32(heap[20:], 5)
	binary.LittleEndian.PutUint32(heap[36:], 4)
	binary.LittleEndian.PutUint64(heap[40:], 1)
	if out, _ := g.role("iprt_codec_v1_encode", heap); string(out) != "ello" {
		t.Fatalf("encode: %q", out)
	}
	if _, status := g.role("iprt_codec_v1_encode", table); status != 1 {
		t.Fatalf("encode of a list: status %d", status)
	}
	g.wantError(1, "the token table does not hold one byte string")
}

func (g guest) wantError(status uint32, text string) {
	g.t.Helper()
	addr := uint32(g.call("iprt_error"))
	s, _ := g.mod.Memory().ReadUint32Le(addr)
	n, _ := g.mod.Memory().ReadUint32Le(addr + 4)
	b, _ := g.mod.Memory().Read(addr+8, n)
	if s != status || string(b) != text {
		g.t.Fatalf("error is %d %q, want %d %q", s, b, status, text)
	}
}

func TestAllocEnds(t *testing.T) {
	g := start(t, wasmtest.Codec())
	for _, n := range []uint64{16 * 65536, 0x7fffffff, 0xfffffff8, 0xffffffff} {
		if p := g.call("iprt_alloc", n); p != 0 {
			t.Errorf("iprt_alloc(%d) = %d from a memory of at most 1 MiB", n, p)
		}
	}
}

func TestVariantsRun(t *testing.T) {
	t.Run("fails", func(t *testing.T) {
		g := start(t, wasmtest.Codec(wasmtest.DecodeFails(2, "no such kind")))
		if _, status := g.role("iprt_codec_v1_decode", []byte{1}); status != 2 {
			t.Fatal(status)
		}
		g.wantError(2, "no such kind")
	})
	t.Run("traps", func(t *testing.T) {
		g := start(t, wasmtest.Codec(wasmtest.DecodeTrapsWith(13, "panic: x")))
		if _, err := g.mod.ExportedFunction("iprt_codec_v1_decode").Call(context.Background(), 0, 0, 0, 0); err == nil {
			t.Fatal("no trap")
		}
		g.wantError(13, "panic: x")
	})
	t.Run("table", func(t *testing.T) {
		want := bytes.Repeat([]byte("tab"), 50000)
		g := start(t, wasmtest.Codec(wasmtest.Table(want)))
		if got, _ := g.role("iprt_codec_v1_decode", []byte{1}); !bytes.Equal(got, want) {
			t.Fatal("another table")
		}
	})
	t.Run("returns", func(t *testing.T) {
		g := start(t, wasmtest.Codec(wasmtest.DecodeReturns(0xffff0000, 0xffffffff)))
		if r := g.call("iprt_codec_v1_decode", 0, 0, 0, 0); r != 0xffff0000ffffffff {
			t.Fatalf("%#x", r)
		}
	})
}

func TestLEB(t *testing.T) {
	for v, want := range map[int64][]byte{0: {0}, 63: {63}, 64: {0xc0, 0}, -1: {0x7f}, -64: {0x40}, -65: {0xbf, 0x7f}} {
		if got := wasmtest.S64(v); !bytes.Equal(got, want) {
			t.Errorf("S64(%d) = % x, want % x", v, got, want)
		}
	}
	if got := wasmtest.LongU32(1, 5); !bytes.Equal(got, []byte{0x81, 0x80, 0x80, 0x80, 0}) {
		t.Errorf("% x", got)
	}
}
