package main

import (
	"encoding/binary"
	"os"
	"path/filepath"

	"github.com/iprt/iprt/internal/wasmtest"
)

// writeModules puts modules of every sort into the folder of a script.
func writeModules(dir string) error {
	codec := func(name string, code uint64, opts ...wasmtest.Option) []byte {
		return wasmtest.Codec(append([]wasmtest.Option{wasmtest.ManifestName(name), wasmtest.ManifestCode(code)}, opts...)...)
	}
	good := codec("echo", 0x300010)
	logs := []wasmtest.Option{
		wasmtest.Requires("iprt:log/v1"),
		wasmtest.Import("iprt:log/v1", "write", []byte{wasmtest.I32, wasmtest.I32, wasmtest.I32}, []byte{wasmtest.I32}),
	}
	// The empty list that package wasmtest keeps at address 2128.
	noLinks := wasmtest.Code{}.I64Const(2128<<32 | 48)
	for name, b := range map[string][]byte{
		"echo.wasm":              good,
		"other-echo.wasm":        codec("echo", 0x300011),
		"book.wasm":              codec("book", 0x300012, wasmtest.Table(bookTable()), wasmtest.Body("iprt_codec_v1_links", noLinks)),
		"truncated.wasm":         good[:len(good)/2],
		"empty.wasm":             nil,
		"text.wasm":              []byte("this is not WebAssembly at all\n"),
		"wrong-abi.wasm":         codec("wrong", 0x300010, wasmtest.Without("iprt_abi_v1"), wasmtest.ExtraExport("iprt_abi_v2", nil, nil)),
		"missing-interface.wasm": codec("kv", 0x300010, wasmtest.Requires("iprt:kv/v1"), wasmtest.Import("iprt:kv/v1", "get", nil, []byte{wasmtest.I32})),
		"ungranted.wasm":         codec("logs", 0x300013, logs...),
		"unannounced.wasm":       codec("sneaky", 0x300010, wasmtest.Import("iprt:log/v1", "write", []byte{wasmtest.I32, wasmtest.I32, wasmtest.I32}, []byte{wasmtest.I32})),
		"traps.wasm":             codec("traps", 0x300014, wasmtest.DecodeTrapsWith(13, "ouch \x1b[31m\r\nred")),
		"refuses.wasm":           codec("refuses", 0x300015, wasmtest.DecodeFails(1, "offset 3: no such \x1b]0;title\x07thing")),
		"nonsense.wasm":          codec("nonsense", 0x300016, wasmtest.DecodeReturns(0xfffffff0, 0x7fff)),
		"no-manifest.wasm":       wasmtest.Codec(wasmtest.Manifests(0), wasmtest.Memory(1, -1)),
		"big-memory.wasm":        codec("big", 0x300017, wasmtest.Memory(2048, 4096)),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// bookTable is the token table of {"info": {"name": "a book"}}: what the
// module book makes of any block.
func bookTable() []byte {
	const heap = "infonamea book"
	records := []struct {
		kind, flags byte
		n           uint32
		value       uint64
	}{
		{kind: 10, n: 1, value: 5},          // map, ends at record 5
		{kind: 6, flags: 1, n: 4, value: 0}, // "info"
		{kind: 10, n: 1, value: 5},          // map
		{kind: 6, flags: 1, n: 4, value: 4}, // "name"
		{kind: 6, flags: 1, n: 6, value: 8}, // "a book"
	}
	out := make([]byte, 32, 32+16*len(records)+len(heap))
	binary.LittleEndian.PutUint32(out[0:], 0x31545449)
	binary.LittleEndian.PutUint32(out[8:], uint32(len(records)))
	binary.LittleEndian.PutUint32(out[12:], 32)
	binary.LittleEndian.PutUint32(out[16:], uint32(32+16*len(records)))
	binary.LittleEndian.PutUint32(out[20:], uint32(len(heap)))
	for _, r := range records {
		out = append(out, r.kind, r.flags, 0, 0)
		out = binary.LittleEndian.AppendUint32(out, r.n)
		out = binary.LittleEndian.AppendUint64(out, r.value)
	}
	return append(out, heap...)
}
