package artifact

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
)

// An entry is a file: the magic, a MAC, the sum of the key, the length of the
// artifact (little-endian), the artifact. The MAC is HMAC-SHA-256 over all that
// follows it and the magic, which changes with the format.
const (
	magic      = "IPRTART1"
	atMAC      = len(magic)
	atKey      = atMAC + sha256.Size
	atLength   = atKey + sha256.Size
	headerSize = atLength + 8

	suffix = ".art"
)

var (
	errShort = errors.New("it is cut off, or not an entry of this version")
	errKey   = errors.New("it is the entry of something else")
	errMAC   = errors.New("it was changed, or made under another secret")
)

func (s *Store) mac(signed []byte) []byte {
	h := hmac.New(sha256.New, s.secret)
	h.Write([]byte(magic))
	h.Write(signed)
	return h.Sum(nil)
}

// seal makes the content of an entry.
func (s *Store) seal(k Key, blob []byte) []byte {
	b := make([]byte, headerSize, headerSize+len(blob))
	copy(b, magic)
	sum := k.sum()
	copy(b[atKey:], sum[:])
	binary.LittleEndian.PutUint64(b[atLength:], uint64(len(blob)))
	b = append(b, blob...)
	copy(b[atMAC:], s.mac(b[atKey:]))
	return b
}

// open returns the artifact in the content of an entry, if it is authentic.
func (s *Store) open(k Key, b []byte) ([]byte, error) {
	if len(b) < headerSize || string(b[:atMAC]) != magic ||
		binary.LittleEndian.Uint64(b[atLength:]) != uint64(len(b)-headerSize) {
		return nil, errShort
	}
	if sum := k.sum(); [sha256.Size]byte(b[atKey:atLength]) != sum {
		return nil, errKey
	}
	if !hmac.Equal(b[atMAC:atKey], s.mac(b[atKey:])) {
		return nil, errMAC
	}
	return b[headerSize:], nil
}
