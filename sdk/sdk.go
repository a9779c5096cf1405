// Package sdk is for authors of iprt modules in Go. A module is a main package
// that registers what it does in init and is built as a WASI reactor:
//
//	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -trimpath -buildvcs=false
//
// Start with sdk/codec for an IPLD codec, and with sdk/sdktest to test it
// natively, without Wasm. sdk/log and sdk/config are interfaces that a binding
// grants; a module that does not import these packages does not import the
// interfaces either, and stays pure. This package holds what all roles share:
// the exports of the ABI, [Errorf] and [OnInit].
//
// # Failures
//
// A handler's error becomes the call's status and text: [Errorf] chooses the
// status, and any other error means INVALID. A panic ends the call through
// iprt:core/v1 abort with its text, and the host discards the instance.
// Modules in Go therefore list iprt:core/v1 under requires in their manifest.
//
// # Memory
//
// Inputs are valid until the handler returns and must not be kept. A result may
// alias them; it must not be written to until the next call.
package sdk

import (
	"fmt"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/sdk/internal/guest"
)

// Errorf makes an error that ends a role call with this status and text.
func Errorf(status abi.Status, format string, args ...any) error {
	return &abi.Error{Status: status, Text: fmt.Sprintf(format, args...)}
}

// OnInit sets what iprt_init does: it runs once, before any role call, and an
// error stops the module from being used. Call it from init, at most once.
func OnInit(f func() error) { guest.OnInit(f) }
