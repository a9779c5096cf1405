package wazero

import (
	"context"
	"errors"
	"testing"

	"github.com/tetratelabs/wazero/api"

	"github.com/iprt/iprt/host/engine"
)

// TestGuard and TestPanicDuringCall stand in for bugs of wazero, which are hard to keep in stock.
func TestGuard(t *testing.T) {
	bug := errors.New("bug")
	var p *engine.PanicError
	if err := guard(func() error { panic(bug) }); !errors.As(err, &p) || !errors.Is(err, bug) || len(p.Stack) == 0 {
		t.Errorf("a panic became %v", err)
	}
	if err := guard(func() error { return bug }); err != bug {
		t.Errorf("an error became %v", err)
	}
	if err := guard(func() error { return nil }); err != nil {
		t.Errorf("success became %v", err)
	}
}

type panicking struct{ api.Function }

func (panicking) CallWithStack(context.Context, []uint64) error { panic("BUG") }

func TestPanicDuringCall(t *testing.T) {
	f := benchFunc(t, Config{}, "add").(*function)
	good := f.fn
	f.fn = panicking{}
	err := f.Call(t.Context(), make([]uint64, 4))
	var trap *engine.Trap
	var p *engine.PanicError
	if !errors.As(err, &trap) || trap.Kind != engine.TrapEngine || !errors.As(err, &p) {
		t.Errorf("a panic became %v", err)
	}
	f.fn = good
	if err := f.Call(t.Context(), make([]uint64, 4)); err != nil {
		t.Errorf("the next call gave %v", err)
	}
}
