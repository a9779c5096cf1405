//go:build !wasip1

package guest

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
	"unsafe"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/sdk/internal/hostcall"
)

func echo(a, b []byte) ([]byte, error) { return a, nil }

func address(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }

func TestAllocAligns(t *testing.T) {
	var r Runtime
	var got [][]byte
	for _, size := range []uint32{1, 2, 15, 16, 17, 24, 31, 33, 48, 100, 4096, 100_001} {
		b := r.Alloc(size)
		if len(b) != int(size) || address(b)%align != 0 {
			t.Errorf("%d bytes: got %d at %#x", size, len(b), address(b))
		}
		for _, other := range got {
			if address(b) < address(other)+uintptr(len(other)) && address(other) < address(b)+uintptr(len(b)) {
				t.Errorf("%d bytes overlap an earlier range", size)
			}
		}
		got = append(got, b)
	}
}

func TestAllocRefuses(t *testing.T) {
	var r Runtime
	for _, size := range []uint32{0, MaxAlloc + 1, 1<<32 - 1} {
		if b := r.Alloc(size); b != nil {
			t.Errorf("%d: got %d bytes", size, len(b))
		}
	}
}

// TestAllocReuses: a host that calls again and again makes no garbage.
func TestAllocReuses(t *testing.T) {
	var r Runtime
	round := func() {
		a, b := r.Alloc(1000), r.Alloc(10)
		if _, status := r.Call(echo, a, b); status != abi.StatusOK {
			t.Fatal(status)
		}
	}
	round()
	if n := testing.AllocsPerRun(100, round); n > 0 {
		t.Errorf("%v allocations for each call", n)
	}
	for range 10 {
		r.Alloc(8) // a host that gives up before it calls
	}
	if round(); len(r.spare) > maxSpare || len(r.live) > 12 {
		t.Errorf("%d buffers in use, %d spare", len(r.live), len(r.spare))
	}
}

// TestResultLives: the result outlives the call, inputs included that it
// aliases, until the next alloc.
func TestResultLives(t *testing.T) {
	var r Runtime
	in := r.Alloc(4)
	copy(in, "data")
	out, _ := r.Call(echo, in, nil)
	if string(out) != "data" || address(out) != address(in) {
		t.Fatalf("got %q", out)
	}
	if again, _ := r.Call(echo, nil, nil); len(again) != 0 || string(in) != "data" {
		t.Errorf("a call without inputs touched the earlier ones: %q", in)
	}
}

func TestReport(t *testing.T) {
	for _, tt := range []struct {
		err    error
		status abi.Status
		text   string
	}{
		{errors.New("plain"), abi.StatusInvalid, "plain"},
		{abi.StatusDenied, abi.StatusDenied, "DENIED"},
		{abi.StatusOK, abi.StatusInvalid, "OK"},
		{&abi.Error{Status: abi.StatusLimit, Text: "full"}, abi.StatusLimit, "full"},
		{errors.New("bad \xff"), abi.StatusInvalid, "bad \uFFFD"},
		{errors.New(strings.Repeat("x", 1023) + "é"), abi.StatusInvalid, strings.Repeat("x", 1023)},
	} {
		var r Runtime
		_, status := r.Call(func([]byte, []byte) ([]byte, error) { return nil, tt.err }, nil, nil)
		recorded, text := Text(r.Record()[:])
		if status != tt.status || recorded != tt.status || text != tt.text || !utf8.ValidString(text) {
			t.Errorf("%v: got %s, record %s %q", tt.err, status, recorded, text)
		}
		if _, status := r.Call(echo, nil, nil); status != abi.StatusOK {
			t.Fatal(status)
		}
		if recorded, text := Text(r.Record()[:]); recorded != abi.StatusOK || text != "" {
			t.Errorf("%v: the next call still has %s %q", tt.err, recorded, text)
		}
	}
}

// TestAbortThatReturns: nothing goes on after a panic, whatever the host does.
func TestAbortThatReturns(t *testing.T) {
	before := hostcall.CoreAbort
	defer func() { hostcall.CoreAbort = before }()
	var said string
	hostcall.CoreAbort = func(status int32, p unsafe.Pointer, n int32) {
		said = string(unsafe.Slice((*byte)(p), n))
	}
	defer func() {
		if p := recover(); p != "panic: oh" || said != "panic: oh" {
			t.Errorf("recovered %v, the host heard %q", p, said)
		}
	}()
	var r Runtime
	r.Call(func([]byte, []byte) ([]byte, error) { panic("oh") }, nil, nil)
	t.Error("the call returned")
}

func TestInit(t *testing.T) {
	defer func() { served.role, served.init = "", nil }()
	var r Runtime
	if status := r.Init(RunInit); status != abi.StatusInternal {
		t.Errorf("without a role: %s", status)
	}
	Serve(abi.RoleCodec)
	if status := r.Init(RunInit); status != abi.StatusOK {
		t.Errorf("with a role: %s", status)
	}
	OnInit(func() error { return abi.StatusUnsupported })
	if status := r.Init(RunInit); status != abi.StatusUnsupported {
		t.Errorf("with a failing initialiser: %s", status)
	}
	for name, twice := range map[string]func(){"Serve": func() { Serve("x") }, "OnInit": func() { OnInit(nil) }} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("a second %s is no panic", name)
				}
			}()
			twice()
		}()
	}
}
