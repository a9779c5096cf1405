package wazero

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io"

	"github.com/iprt/iprt/host/engine"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checkMachineCode reads a file of wazero's compilation cache before wazero does, which
// allocates whatever the file claims. Every byte has to be accounted for: a module of
// funcs functions, compiled without debug information and without exception handlers.
//
//	"WAZEVO", version length u8, version
//	number of functions u32, offset of each in the code u64
//	code length u64, code, its CRC-32C u32
//	0 u8 (no source map), 0 u32 (no exception handlers)
func checkMachineCode(file []byte, funcs uint32) error {
	damaged := &engine.ArtifactError{Reason: "is damaged"}
	r := bytes.NewBuffer(file)
	if string(r.Next(6)) != "WAZEVO" {
		return damaged
	}
	version, err := r.ReadByte()
	if err != nil || len(r.Next(int(version))) != int(version) {
		return damaged
	}
	word := func(size int) uint64 {
		var b [8]byte
		if copy(b[:], r.Next(size)) != size {
			err = io.ErrUnexpectedEOF
		}
		return binary.LittleEndian.Uint64(b[:])
	}
	if word(4) != uint64(funcs) || uint64(r.Len()) < 8*uint64(funcs) {
		return damaged
	}
	offsets := r.Next(8 * int(funcs))
	size := word(8)
	if err != nil || size > uint64(r.Len()) {
		return damaged
	}
	for ; len(offsets) > 0; offsets = offsets[8:] {
		if binary.LittleEndian.Uint64(offsets) >= size {
			return damaged
		}
	}
	code := r.Next(int(size))
	if word(4) != uint64(crc32.Checksum(code, castagnoli)) && size > 0 || word(1) != 0 || word(4) != 0 || err != nil || r.Len() != 0 {
		return damaged
	}
	return nil
}
