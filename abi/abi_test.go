package abi

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestStatus(t *testing.T) {
	if got := StatusNotFound.String(); got != "NOT_FOUND" {
		t.Errorf("got %s", got)
	}
	if got := Status(99).String(); got != "status 99" || Status(99).Known() {
		t.Errorf("got %s, known %t", got, Status(99).Known())
	}
	if !StatusInternal.Known() || (StatusInternal + 1).Known() {
		t.Error("INTERNAL is not the last status")
	}
	err := fmt.Errorf("wrapped: %w", &Error{Status: StatusLimit, Text: "too much"})
	if !errors.Is(err, StatusLimit) || errors.Is(err, StatusInvalid) || err.Error() != "wrapped: too much" {
		t.Errorf("%v is not LIMIT", err)
	}
	if got := (&Error{Status: StatusBusy}).Error(); got != "BUSY" {
		t.Errorf("got %s", got)
	}
}

func TestPack(t *testing.T) {
	for _, tt := range []struct{ ptr, n uint32 }{{16, 0}, {1 << 31, 1<<32 - 1}, {0, uint32(StatusInvalid)}} {
		if ptr, n := Unpack(Pack(tt.ptr, tt.n)); ptr != tt.ptr || n != tt.n {
			t.Errorf("%d, %d became %d, %d", tt.ptr, tt.n, ptr, n)
		}
	}
}

func TestNames(t *testing.T) {
	for got, want := range map[string]string{
		KindMap.String(): "map", KindNint.String(): "nint", Kind(0).String(): "invalid", Kind(11).String(): "invalid",
		LogWarn.String(): "warn", LogLevel(4).String(): "unknown",
		I64.String(): "i64", ValType(0).String(): "unknown",
	} {
		if got != want {
			t.Errorf("got %q, expected %q", got, want)
		}
	}
}

// TestTables holds what hosts rely on when they build their function tables.
func TestTables(t *testing.T) {
	if len(WASI) != 46 {
		t.Errorf("%d WASI functions, preview 1 has 46", len(WASI))
	}
	seen := map[string]bool{}
	for _, c := range append(append([]Call{}, Calls...), WASI...) {
		key := c.Interface + " " + c.Name
		if seen[key] {
			t.Errorf("%s is there twice", key)
		}
		seen[key] = true
		if len(c.Params) != len(c.ParamNames) || len(c.Results) > 1 || c.Doc == "" {
			t.Errorf("%s: %d parameters, %d names, %d results", key, len(c.Params), len(c.ParamNames), len(c.Results))
		}
	}
	for _, i := range Interfaces {
		if !strings.HasPrefix(i.Name, "iprt:") || i.Name == InterfaceWASI {
			t.Errorf("interface %q", i.Name)
		}
	}
	for _, r := range Roles {
		for _, e := range r.Exports {
			if !e.Required || !strings.HasPrefix(e.Name, "iprt_") || len(e.Results) != 1 || e.Results[0] != I64 {
				t.Errorf("%s: %+v", r.Name, e)
			}
		}
	}
	markers := 0
	for _, e := range Exports {
		if strings.HasPrefix(e.Name, MarkerPrefix) {
			markers++
		}
	}
	if markers != 1 {
		t.Errorf("%d markers", markers)
	}
}

func TestFrames(t *testing.T) {
	var b []byte
	payloads := [][]byte{{}, []byte("a"), []byte("1234567"), []byte("12345678"), bytes.Repeat([]byte("x"), 1000)}
	for i, p := range payloads {
		b = AppendFrame(b, uint32(i+1), p)
		if len(b)%FrameAlign != 0 {
			t.Fatalf("frame %d ends at %d", i, len(b))
		}
	}
	for i, p := range payloads {
		f, rest, err := NextFrame(b)
		if err != nil || f.Kind != uint32(i+1) || !bytes.Equal(f.Payload, p) {
			t.Fatalf("frame %d: %+v, %v", i, f, err)
		}
		if cap(f.Payload) != len(f.Payload) {
			t.Errorf("frame %d: appending to the payload would overwrite what follows", i)
		}
		b = rest
	}
	if len(b) != 0 {
		t.Errorf("%d bytes are left", len(b))
	}
}

func TestAppendFrameRefusesKind0(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("kind 0 is no panic")
		}
	}()
	AppendFrame(nil, 0, nil)
}
