package wasi_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host/engine"
	"github.com/iprt/iprt/host/hostcall/wasi"
)

// memory stands in for a guest's.
type memory []byte

func (m memory) Size() uint64 { return uint64(len(m)) }

func (m memory) View(ptr, n uint32) ([]byte, bool) {
	end := uint64(ptr) + uint64(n)
	if end > uint64(len(m)) {
		return nil, false
	}
	return m[ptr:end:end], true
}

// guest calls functions as a guest would.
type guest struct {
	t     testing.TB
	ctx   context.Context
	mem   memory
	state *wasi.State
	lines []string
	fns   map[string]engine.Import
}

const memSize = 64 << 10

func newGuest(t testing.TB) *guest {
	g := &guest{t: t, mem: make(memory, memSize), fns: make(map[string]engine.Import)}
	g.state = &wasi.State{Output: func(fd uint32, line []byte) bool {
		g.lines = append(g.lines, string(rune('0'+fd))+": "+string(line))
		return true
	}}
	g.ctx = context.WithValue(t.Context(), wasi.StateKey{}, g.state)
	for _, f := range wasi.Functions() {
		g.fns[f.Name] = f
	}
	return g
}

// call calls a function, and checks that it writes nothing unless it succeeds.
func (g *guest) call(name string, args ...uint64) abi.Errno {
	g.t.Helper()
	f := g.fns[name]
	stack := make([]uint64, max(len(args), f.Type.Slots()))
	copy(stack, args)
	before := slices.Clone(g.mem)
	if err := f.Fn(g.ctx, g.mem, stack); err != nil {
		g.t.Fatalf("%s: %v", name, err)
	}
	if stack[0] != 0 && !bytes.Equal(before, g.mem) {
		g.t.Errorf("%s%v failed with %d and wrote to memory", name, args, stack[0])
	}
	return abi.Errno(stack[0])
}

func (g *guest) want(errno abi.Errno, name string, args ...uint64) {
	g.t.Helper()
	if got := g.call(name, args...); got != errno {
		g.t.Errorf("%s%v = %d, want %d", name, args, got, errno)
	}
}

func (g *guest) u32(at uint32) uint32 { return binary.LittleEndian.Uint32(g.mem[at:]) }
func (g *guest) u64(at uint32) uint64 { return binary.LittleEndian.Uint64(g.mem[at:]) }

// TestTable compares the functions with the table that is generated from the
// specification: each is there once, with the same signature.
func TestTable(t *testing.T) {
	fns := wasi.Functions()
	if len(fns) != 46 || len(abi.WASI) != 46 {
		t.Errorf("%d functions, %d in the specification; preview 1 has 46", len(fns), len(abi.WASI))
	}
	seen := make(map[string]engine.FuncType)
	for _, f := range fns {
		if _, twice := seen[f.Name]; twice || f.Module != abi.InterfaceWASI || f.Fn == nil {
			t.Errorf("%s %s: twice, of another module or without a function", f.Module, f.Name)
		}
		seen[f.Name] = f.Type
	}
	for _, c := range abi.WASI {
		got, ok := seen[c.Name]
		if want := (engine.FuncType{Params: c.Params, Results: c.Results}); !ok || !got.Equal(want) {
			t.Errorf("%s is %v, %v; want %v", c.Name, got, ok, want)
		}
	}
}

var errnos = map[string]abi.Errno{
	"SUCCESS": abi.ErrnoSuccess, "BADF": abi.ErrnoBadf, "INVAL": abi.ErrnoInval, "NOTDIR": abi.ErrnoNotdir,
	"NOTSOCK": abi.ErrnoNotsock, "NOTSUP": abi.ErrnoNotsup, "SPIPE": abi.ErrnoSpipe, "NOSYS": abi.ErrnoNosys,
}

// TestDescriptors takes the answers that depend on nothing but open descriptors from the
// texts of the specification: "open: SPIPE", "both open: NOTSUP", "BADF for every descriptor".
func TestDescriptors(t *testing.T) {
	pattern := regexp.MustCompile(`^(?:both )?open: ([A-Z]+)|^([A-Z]+) for every descriptor`)
	checked := 0
	for _, c := range abi.WASI {
		m := pattern.FindStringSubmatch(c.Doc)
		if m == nil {
			continue
		}
		checked++
		answer, always := errnos[m[1]], false
		if m[2] != "" {
			answer, always = errnos[m[2]], true
		}
		isFD := func(param string) bool { return strings.HasSuffix(param, "fd") || c.Name == "fd_renumber" }
		for i, param := range c.ParamNames {
			if !isFD(param) || param == "opened_fd" {
				continue
			}
			for fd, open := range map[uint64]bool{0: true, 1: true, 2: true, 3: false, math.MaxUint32: false} {
				args := make([]uint64, len(c.Params))
				args[i] = fd
				want := answer
				if !open && !always {
					want = abi.ErrnoBadf
				}
				newGuest(t).want(want, c.Name, args...)

				g := newGuest(t) // the other descriptors are 0
				if fd == 1 || fd == 2 {
					g.want(abi.ErrnoSuccess, "fd_close", fd)
					g.want(abi.ErrnoBadf, c.Name, args...)
				}
			}
		}
	}
	if checked < 30 {
		t.Errorf("only %d functions were checked", checked)
	}
}

