//go:build !wasip1

// Package c has the test of the C runtime: it compiles a module on iprt.h and
// calls it as a host does.
package c

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host/engine"
	"github.com/iprt/iprt/host/engine/wazero"
	"github.com/iprt/iprt/host/hostcall"
	"github.com/iprt/iprt/sdk/sdktest"
)

// clang is the compiler to test with.
func clang() string {
	if name := os.Getenv("CLANG"); name != "" {
		return name
	}
	return "clang-19"
}

// module compiles testdata/probe.c once, with the flags that README.md gives and
// a memory of 2 MiB at most.
var module = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "probe-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "probe.wasm")
	text, err := exec.Command(clang(),
		"--target=wasm32", "-std=c11", "-Os", "-ffreestanding", "-nostdlib", "-mbulk-memory", "-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter",
		"-Wl,--no-entry", "-Wl,--stack-first", "-Wl,-z,stack-size=65536", "-Wl,--max-memory=2097152", "-o", out, "testdata/probe.c").CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, text)
	}
	return os.ReadFile(out)
})

// probe is an instance of the module.
type probe struct {
	t     *testing.T
	ctx   context.Context
	inst  engine.Instance
	errAt uint32
}

func start(t *testing.T) *probe {
	t.Helper()
	if _, err := exec.LookPath(clang()); err != nil {
		if os.Getenv("IPRT_REQUIRE_CLANG") == "1" {
			t.Fatal(err)
		}
		t.Skipf("%v: the C runtime is not tested; install clang-19 and lld-19, or set $CLANG", err)
	}
	wasm, err := module()
	if err != nil {
		t.Fatal(err)
	}
	e, err := wazero.New(wazero.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close(context.Background()) })
	code, err := e.Compile(t.Context(), wasm, hostcall.Functions())
	if err != nil {
		t.Fatal(err)
	}
	inst, err := code.Instantiate(t.Context(), engine.InstanceOptions{})
	if err != nil {
		t.Fatal(err)
	}
	p := &probe{t: t, ctx: hostcall.With(t.Context(), hostcall.New(hostcall.Options{})), inst: inst}
	at, err := p.call(abi.ExportError)
	if err != nil {
		t.Fatal(err)
	}
	p.errAt = uint32(at)
	return p
}

func (p *probe) call(name string, args ...uint64) (uint64, error) {
	f, ok := p.inst.Func(name)
	if !ok {
		return 0, fmt.Errorf("no export %s", name)
	}
	stack := make([]uint64, 4)
	copy(stack, args)
	err := f.Call(p.ctx, stack)
	return stack[0], err
}

func (p *probe) view(ptr, n uint32) []byte {
	p.t.Helper()
	b, ok := p.inst.Memory().View(ptr, n)
	if !ok {
		p.t.Fatalf("%d bytes at %#x are outside the memory", n, ptr)
	}
	return b
}

// said reads the error record.
func (p *probe) said() error {
	rec := p.view(p.errAt, abi.ErrorRecordSize)
	n := int(rec[abi.ErrorRecordLenAt]) | int(rec[abi.ErrorRecordLenAt+1])<<8
	return &abi.Error{Status: abi.Status(rec[abi.ErrorRecordStatusAt]), Text: string(rec[abi.ErrorRecordTextAt:][:n])}
}

func (p *probe) role(name, input, params string) ([]byte, error) {
	p.t.Helper()
	var args []uint64
	for _, in := range []string{input, params} {
		ptr := uint64(0)
		if in != "" {
			var err error
			if ptr, err = p.call(abi.ExportAlloc, uint64(len(in))); err != nil || ptr == 0 || ptr%16 != 0 {
				p.t.Fatalf("alloc of %d gave %#x, %v", len(in), ptr, err)
			}
			copy(p.view(uint32(ptr), uint32(len(in))), in)
		}
		args = append(args, ptr, uint64(len(in)))
	}
	r, err := p.call(name, args...)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", err, p.said())
	}
	ptr, n := abi.Unpack(r)
	if ptr == 0 {
		if err := p.said(); errors.Is(err, abi.Status(n)) {
			return nil, err
		}
		return nil, fmt.Errorf("status %d, but the error record is for %w", n, p.said())
	}
	return slices.Clone(p.view(ptr, n)), nil
}

// decode gives what the probe decodes, as text.
func (p *probe) decode(block, params string) string {
	p.t.Helper()
	table, err := p.role(abi.ExportCodecDecode, block, params)
	if err == nil {
		err = abi.CheckTable(table, []byte(block))
	}
	if err != nil {
		return "!" + err.Error()
	}
	return sdktest.Dump(table, []byte(block))
}

