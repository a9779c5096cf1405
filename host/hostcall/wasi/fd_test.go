package wasi_test

import (
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host/hostcall/wasi"
)

// put writes words to memory.
func (g *guest) put(at uint32, words ...uint32) {
	for i, w := range words {
		binary.LittleEndian.PutUint32(g.mem[at+uint32(4*i):], w)
	}
}

func (g *guest) wantLines(want ...string) {
	g.t.Helper()
	if !slices.Equal(g.lines, want) {
		g.t.Errorf("lines are %q, want %q", g.lines, want)
	}
}

func TestRead(t *testing.T) {
	g := newGuest(t)
	g.put(0, math.MaxUint32, math.MaxUint32) // vectors are not looked at
	g.put(100, 1)
	g.want(abi.ErrnoSuccess, "fd_read", 0, 0, 1, 100)
	if g.u32(100) != 0 {
		t.Errorf("read %d bytes", g.u32(100))
	}
	g.want(abi.ErrnoSuccess, "fd_read", 0, math.MaxUint32, 1024, 100)
	g.want(abi.ErrnoInval, "fd_read", 0, 0, 1025, 100)
	g.want(abi.ErrnoFault, "fd_read", 0, 0, 1, memSize-3)
	for _, fd := range []uint64{1, 2, 3, math.MaxUint32} {
		g.want(abi.ErrnoBadf, "fd_read", fd, 0, 1025, memSize)
	}
}

func TestWrite(t *testing.T) {
	g := newGuest(t)
	copy(g.mem, "hello, world\nand more")
	g.put(100, 0, 5, 5, 0, 5, 8, 13, 8) // "hello", "", ", world\n", "and more"
	g.want(abi.ErrnoSuccess, "fd_write", 1, 100, 4, 200)
	if g.u32(200) != 21 {
		t.Errorf("%d bytes written", g.u32(200))
	}
	g.wantLines("1: hello, world")
	g.put(100, 12, 1) // the line feed
	g.want(abi.ErrnoSuccess, "fd_write", 2, 100, 1, 200)
	g.wantLines("1: hello, world", "2: ")
	g.want(abi.ErrnoSuccess, "fd_write", 1, 0, 0, 200)
	if g.u32(200) != 0 {
		t.Errorf("%d bytes of nothing written", g.u32(200))
	}
	g.state.Flush()
	g.state.Flush()
	g.wantLines("1: hello, world", "2: ", "1: and more")
}

// TestWriteLongLines splits long lines into the same pieces however they are written.
func TestWriteLongLines(t *testing.T) {
	line := strings.Repeat("x", wasi.MaxLine)
	for _, tc := range []struct {
		text string
		want []string
	}{
		{line + "\n", []string{"1: " + line}},
		{line + "y\n", []string{"1: " + line, "1: y"}},
		{line + line + "\n", []string{"1: " + line, "1: " + line}},
		{line[1:] + "\n" + line + line[1:], []string{"1: " + line[1:], "1: " + line, "1: " + line[1:]}},
	} {
		for _, step := range []int{1, 1000, len(tc.text)} {
			g := newGuest(t)
			g.mem = make(memory, 16<<10)
			for rest := tc.text; rest != ""; {
				n := min(step, len(rest))
				copy(g.mem[1000:], rest[:n])
				g.put(0, 1000, uint32(n))
				g.want(abi.ErrnoSuccess, "fd_write", 1, 0, 1, 8)
				rest = rest[n:]
			}
			g.state.Flush()
			g.wantLines(tc.want...)
		}
	}
}

func TestWriteHostile(t *testing.T) {
	g := newGuest(t)
	copy(g.mem[1000:], "good\n")
	good := []uint32{1000, 5}
	bad := map[string][]uint32{
		"length":   {1000, math.MaxUint32},
		"address":  {math.MaxUint32, 1},
		"both":     {math.MaxUint32, math.MaxUint32},
		"end":      {memSize - 4, 5},
		"overflow": {1 << 31, 1 << 31},
	}
	for name, v := range bad {
		for i, vectors := range [][]uint32{append(slices.Clone(good), v...), append(slices.Clone(v), good...)} {
			g.put(0, vectors...)
			if got := g.call("fd_write", 1, 0, 2, 100); got != abi.ErrnoFault {
				t.Errorf("%s, order %d: %d", name, i, got)
			}
		}
	}
	g.put(0, good...)
	g.want(abi.ErrnoInval, "fd_write", 1, 0, 1025, 100)
	g.want(abi.ErrnoInval, "fd_write", 1, 0, math.MaxUint32, 100)
	g.want(abi.ErrnoInval, "fd_write", 1, math.MaxUint32, 1<<29, math.MaxUint32)
	g.want(abi.ErrnoFault, "fd_write", 1, memSize-7, 1, 100)
	g.want(abi.ErrnoFault, "fd_write", 1, math.MaxUint32, 1, 100)
	g.want(abi.ErrnoFault, "fd_write", 1, 0, 1, memSize-3)
	g.want(abi.ErrnoFault, "fd_write", 1, 0, 1, math.MaxUint32)
	for _, fd := range []uint64{0, 3, math.MaxUint32} {
		g.want(abi.ErrnoBadf, "fd_write", fd, 0, 1, 100)
	}
	g.wantLines()
	g.want(abi.ErrnoSuccess, "fd_write", 1|0xdead<<32, 0|0xbeef<<32, 1, 100)
	g.wantLines("1: good")
}

