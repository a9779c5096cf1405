package sections

import (
	"errors"
	"testing"

	"github.com/iprt/iprt/host/engine"
	wt "github.com/iprt/iprt/internal/wasmtest"
)

// FuzzSections has the scan meet bytes that no validator has seen.
func FuzzSections(f *testing.F) {
	start := wt.New()
	start.Start(start.Func(nil, nil, nil, wt.Code{}))
	imports := wt.New()
	imports.ImportFunc("env", "h", nil, nil)
	imports.Import("env", "m", wt.KindMemory, wt.Limits(1, 1))
	for _, seed := range [][]byte{nil, wt.Header, start.Bytes(), imports.Bytes(),
		wt.Cat(wt.Header, []byte{wt.SecImport, 0xff, 0xff, 0xff, 0xff, 0x0f}),
		wt.Cat(wt.Header, wt.Section(wt.SecImport, wt.U32(1<<32-1))),
		wt.Cat(wt.Header, []byte{wt.SecImport, 0x80, 0x80, 0x80, 0x80, 0x10}),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, wasm []byte) {
		_, err := Scan(wasm)
		var compile *engine.CompileError
		var imp *engine.ImportError
		if err != nil && !errors.As(err, &compile) && !errors.As(err, &imp) {
			t.Errorf("error is %T %v", err, err)
		}
	})
}
