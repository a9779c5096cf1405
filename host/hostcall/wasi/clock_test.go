package wasi_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"testing"

	"github.com/iprt/iprt/abi"
)

func TestClock(t *testing.T) {
	g := newGuest(t)
	for _, id := range []uint64{0, 1} {
		g.want(abi.ErrnoSuccess, "clock_res_get", id, 0)
		g.want(abi.ErrnoSuccess, "clock_time_get", id, 1e9, 8)
		if g.u64(0) != 1 || g.u64(8) != 946684800e9 {
			t.Errorf("clock %d: resolution %d, time %d", id, g.u64(0), g.u64(8))
		}
		g.want(abi.ErrnoFault, "clock_res_get", id, memSize-7)
		g.want(abi.ErrnoFault, "clock_time_get", id, 0, math.MaxUint32)
	}
	for _, id := range []uint64{2, 3, math.MaxUint32} {
		g.want(abi.ErrnoInval, "clock_res_get", id, 0)
		g.want(abi.ErrnoInval, "clock_time_get", id, 0, math.MaxUint32)
	}
}

// sub is a subscription of poll_oneoff, event what comes of it.
type sub struct {
	userdata uint64
	tag      byte
	id       uint32
	timeout  uint64
	flags    uint16
}

type event struct {
	userdata uint64
	errno    abi.Errno
	tag      byte
	nbytes   uint64
	flags    uint16
}

func (s sub) encode() []byte {
	b := bytes.Repeat([]byte{0xee}, 48) // what is not specified is garbage
	binary.LittleEndian.PutUint64(b, s.userdata)
	b[8] = s.tag
	binary.LittleEndian.PutUint32(b[16:], s.id)
	binary.LittleEndian.PutUint64(b[24:], s.timeout)
	binary.LittleEndian.PutUint16(b[40:], s.flags)
	return b
}

func (e event) encode() []byte {
	b := make([]byte, 32)
	binary.LittleEndian.PutUint64(b, e.userdata)
	binary.LittleEndian.PutUint16(b[8:], uint16(e.errno))
	b[10] = e.tag
	binary.LittleEndian.PutUint64(b[16:], e.nbytes)
	binary.LittleEndian.PutUint16(b[24:], e.flags)
	return b
}

const start = abi.WASIClockStart

func TestPoll(t *testing.T) {
	tests := map[string]struct {
		subs   []sub
		events []event
		clock  uint64 // afterwards
	}{
		"sleep":             {[]sub{{1, 0, 1, 5, 0}}, []event{{1, 0, 0, 0, 0}}, start + 5},
		"sleep of 0":        {[]sub{{1, 0, 0, 0, 0}}, []event{{1, 0, 0, 0, 0}}, start},
		"until":             {[]sub{{1, 0, 1, start + 9, 1}}, []event{{1, 0, 0, 0, 0}}, start + 9},
		"until the past":    {[]sub{{1, 0, 1, 3, 1}}, []event{{1, 0, 0, 0, 0}}, start},
		"unknown flags":     {[]sub{{1, 0, 1, 3, 0xfffe}}, []event{{1, 0, 0, 0, 0}}, start + 3},
		"earliest of three": {[]sub{{1, 0, 1, 9, 0}, {2, 0, 0, 4, 0}, {3, 0, 1, 4, 0}}, []event{{2, 0, 0, 0, 0}, {3, 0, 0, 0, 0}}, start + 4},
		"for ever":          {[]sub{{1, 0, 1, math.MaxUint64, 0}}, []event{{1, 0, 0, 0, 0}}, math.MaxUint64},
		"unknown clock":     {[]sub{{1, 0, 2, 9, 0}, {2, 0, 1, 9, 0}}, []event{{1, abi.ErrnoInval, 0, 0, 0}}, start},
		"read":              {[]sub{{1, 1, 0, 0, 0}, {2, 0, 1, 9, 0}}, []event{{1, 0, 1, 0, 1}}, start},
		"write":             {[]sub{{1, 2, 1, 0, 0}, {2, 2, 2, 0, 0}}, []event{{1, 0, 2, 65536, 0}, {2, 0, 2, 65536, 0}}, start},
		"wrong direction":   {[]sub{{1, 1, 1, 0, 0}, {2, 2, 0, 0, 0}}, []event{{1, abi.ErrnoBadf, 1, 0, 0}, {2, abi.ErrnoBadf, 2, 0, 0}}, start},
		"no such fd":        {[]sub{{1, 1, 3, 0, 0}, {2, 2, math.MaxUint32, 0, 0}}, []event{{1, abi.ErrnoBadf, 1, 0, 0}, {2, abi.ErrnoBadf, 2, 0, 0}}, start},
		"fd and due clock":  {[]sub{{1, 0, 1, 0, 0}, {2, 2, 1, 0, 0}}, []event{{1, 0, 0, 0, 0}, {2, 0, 2, 65536, 0}}, start},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			for _, out := range []uint32{4096, 0, 16} { // beside the subscriptions, and on top of them
				g := newGuest(t)
				var in, want []byte
				for _, s := range tc.subs {
					in = append(in, s.encode()...)
				}
				for _, e := range tc.events {
					want = append(want, e.encode()...)
				}
				copy(g.mem, in)
				g.want(abi.ErrnoSuccess, "poll_oneoff", 0, uint64(out), uint64(len(tc.subs)), 8192)
				if n := g.u32(8192); n != uint32(len(tc.events)) {
					t.Fatalf("%d events, want %d", n, len(tc.events))
				}
				if got := g.mem[out : int(out)+len(want)]; !bytes.Equal(got, want) {
					t.Errorf("events are\n%x, want\n%x", got, want)
				}
				g.want(abi.ErrnoSuccess, "clock_time_get", 1, 0, 8200)
				if now := g.u64(8200); now != tc.clock {
					t.Errorf("clock is %d, want %d", now, tc.clock)
				}
			}
		})
	}
}

