//go:build !wasip1

package sdk_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
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
	"github.com/iprt/iprt/host/hostcall/wasi"
)

// compileProbe gives testdata/probe, built once as authors build modules.
func compileProbe(t *testing.T) engine.Code {
	t.Helper()
	if testing.Short() || raceDetector {
		t.Skip("builds and compiles a module of stock Go: seconds, and half a minute under the race detector")
	}
	code, err := probeOnce()
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// probeOnce's engine lives as long as the process.
var probeOnce = sync.OnceValues(func() (engine.Code, error) {
	dir, err := os.MkdirTemp("", "probe-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "probe.wasm")
	build := exec.Command("go", "build", "-buildmode=c-shared", "-trimpath", "-buildvcs=false", "-o", out, "./testdata/probe")
	build.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	if text, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, text)
	}
	wasm, err := os.ReadFile(out)
	if err != nil {
		return nil, err
	}
	e, err := wazero.New(wazero.Config{})
	if err != nil {
		return nil, err
	}
	return e.Compile(context.Background(), wasm, slices.Concat(hostcall.Functions(), wasi.Functions()))
})

// wasm is the probe as a host sees it.
type wasm struct {
	t     *testing.T
	inst  engine.Instance
	ctx   context.Context
	errAt uint32
	log   strings.Builder
}

func newWasm(t *testing.T, code engine.Code, config map[string]string) *wasm {
	t.Helper()
	i, err := startWasm(t, code, config)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// startWasm goes through the life of an instance up to the first role call.
func startWasm(t *testing.T, code engine.Code, config map[string]string) (*wasm, error) {
	inst, err := code.Instantiate(t.Context(), engine.InstanceOptions{MaxMemoryBytes: 64 << 20})
	if err != nil {
		return nil, err
	}
	i := &wasm{t: t, inst: inst}
	values := map[string][]byte{}
	for _, from := range []map[string]string{testConfig, config} {
		for k, v := range from {
			values[k] = []byte(v)
		}
	}
	log := slog.New(slog.NewTextHandler(&i.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	i.ctx = hostcall.With(t.Context(), hostcall.New(hostcall.Options{Log: log, Config: values}))
	if _, err := i.call(abi.ExportInitialize); err != nil {
		return nil, err
	}
	status, err := i.call(abi.ExportInit)
	if err != nil {
		return nil, err
	}
	at, err := i.call(abi.ExportError)
	if err != nil {
		return nil, err
	}
	i.errAt = uint32(at)
	if status != 0 {
		return nil, i.failed(abi.Status(status))
	}
	return i, nil
}

func (i *wasm) call(name string, args ...uint64) (uint64, error) {
	f, ok := i.inst.Func(name)
	if !ok {
		return 0, fmt.Errorf("no export %s", name)
	}
	stack := make([]uint64, 4)
	copy(stack, args)
	err := f.Call(i.ctx, stack)
	var abort *hostcall.Abort
	if errors.As(err, &abort) {
		return 0, fmt.Errorf("aborted: %w: %s", abort.Status, abort.Text)
	}
	return stack[0], err
}

func (i *wasm) failed(status abi.Status) error {
	rec, ok := i.inst.Memory().View(i.errAt, abi.ErrorRecordSize)
	if !ok || abi.Status(rec[0]) != status {
		return fmt.Errorf("the error record is not for %s", status)
	}
	n := int(rec[abi.ErrorRecordLenAt]) | int(rec[abi.ErrorRecordLenAt+1])<<8
	return &abi.Error{Status: status, Text: string(rec[abi.ErrorRecordTextAt:][:n])}
}

func (i *wasm) role(name string, inputs ...[]byte) ([]byte, error) {
	var args []uint64
	for _, in := range inputs {
		ptr := uint64(0)
		if len(in) > 0 {
			var err error
			if ptr, err = i.call(abi.ExportAlloc, uint64(len(in))); err != nil {
				return nil, err
			}
			if ptr == 0 || ptr%16 != 0 {
				i.t.Fatalf("alloc gave %#x", ptr)
			}
			m, ok := i.inst.Memory().View(uint32(ptr), uint32(len(in)))
			if !ok {
				i.t.Fatalf("alloc gave %#x", ptr)
			}
			copy(m, in)
		}
		args = append(args, ptr, uint64(len(in)))
	}
	r, err := i.call(name, args...)
	if err != nil {
		return nil, err
	}
	ptr, n := abi.Unpack(r)
	if ptr == 0 {
		return nil, i.failed(abi.Status(n))
	}
	m, ok := i.inst.Memory().View(ptr, n)
	if !ok {
		i.t.Fatalf("the result is %d bytes at %#x", n, ptr)
	}
	return slices.Clone(m), nil
}

func (i *wasm) decode(block, params []byte) ([]byte, error) {
	return i.role(abi.ExportCodecDecode, block, params)
}
func (i *wasm) encode(table []byte) ([]byte, error) { return i.role(abi.ExportCodecEncode, table, nil) }
func (i *wasm) links(block []byte) ([]byte, error)  { return i.role(abi.ExportCodecLinks, block, nil) }

func (i *wasm) logged() []string {
	var lines []string
	for line := range strings.Lines(i.log.String()) {
		for _, level := range []string{"debug", "info", "warn", "error"} {
			if strings.Contains(line, "level="+strings.ToUpper(level)) && strings.Contains(line, "hello") {
				lines = append(lines, level+": hello")
			}
		}
	}
	return lines
}

// TestInitRefuses: iprt_init reports the initialiser's error.
func TestInitRefuses(t *testing.T) {
	code := compileProbe(t)
	_, err := startWasm(t, code, map[string]string{"refuse": "not today"})
	if !errors.Is(err, abi.StatusConflict) || err.Error() != "not today" {
		t.Fatalf("got %v", err)
	}
}

// TestAllocRefuses: what cannot be had gives 0, and the instance goes on.
func TestAllocRefuses(t *testing.T) {
	i := newWasm(t, compileProbe(t), nil)
	for _, size := range []uint64{1<<32 - 1, 1 << 31, 1<<30 + 1} {
		if ptr, err := i.call(abi.ExportAlloc, size); err != nil || ptr != 0 {
			t.Errorf("%d bytes: %#x, %v", size, ptr, err)
		}
	}
	if _, err := i.decode([]byte("echo"), nil); err != nil {
		t.Error(err)
	}
}
