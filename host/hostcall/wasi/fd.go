package wasi

import (
	"encoding/binary"
	"math"

	"github.com/iprt/iprt/abi"
)

const (
	filetypeCharacterDevice = 2

	fdstatSize   = 24
	filestatSize = 64

	rightRead  = 1 << 1
	rightWrite = 1 << 6

	vectorSize = 8 // u32 address, u32 length
)

func fdClose(c call) (abi.Errno, error) {
	fd := c.u32(0)
	if !c.state.isOpen(fd) {
		return abi.ErrnoBadf, nil
	}
	c.state.closed[fd] = true
	return abi.ErrnoSuccess, nil
}

func fdstatGet(c call) (abi.Errno, error) {
	fd := c.u32(0)
	if !c.state.isOpen(fd) {
		return abi.ErrnoBadf, nil
	}
	stat, ok := c.out(1, fdstatSize)
	if !ok {
		return abi.ErrnoFault, nil
	}
	rights := uint64(rightWrite)
	if fd == stdin {
		rights = rightRead
	}
	clear(stat)
	stat[0] = filetypeCharacterDevice
	binary.LittleEndian.PutUint64(stat[8:], rights)
	return abi.ErrnoSuccess, nil
}

func filestatGet(c call) (abi.Errno, error) {
	if !c.state.isOpen(c.u32(0)) {
		return abi.ErrnoBadf, nil
	}
	stat, ok := c.out(1, filestatSize)
	if !ok {
		return abi.ErrnoFault, nil
	}
	clear(stat)
	stat[16] = filetypeCharacterDevice
	return abi.ErrnoSuccess, nil
}

// fdRead is always at the end of the file, so the vectors do not matter.
func fdRead(c call) (abi.Errno, error) {
	switch fd := c.u32(0); {
	case fd != stdin || !c.state.isOpen(fd):
		return abi.ErrnoBadf, nil
	case c.u32(2) > abi.WASIIovsMax:
		return abi.ErrnoInval, nil
	}
	return c.put32(3, 0), nil
}

// fdWrite takes everything or, if a single address is wrong, nothing.
func fdWrite(c call) (abi.Errno, error) {
	fd, n := c.u32(0), c.u32(2)
	switch {
	case fd == stdin || !c.state.isOpen(fd):
		return abi.ErrnoBadf, nil
	case n > abi.WASIIovsMax:
		return abi.ErrnoInval, nil
	}
	vectors, ok := c.out(1, n*vectorSize)
	written, ok2 := c.out(3, 4)
	if !ok || !ok2 {
		return abi.ErrnoFault, nil
	}
	total := uint64(0)
	for at := 0; at < len(vectors); at += vectorSize {
		b, ok := c.vector(vectors[at:])
		if !ok {
			return abi.ErrnoFault, nil
		}
		total += uint64(len(b))
	}
	if total > math.MaxUint32 {
		return abi.ErrnoFault, nil
	}
	for at := 0; at < len(vectors); at += vectorSize {
		b, _ := c.vector(vectors[at:])
		if !c.state.write(fd, b) {
			break
		}
	}
	binary.LittleEndian.PutUint32(written, uint32(total))
	return abi.ErrnoSuccess, nil
}

// vector returns the bytes that the first vector in v describes.
func (c call) vector(v []byte) ([]byte, bool) {
	return c.view(binary.LittleEndian.Uint32(v), binary.LittleEndian.Uint32(v[4:]))
}