func TestPollAtTheEndOfTime(t *testing.T) {
	g := newGuest(t)
	copy(g.mem, sub{timeout: math.MaxUint64}.encode())
	for range 2 {
		g.want(abi.ErrnoSuccess, "poll_oneoff", 0, 100, 1, 200)
		g.want(abi.ErrnoSuccess, "clock_time_get", 0, 0, 300)
		if g.u64(300) != math.MaxUint64 {
			t.Errorf("clock is %d", g.u64(300))
		}
	}
}

func TestPollHostile(t *testing.T) {
	g := newGuest(t)
	g.mem = make(memory, 8<<20)
	size := uint64(len(g.mem))
	copy(g.mem, sub{timeout: 5}.encode())
	copy(g.mem[1000:], sub{tag: 3}.encode())
	copy(g.mem[2000:], sub{tag: 255}.encode())
	g.want(abi.ErrnoInval, "poll_oneoff", 0, 100, 0, 200)
	g.want(abi.ErrnoInval, "poll_oneoff", 0, 100, 4097, 200)
	g.want(abi.ErrnoInval, "poll_oneoff", 0, 100, math.MaxUint32, 200)
	g.want(abi.ErrnoInval, "poll_oneoff", math.MaxUint32, math.MaxUint32, math.MaxUint32, math.MaxUint32)
	g.want(abi.ErrnoInval, "poll_oneoff", 1000, 100, 1, 200)
	g.want(abi.ErrnoInval, "poll_oneoff", 2000, size, 1, 200)
	g.want(abi.ErrnoFault, "poll_oneoff", size-47, 100, 1, 200)
	g.want(abi.ErrnoFault, "poll_oneoff", math.MaxUint32-10, 100, 4096, 200)
	g.want(abi.ErrnoFault, "poll_oneoff", 0, size-31, 1, 200)
	g.want(abi.ErrnoFault, "poll_oneoff", 0, 100, 1, size-3)
	g.want(abi.ErrnoSuccess, "clock_time_get", 0, 0, 300)
	if g.u64(300) != start {
		t.Error("a call that failed moved the clock")
	}
	g.want(abi.ErrnoSuccess, "poll_oneoff", 3000, 1<<20, 4096, 200)
	if g.u32(200) != 4096 {
		t.Errorf("%d events of 4096 clocks that are due", g.u32(200))
	}
}
