// Package envelope wraps the compiled code of an engine, so that damage, another engine's code and another module's code
// are told apart before the engine reads a byte: [Seal] and [Open]. It does not make an artifact authentic.
package envelope

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"hash/crc32"

	"github.com/iprt/iprt/host/engine"
)

// An artifact is the magic number, a checksum of what follows it, the digests of the maker's and of the module's identity,
// and the payload.
const (
	magic     = "iprtcode"
	sumAt     = len(magic)
	makerAt   = sumAt + 4
	moduleAt  = makerAt + sha256.Size
	payloadAt = moduleAt + sha256.Size
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Seal wraps what maker compiled from wasm.
func Seal(maker string, wasm, payload []byte) []byte {
	out := make([]byte, payloadAt, payloadAt+len(payload))
	copy(out, magic)
	by, of := sha256.Sum256([]byte(maker)), sha256.Sum256(wasm)
	copy(out[makerAt:], by[:])
	copy(out[moduleAt:], of[:])
	out = append(out, payload...)
	binary.LittleEndian.PutUint32(out[sumAt:], crc32.Checksum(out[makerAt:], castagnoli))
	return out
}

// Open returns the payload, which is part of artifact. Its error is an [*engine.ArtifactError].
func Open(maker string, wasm, artifact []byte) ([]byte, error) {
	if len(artifact) < payloadAt || string(artifact[:sumAt]) != magic {
		return nil, &engine.ArtifactError{Reason: "is not an artifact"}
	}
	if binary.LittleEndian.Uint32(artifact[sumAt:]) != crc32.Checksum(artifact[makerAt:], castagnoli) {
		return nil, &engine.ArtifactError{Reason: "is damaged"}
	}
	if by := sha256.Sum256([]byte(maker)); !bytes.Equal(artifact[makerAt:moduleAt], by[:]) {
		return nil, &engine.ArtifactError{Reason: "was made by another engine"}
	}
	if of := sha256.Sum256(wasm); !bytes.Equal(artifact[moduleAt:payloadAt], of[:]) {
		return nil, &engine.ArtifactError{Reason: "was made for another module"}
	}
	return artifact[payloadAt:], nil
}