func TestTables(t *testing.T) {
	p := start(t)
	list := func(s string) string { return `["` + strings.Join(strings.Split(s, ""), `", "`) + `"]` }
	long := strings.Repeat("0123456789", 300)
	for range 3 { // memory is used again
		for block, want := range map[string]string{
			"r": list("r"), "h": list("h"), "d": list("d"),
			"r" + long: list("r" + long),
			"h" + long: list("h" + long),
			"d" + long: list("d" + long),
			"k":        `{"a": -3, "bb": NaN}`,
			"lhello":   "true",
			"":         "!no such verb at byte 0",
			"?" + long: "!no such verb at byte 3001",
		} {
			if got := p.decode(block, ""); got != want {
				t.Errorf("%.20s: got %.200s, expected %.200s", block, got, want)
			}
		}
	}
	if size := p.inst.Memory().Size(); size > 512<<10 {
		t.Errorf("memory grew to %d bytes", size)
	}
}

func TestChecks(t *testing.T) {
	p := start(t)
	for _, s := range []string{
		"", "a", "\x00", "\x7f", "\u0080", "\u07ff", "\u0800", "\ud7ff", "\ue000", "\uffff", "\U00010000", "\U0010ffff",
		"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2\x41", "\xe0\x9f\xbf", "\xe0\xa0", "\xe1\x80", "\xe1\x80\x41", "\xed\xa0\x80",
		"\xed\x9f\xbf", "\xf0\x8f\xbf\xbf", "\xf0\x90\x80", "\xf4\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xfe",
		"\xe2\x28\xa1", "\xf0\x9f\x98\x41", "\xf0\x9f\x41\x80",
	} {
		for _, pad := range []string{"", "abcdefg", "abcdefgh", "abcdefghi"} {
			for _, text := range []string{s, pad + s, s + pad, pad + s + pad} {
				want := fmt.Sprint(strings.ToValidUTF8(text, "") == text)
				if got := p.decode("u"+text, ""); got != want {
					t.Errorf("UTF-8 %q: got %s, expected %s", text, got, want)
				}
			}
		}
	}
	cid := "\x01\x55\x12\x20" + strings.Repeat("x", 32)
	for _, s := range []string{
		"", cid, cid[1:], cid[:35], cid + "x", cid[2:], "\x12\x20", cid[2:] + "x", "\x01\x55\x00\x00", "\x01\x55\x00", "\x02\x55\x00\x00", "\x00\x55\x00\x00",
		"\x01\xff\xff\x03\x00\x00", "\x01\x80\x00\x00\x00", "\x01\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x00\x00", "\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00\x00",
		"\x01\x55\x00\xff\xff\xff\xff\xff\xff\xff\xff\x7f", "\x01", "\x81",
	} {
		want := fmt.Sprint(abi.ValidCID([]byte(s)))
		if got := p.decode("c"+s, ""); got != want {
			t.Errorf("CID %x: got %s, expected %s", s, got, want)
		}
	}
	words := []string{"", "a", "aa", "ab", "b", "\x80", "a\x00", "a\xff"}
	for _, a := range words {
		for _, b := range words {
			if got := p.decode("<"+a, b); got != fmt.Sprint(a < b) {
				t.Errorf("%q < %q: got %s", a, b, got)
			}
		}
	}
}

func TestEncode(t *testing.T) {
	p := start(t)
	long := strings.Repeat("x", 100_000)
	table := sdktest.Table(func(w *abi.TableWriter) {
		w.BeginList()
		w.String("a")
		w.Bytes(nil)
		w.String(long)
		w.End()
	})
	for range 3 {
		if got, err := p.role(abi.ExportCodecEncode, string(table), ""); err != nil || string(got) != "a;;"+long+";" {
			t.Errorf("got %.50q, %v", got, err)
		}
	}
	if _, err := p.role(abi.ExportCodecEncode, string(sdktest.Table(func(w *abi.TableWriter) { w.Null() })), ""); fmt.Sprint(err) != "cannot encode a null" {
		t.Errorf("got %v", err)
	}
	if _, err := p.role(abi.ExportCodecEncode, "no table", ""); fmt.Sprint(err) != "not a table" {
		t.Errorf("got %v", err)
	}
}

func TestMemoryRunsOut(t *testing.T) {
	p := start(t)
	if _, err := p.role(abi.ExportCodecDecode, "m"+strings.Repeat("x", 2000), ""); !errors.Is(err, abi.StatusLimit) || err.Error() != "out of memory" {
		t.Errorf("got %v", err)
	}
	for _, size := range []uint64{3 << 20, 1 << 31, 1<<32 - 1} {
		if ptr, err := p.call(abi.ExportAlloc, size); err != nil || ptr != 0 {
			t.Errorf("alloc of %d gave %#x, %v", size, ptr, err)
		}
	}
	if got := p.decode("r", ""); got != `["r"]` {
		t.Errorf("after running out of memory: %s", got)
	}
}

func TestEmptyResult(t *testing.T) {
	if got, err := start(t).role(abi.ExportCodecDecode, "e", ""); err != nil || len(got) != 0 {
		t.Errorf("got %x, %v", got, err)
	}
}

func TestTextBeforeTrap(t *testing.T) {
	_, err := start(t).role(abi.ExportCodecDecode, "t", "")
	var trap *engine.Trap
	if !errors.As(err, &trap) || !errors.Is(err, abi.StatusConflict) || !strings.Contains(err.Error(), "said before the trap") {
		t.Errorf("got %v", err)
	}
}
