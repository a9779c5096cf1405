package hostcall_test

import (
	"bytes"
	"log/slog"
	"math"
	"strings"
	"testing"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host/hostcall"
)

func TestLog(t *testing.T) {
	g := newGuest(t, slog.LevelDebug, hostcall.Options{})
	for level, text := range []string{"one", "two words", "es\x1b[31mcape\nforged=line", "\xff"} {
		if got := g.write(uint64(level), text); got != 0 {
			t.Errorf("level %d: %d", level, got)
		}
	}
	if got := g.call(abi.InterfaceLog, abi.CallLogWrite, 1, math.MaxUint32, 0); got != 0 {
		t.Errorf("empty text at a wild address: %d", got)
	}
	want := "level=DEBUG msg=one\nlevel=INFO msg=\"two words\"\n" +
		"level=WARN msg=\"es\\\\x1b[31mcape\\\\nforged=line\"\nlevel=ERROR msg=\\xff\nlevel=INFO msg=\"\"\n"
	if g.log.String() != want {
		t.Errorf("log is\n%s\nwant\n%s", &g.log, want)
	}
}

func TestLogHostile(t *testing.T) {
	g := newGuest(t, slog.LevelError, hostcall.Options{})
	for _, args := range [][]uint64{
		{4, 0, 1}, {math.MaxUint32, 0, 1}, {0, 1024, 1}, {0, 0, 1025}, {0, math.MaxUint32, 1},
		{0, math.MaxUint32, math.MaxUint32}, {0, 0, math.MaxUint32}, {3, 1, math.MaxUint32},
	} {
		if got := g.call(abi.InterfaceLog, abi.CallLogWrite, args...); got != status(abi.StatusInvalid) {
			t.Errorf("write%v = %d", args, got)
		}
	}
	if g.log.Len() != 0 {
		t.Errorf("log is %s", &g.log)
	}
}

func TestLogLevel(t *testing.T) {
	g := newGuest(t, slog.LevelWarn, hostcall.Options{Limits: hostcall.Limits{LogLines: 2}})
	for range 10 { // entries that nobody wants use up no budget
		if got := g.write(1, "info"); got != 0 {
			t.Errorf("write = %d", got)
		}
	}
	g.write(2, "warn")
	if want := "level=WARN msg=warn\n"; g.log.String() != want {
		t.Errorf("log is %q, want %q", &g.log, want)
	}
}

func TestLogLimits(t *testing.T) {
	tests := map[string]struct {
		limits hostcall.Limits
		text   string
		fits   int // entries
	}{
		"lines":         {hostcall.Limits{LogLines: 3}, "text", 3},
		"bytes":         {hostcall.Limits{LogBytes: 10}, "text", 2},
		"escaped bytes": {hostcall.Limits{LogBytes: 10}, "\x1b\x1b", 1},
		"line":          {hostcall.Limits{LogLine: 6, LogBytes: 12}, "a long text", 2},
		"default lines": {hostcall.Limits{}, "x", 1000},
		"default bytes": {hostcall.Limits{LogLine: 1024}, strings.Repeat("x", 1024), 256},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			g := newGuest(t, slog.LevelInfo, hostcall.Options{Limits: tc.limits})
			for round := range 2 {
				g.log.Reset()
				for n := range tc.fits + 3 {
					want := int32(0)
					if n >= tc.fits {
						want = status(abi.StatusLimit)
					}
					if got := g.write(1, tc.text); got != want {
						t.Fatalf("round %d, entry %d: %d, want %d", round, n, got, want)
					}
				}
				if got := strings.Count(g.log.String(), "\n"); got != tc.fits+1 {
					t.Errorf("%d lines, want %d and a notice", got, tc.fits)
				}
				if !strings.Contains(g.log.String(), "logs too much") {
					t.Error("no notice")
				}
				g.state.Renew()
			}
		})
	}
}

func TestLogLineIsCut(t *testing.T) {
	g := newGuest(t, slog.LevelInfo, hostcall.Options{Limits: hostcall.Limits{LogLine: 8}})
	g.write(1, "abcdefghijkl")
	if want := "level=INFO msg=abcde…\n"; g.log.String() != want {
		t.Errorf("log is %q, want %q", &g.log, want)
	}
}

// TestOutput has WASI output share the log and its budget, without the guest noticing.
func TestOutput(t *testing.T) {
	g := newGuest(t, slog.LevelInfo, hostcall.Options{Limits: hostcall.Limits{LogLines: 3}})
	text := "out\nre\x1bst"
	copy(g.mem[100:], text)
	copy(g.mem, []byte{100, 0, 0, 0, byte(len(text)), 0, 0, 0})
	for fd := range uint64(2) {
		if got := g.call(abi.InterfaceWASI, "fd_write", fd+1, 0, 1, 16); got != 0 {
			t.Errorf("fd_write = %d", got)
		}
	}
	g.state.EndCall()
	want := "level=INFO msg=out stream=stdout\nlevel=WARN msg=out stream=stderr\nlevel=INFO msg=re\\x1bst stream=stdout\n"
	if got, _, _ := strings.Cut(g.log.String(), "level=WARN msg=\"module logs"); got != want {
		t.Errorf("log is\n%s\nwant\n%s", got, want)
	}
	if got := g.call(abi.InterfaceWASI, "fd_write", 1, 0, 1, 16); got != 0 || g.mem[16] != byte(len(text)) {
		t.Errorf("fd_write = %d beyond the budget, %d bytes", got, g.mem[16])
	}
	if got := g.write(1, "x"); got != status(abi.StatusLimit) {
		t.Errorf("write = %d beyond the budget", got)
	}
}

func TestReset(t *testing.T) {
	g := newGuest(t, slog.LevelInfo, hostcall.Options{Limits: hostcall.Limits{LogLines: 1}})
	first := make([]byte, 32)
	for round := range 2 {
		g.call(abi.InterfaceWASI, "random_get", 100, 32)
		if round == 0 {
			copy(first, g.mem[100:])
		} else if !bytes.Equal(first, g.mem[100:132]) {
			t.Error("random bytes go on after a reset")
		}
		if got := g.write(1, "x"); got != 0 {
			t.Errorf("write = %d after a reset", got)
		}
		g.state.Restore(hostcall.Snapshot{})
	}
}