func TestArguments(t *testing.T) {
	for _, what := range []string{"args", "environ"} {
		g := newGuest(t)
		copy(g.mem, "garbagegarbage")
		g.want(abi.ErrnoSuccess, what+"_sizes_get", 0, 8)
		if g.u32(0) != 0 || g.u32(8) != 0 {
			t.Errorf("%s: sizes %d and %d", what, g.u32(0), g.u32(8))
		}
		g.want(abi.ErrnoSuccess, what+"_get", math.MaxUint32, math.MaxUint32)
		g.want(abi.ErrnoFault, what+"_sizes_get", memSize-3, 0)
		g.want(abi.ErrnoFault, what+"_sizes_get", 0, math.MaxUint32)
	}
}

func TestMisc(t *testing.T) {
	g := newGuest(t)
	g.want(abi.ErrnoSuccess, "sched_yield")
	g.want(abi.ErrnoNosys, "proc_raise", 9)
	err := g.fns["proc_exit"].Fn(g.ctx, g.mem, []uint64{7})
	var exit *wasi.Exit
	if !errors.As(err, &exit) || exit.ExitCode != 7 {
		t.Errorf("proc_exit gave %v", err)
	}
}

func TestStat(t *testing.T) {
	fill := func(g *guest) {
		for i := range g.mem {
			g.mem[i] = 0xff
		}
	}
	for fd, rights := range map[uint64]uint64{0: 2, 1: 0x40, 2: 0x40} {
		g := newGuest(t)
		fill(g)
		g.want(abi.ErrnoSuccess, "fd_fdstat_get", fd, 8)
		want := make([]byte, 24)
		want[0] = 2
		binary.LittleEndian.PutUint64(want[8:], rights)
		if !bytes.Equal(g.mem[8:32], want) || g.mem[32] != 0xff || g.mem[7] != 0xff {
			t.Errorf("fdstat of %d is %x", fd, g.mem[:33])
		}
		fill(g)
		g.want(abi.ErrnoSuccess, "fd_filestat_get", fd, 8)
		want = make([]byte, 64)
		want[16] = 2
		if !bytes.Equal(g.mem[8:72], want) || g.mem[72] != 0xff || g.mem[7] != 0xff {
			t.Errorf("filestat of %d is %x", fd, g.mem[:73])
		}
		g.want(abi.ErrnoFault, "fd_fdstat_get", fd, memSize-23)
		g.want(abi.ErrnoFault, "fd_filestat_get", fd, memSize-63)
	}
}

// TestRandom compares the stream with the bytes that the specification states.
func TestRandom(t *testing.T) {
	want, err := hex.DecodeString("2c34ce1df23b838c5abf2a7f6437cca3d3067ed509ff25f11df6b11b582b51eb19ea44be89eece0fd4ec7482049f472a")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Trim(abi.WASIRandomSeed, "0") != "" || len(abi.WASIRandomSeed) != 64 {
		t.Fatalf("the seed is %s, this implementation has zeros", abi.WASIRandomSeed)
	}
	for _, piece := range []uint64{1, 5, 32, 33, 48} {
		g := newGuest(t)
		var got []byte
		for len(got) < len(want) {
			g.want(abi.ErrnoSuccess, "random_get", 100, 0)
			g.want(abi.ErrnoSuccess, "random_get", 100, piece)
			got = append(got, g.mem[100:100+piece]...)
			g.want(abi.ErrnoFault, "random_get", memSize-4, 5)
			g.want(abi.ErrnoFault, "random_get", math.MaxUint32, math.MaxUint32)
		}
		if !bytes.Equal(got[:len(want)], want) {
			t.Errorf("in pieces of %d: %x", piece, got)
		}
		g.state.Reset()
		g.want(abi.ErrnoSuccess, "random_get", 0, 8)
		if !bytes.Equal(g.mem[:8], want[:8]) {
			t.Errorf("after a reset: %x", g.mem[:8])
		}
	}
}

// TestRestore puts a state back to what it was after a start-up, not to the first one.
func TestRestore(t *testing.T) {
	g := newGuest(t)
	g.want(abi.ErrnoSuccess, "random_get", 100, 5)
	g.want(abi.ErrnoSuccess, "fd_close", 0)
	started := g.state.Snapshot()
	var first []byte
	for range 3 {
		g.want(abi.ErrnoSuccess, "random_get", 200, 40)
		if first == nil {
			first = append(first, g.mem[200:240]...)
		}
		if !bytes.Equal(g.mem[200:240], first) {
			t.Errorf("random bytes %x, at first %x", g.mem[200:240], first)
		}
		g.want(abi.ErrnoBadf, "fd_close", 0)
		g.want(abi.ErrnoSuccess, "fd_close", 1)
		g.state.Restore(started)
	}
	g.state.Reset()
	g.want(abi.ErrnoSuccess, "fd_close", 0)
}

// TestRandomDeadline asks for more than a caller waits for.
func TestRandomDeadline(t *testing.T) {
	g := newGuest(t)
	g.mem = make(memory, 1<<20)
	ctx, cancel := context.WithCancel(g.ctx)
	cancel()
	if err := g.fns["random_get"].Fn(ctx, g.mem, []uint64{0, 1 << 20}); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
}

func TestNoState(t *testing.T) {
	for _, f := range wasi.Functions() {
		if err := f.Fn(t.Context(), memory(nil), make([]uint64, 16)); err == nil {
			t.Errorf("%s works without a State", f.Name)
		}
	}
}
