package wasi_test

import (
	"bytes"
	"strconv"
	"strings"
	"testing"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/spec"
)

func vectors(t *testing.T, kind string) []spec.Vector {
	t.Helper()
	vs, err := spec.Vectors(kind)
	if err != nil {
		t.Fatal(err)
	}
	return vs
}

func TestPollVectors(t *testing.T) {
	const out, count, now = 4096, 16 << 10, 32 << 10
	for _, v := range vectors(t, "wasi-poll") {
		t.Run(v.Name, func(t *testing.T) {
			g := newGuest(t)
			in, err := v.Hex("in")
			if err != nil {
				t.Fatal(err)
			}
			copy(g.mem, in)
			for fd := range strings.FieldsSeq(v.Header["closed"]) {
				n, err := strconv.ParseUint(fd, 10, 32)
				if err != nil {
					t.Fatal(err)
				}
				g.want(abi.ErrnoSuccess, "fd_close", n)
			}
			errno, known := errnos[v.Expect]
			if !known {
				t.Fatalf("unknown errno %q", v.Expect)
			}
			g.want(errno, "poll_oneoff", 0, out, uint64(len(in)/48), count)
			if n := int(g.u32(count)); n*32 != len(v.Body) || !bytes.Equal(g.mem[out:out+len(v.Body)], v.Body) {
				t.Errorf("%d events:\n%x, want\n%x", n, g.mem[out:out+n*32], v.Body)
			}
			g.want(abi.ErrnoSuccess, "clock_time_get", 0, 0, now)
			if got := strconv.FormatUint(g.u64(now), 10); got != v.Header["clock"] {
				t.Errorf("clock is %s, want %s", got, v.Header["clock"])
			}
		})
	}
}

func TestRandomVectors(t *testing.T) {
	for _, v := range vectors(t, "wasi-random") {
		g := newGuest(t)
		var got []byte
		for length := range strings.FieldsSeq(v.Header["lengths"]) {
			n, err := strconv.ParseUint(length, 10, 16)
			if err != nil {
				t.Fatal(err)
			}
			g.want(abi.ErrnoSuccess, "random_get", 64, n)
			got = append(got, g.mem[64:64+n]...)
		}
		if !bytes.Equal(got, v.Body) {
			t.Errorf("%s: %x, want %x", v.Name, got, v.Body)
		}
	}
}
