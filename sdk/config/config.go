// Package config reads the binding's configuration through iprt:config/v1: what
// the operator set for this use of the module. Importing it makes a module
// need that interface. Start with [Get].
package config

import (
	"unsafe"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/sdk/internal/hostcall"
)

// Get gives the value of a key, as a slice of its own. Values are constant for
// the life of the instance. Errors are an abi.Status: NOT_FOUND when there is
// no such key, DENIED or UNSUPPORTED when the interface is optional and absent.
func Get(key string) ([]byte, error) {
	buf := make([]byte, 256)
	for {
		r := hostcall.ConfigGet(
			unsafe.Pointer(unsafe.StringData(key)), int32(len(key)),
			unsafe.Pointer(unsafe.SliceData(buf)), int32(len(buf)))
		switch {
		case r < 0:
			return nil, abi.Status(-r)
		case int(r) <= len(buf):
			return buf[:r], nil
		}
		buf = make([]byte, r)
	}
}
