package hostcall_test

import (
	"bytes"
	"errors"
	"log/slog"
	"math"
	"strings"
	"testing"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host/engine"
	"github.com/iprt/iprt/host/engine/wazero"
	"github.com/iprt/iprt/host/hostcall"
	wt "github.com/iprt/iprt/internal/wasmtest"
)

func TestAbort(t *testing.T) {
	g := newGuest(t, slog.LevelInfo, hostcall.Options{})
	g.mem = append(g.mem, bytes.Repeat([]byte("y"), 4096)...)
	copy(g.mem, "bad \x1binput\nat 7")
	for _, tc := range []struct {
		args [3]uint64
		want hostcall.Abort
	}{
		{[3]uint64{1, 0, 15}, hostcall.Abort{Status: abi.StatusInvalid, Raw: 1, Text: "bad \\x1binput\nat 7"}},
		{[3]uint64{6, 0, 0}, hostcall.Abort{Status: abi.StatusLimit, Raw: 6}},
		{[3]uint64{0, 0, 3}, hostcall.Abort{Status: abi.StatusInternal, Raw: 0, Text: "bad"}},
		{[3]uint64{14, 0, 3}, hostcall.Abort{Status: abi.StatusInternal, Raw: 14, Text: "bad"}},
		{[3]uint64{math.MaxUint32, 0, 3}, hostcall.Abort{Status: abi.StatusInternal, Raw: math.MaxUint32, Text: "bad"}},
		{[3]uint64{1, math.MaxUint32, 16}, hostcall.Abort{Status: abi.StatusInvalid, Raw: 1}},
		{[3]uint64{1, 0, math.MaxUint32}, hostcall.Abort{Status: abi.StatusInvalid, Raw: 1}},
		{[3]uint64{1, 1024, 4096}, hostcall.Abort{Status: abi.StatusInvalid, Raw: 1, Text: strings.Repeat("y", abi.ErrorTextMax)}},
	} {
		err := find(t, abi.InterfaceCore, abi.CallCoreAbort)(hostcall.With(t.Context(), g.state), g.mem, tc.args[:])
		var abort *hostcall.Abort
		if !errors.As(err, &abort) || *abort != tc.want {
			t.Errorf("abort%v gave %+v, want %+v", tc.args, err, tc.want)
		}
		if !errors.Is(err, tc.want.Status) {
			t.Errorf("%v is not %v", err, tc.want.Status)
		}
	}
}

// TestAbortTraps aborts from a guest, so that nothing after the call runs.
func TestAbortTraps(t *testing.T) {
	for name, cfg := range map[string]wazero.Config{"compiler": {}, "interpreter": {Interpreter: true}} {
		e, err := wazero.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close(t.Context())
		b := wt.New()
		i32s := []byte{wt.I32, wt.I32, wt.I32}
		abort := b.ImportFunc(abi.InterfaceCore, abi.CallCoreAbort, i32s, nil)
		b.Memory(1, 1)
		b.Data(8, []byte("out of ideas"))
		b.Export("f", wt.KindFunc, b.Func(nil, nil, nil,
			wt.Code{}.I32Const(2).I32Const(8).I32Const(12).Call(abort).Op(wt.OpUnreachable)))
		code, err := e.Compile(t.Context(), b.Bytes(), hostcall.Functions())
		if err != nil {
			t.Fatal(err)
		}
		inst, err := code.Instantiate(t.Context(), engine.InstanceOptions{})
		if err != nil {
			t.Fatal(err)
		}
		f, _ := inst.Func("f")
		err = f.Call(hostcall.With(t.Context(), hostcall.New(hostcall.Options{})), nil)
		var trap *engine.Trap
		if !errors.As(err, &trap) || trap.Kind != engine.TrapAbort || !errors.Is(err, abi.StatusUnsupported) {
			t.Errorf("%s: error is %v", name, err)
		}
		if want := "guest trapped (abort): guest aborted: UNSUPPORTED: out of ideas"; err.Error() != want {
			t.Errorf("%s: %q, want %q", name, err, want)
		}
	}
}
