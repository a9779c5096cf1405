package wasi

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/iprt/iprt/abi"
)

// stream is the place in the instance's random bytes: SHA-256(seed ‖ le64(i)) for i = 0,
// 1, 2, … in a row. The seed is [abi.WASIRandomSeed], 32 bytes of zero.
type stream struct {
	next  uint64 // number of the block after the current one
	block [sha256.Size]byte
	left  int // bytes at the end of block that were not given out yet
}

func (s *stream) read(p []byte) {
	for len(p) > 0 {
		if s.left == 0 {
			var in [sha256.Size + 8]byte // seed and number
			binary.LittleEndian.PutUint64(in[sha256.Size:], s.next)
			s.block, s.left = sha256.Sum256(in[:]), sha256.Size
			s.next++
		}
		n := copy(p, s.block[sha256.Size-s.left:])
		s.left -= n
		p = p[n:]
	}
}

// randomChunk is how much is filled between two looks at the context.
const randomChunk = 64 << 10

func randomGet(c call) (abi.Errno, error) {
	buf, ok := c.out(0, c.u32(1))
	if !ok {
		return abi.ErrnoFault, nil
	}
	for len(buf) > 0 {
		if err := c.ctx.Err(); err != nil {
			return 0, err
		}
		n := min(len(buf), randomChunk)
		c.state.random.read(buf[:n])
		buf = buf[n:]
	}
	return abi.ErrnoSuccess, nil
}
