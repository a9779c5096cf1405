package hostcall

import (
	"fmt"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host/engine"
	"github.com/iprt/iprt/host/engine/guesttext"
)

// Abort is the error that ends a call in which the guest called iprt:core/v1 abort.
type Abort struct {
	Status abi.Status // INTERNAL if the guest said OK or a number that is not in the table
	Raw    uint32     // what the guest said
	Text   string     // safe to show, from at most [abi.ErrorTextMax] bytes
}

func (e *Abort) Error() string {
	if e.Text == "" {
		return fmt.Sprintf("guest aborted: %v", e.Status)
	}
	return fmt.Sprintf("guest aborted: %v: %s", e.Status, e.Text)
}

// Unwrap returns the status.
func (e *Abort) Unwrap() error { return e.Status }

// Code returns the stable name of the error.
func (e *Abort) Code() string { return "guest-abort" }

// TrapKind implements [engine.Kinder].
func (e *Abort) TrapKind() engine.TrapKind { return engine.TrapAbort }

// coreAbort answers iprt:core/v1 abort(status, ptr, len), which does not return.
func coreAbort(c call) (int32, error) {
	e := &Abort{Raw: c.u32(0), Status: abi.Status(c.u32(0))}
	if !e.Status.Known() || e.Status == abi.StatusOK {
		e.Status = abi.StatusInternal
	}
	if text, ok := c.view(1); ok {
		e.Text = errorText(text)
	}
	return 0, e
}

// errorText makes an error text safe to show. Escapes may make it longer than what the
// guest wrote, hence the factor.
func errorText(text []byte) string {
	return guesttext.Block(text[:min(len(text), abi.ErrorTextMax)], 4*abi.ErrorTextMax)
}
