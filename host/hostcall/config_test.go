package hostcall_test

import (
	"bytes"
	"log/slog"
	"math"
	"testing"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host/hostcall"
)

func TestConfig(t *testing.T) {
	config := map[string][]byte{"mode": []byte("strict"), "empty": {}, "": []byte("no name"), "bin\x00": {0, 255}}
	g := newGuest(t, slog.LevelInfo, hostcall.Options{Config: config})
	delete(config, "mode") // the instance keeps what it was given
	for _, tc := range []struct {
		key  string
		cap  uint64
		want int32
		out  string
	}{
		{"mode", 16, 6, "strict"}, {"mode", 6, 6, "strict"}, {"mode", 5, 6, ""}, {"mode", 0, 6, ""},
		{"empty", 4, 0, ""}, {"", 7, 7, "no name"}, {"bin\x00", 2, 2, "\x00\xff"},
		{"absent", 16, status(abi.StatusNotFound), ""}, {"mod", 16, status(abi.StatusNotFound), ""},
	} {
		clear(g.mem)
		copy(g.mem, tc.key)
		got := g.call(abi.InterfaceConfig, abi.CallConfigGet, 0, uint64(len(tc.key)), 100, tc.cap)
		if got != tc.want {
			t.Errorf("get(%q, cap %d) = %d, want %d", tc.key, tc.cap, got, tc.want)
		}
		want := make([]byte, len(g.mem)-100)
		copy(want, tc.out)
		if !bytes.Equal(g.mem[100:], want) {
			t.Errorf("get(%q, cap %d) wrote %q", tc.key, tc.cap, bytes.TrimRight(g.mem[100:], "\x00"))
		}
	}
}

func TestConfigHostile(t *testing.T) {
	g := newGuest(t, slog.LevelInfo, hostcall.Options{Config: map[string][]byte{"": []byte("value")}})
	for _, args := range [][]uint64{
		{1024, 1, 0, 0}, {0, 1025, 0, 0}, {math.MaxUint32, 1, 0, 0}, {math.MaxUint32, math.MaxUint32, 0, 0},
		{0, 0, 1024, 1}, {0, 0, 0, math.MaxUint32}, {0, 0, math.MaxUint32, math.MaxUint32}, {0, 0, 1020, 5},
	} {
		if got := g.call(abi.InterfaceConfig, abi.CallConfigGet, args...); got != status(abi.StatusInvalid) {
			t.Errorf("get%v = %d", args, got)
		}
	}
	if got := g.call(abi.InterfaceConfig, abi.CallConfigGet, math.MaxUint32, 0, math.MaxUint32, 0); got != 5 {
		t.Errorf("length of a value = %d", got)
	}
}