// TestWriteSum has vectors that lie over each other: their sum may be more than memory,
// but not more than can be returned.
func TestWriteSum(t *testing.T) {
	g := newGuest(t)
	g.mem = make(memory, 8<<20)
	g.state.Output = func(uint32, []byte) bool { return false }
	for i := range uint32(1024) {
		g.put(8*i, 0, 4<<20)
	}
	g.want(abi.ErrnoSuccess, "fd_write", 1, 0, 1023, 5<<20)
	if got := g.u32(5 << 20); got != 1023*4<<20 {
		t.Errorf("%d bytes written", got)
	}
	g.want(abi.ErrnoFault, "fd_write", 1, 0, 1024, 5<<20) // 2^32
}

// TestWriteDropped has nobody take the output, which no guest may notice.
func TestWriteDropped(t *testing.T) {
	for name, output := range map[string]func(uint32, []byte) bool{
		"nil": nil, "refused": func(uint32, []byte) bool { return false },
	} {
		g := newGuest(t)
		g.state.Output = output
		copy(g.mem[1000:], "one\ntwo\nthree")
		g.put(0, 1000, 13, 1000, 13)
		g.want(abi.ErrnoSuccess, "fd_write", 2, 0, 2, 100)
		if g.u32(100) != 26 {
			t.Errorf("%s: %d bytes written", name, g.u32(100))
		}
		g.state.Flush()
	}
}

func TestClose(t *testing.T) {
	g := newGuest(t)
	copy(g.mem[1000:], "text")
	g.put(0, 1000, 4)
	g.want(abi.ErrnoSuccess, "fd_write", 1, 0, 1, 100)
	g.want(abi.ErrnoSuccess, "fd_close", 1)
	g.want(abi.ErrnoBadf, "fd_close", 1)
	g.want(abi.ErrnoBadf, "fd_write", 1, 0, 1, 100)
	g.want(abi.ErrnoSuccess, "fd_write", 2, 0, 1, 100)
	g.state.Flush()
	g.wantLines("1: text", "2: text")
	g.state.Reset()
	g.want(abi.ErrnoSuccess, "fd_write", 1, 0, 1, 100)
}

// FuzzVectors writes with any memory and any arguments. No panic, no write to memory
// but the count, and no output unless the call succeeded.
func FuzzVectors(f *testing.F) {
	f.Add([]byte("\x10\x00\x00\x00\x04\x00\x00\x00........text\n"), uint32(1), uint32(0), uint32(1), uint32(8))
	f.Add([]byte("\x00\x00\x00\x00\xff\xff\xff\xff"), uint32(2), uint32(0), uint32(1), uint32(4))
	f.Add([]byte{}, uint32(1), uint32(0), uint32(math.MaxUint32), uint32(0))
	f.Add(make([]byte, 100), uint32(1), uint32(96), uint32(1<<29), uint32(math.MaxUint32))
	f.Fuzz(func(t *testing.T, mem []byte, fd, iovs, n, written uint32) {
		g := newGuest(t)
		g.mem = slices.Clone(mem)
		out := 0
		g.state.Output = func(_ uint32, line []byte) bool {
			out += len(line)
			return true
		}
		before := slices.Clone(g.mem)
		errno := g.call("fd_write", uint64(fd), uint64(iovs), uint64(n), uint64(written))
		g.state.Flush()
		if errno != abi.ErrnoSuccess {
			if out != 0 {
				t.Errorf("failed with %d after %d bytes of output", errno, out)
			}
			return
		}
		if total := g.u32(written); uint64(out) > uint64(total) {
			t.Errorf("%d bytes of output, %d written", out, total)
		}
		copy(g.mem[written:], before[written:written+4])
		if !slices.Equal(g.mem, before) {
			t.Error("memory changed beside the count")
		}
	})
}
