package wasi

import (
	"fmt"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host/engine"
)

// Exit is the error that ends a call in which the guest called proc_exit. During a role
// call or initialisation any code is a failure; a WASI command ends well with 0.
type Exit struct {
	ExitCode uint32
}

func (e *Exit) Error() string { return fmt.Sprintf("guest exited with code %d", e.ExitCode) }

// Code returns the stable name of the error.
func (e *Exit) Code() string { return "guest-exit" }

// TrapKind implements [engine.Kinder].
func (e *Exit) TrapKind() engine.TrapKind { return engine.TrapExit }

func procExit(c call) (abi.Errno, error) { return 0, &Exit{ExitCode: c.u32(0)} }
