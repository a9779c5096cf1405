// Package log writes to the operator's log through iprt:log/v1. Importing it
// makes a module need that interface: list it in the manifest, under optional
// if the module works without. Start with [Info].
//
// What is logged is for people. Entries may be cut or dropped, and there is
// nothing to do about it, so the functions return nothing; [Write] does.
package log

import (
	"unsafe"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/sdk/internal/hostcall"
)

// Debug logs for the author of the module.
func Debug(msg string) { _ = Write(abi.LogDebug, msg) }

// Info logs normal operation.
func Info(msg string) { _ = Write(abi.LogInfo, msg) }

// Warn logs what was unexpected, and handled.
func Warn(msg string) { _ = Write(abi.LogWarn, msg) }

// Error logs that something failed.
func Error(msg string) { _ = Write(abi.LogError, msg) }

// Write logs one entry. Errors are an abi.Status: LIMIT when the host dropped
// the entry, DENIED or UNSUPPORTED when the interface is optional and absent.
func Write(level abi.LogLevel, msg string) error {
	r := hostcall.LogWrite(int32(level), unsafe.Pointer(unsafe.StringData(msg)), int32(len(msg)))
	if r < 0 {
		return abi.Status(-r)
	}
	return nil
}
