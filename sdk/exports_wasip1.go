package sdk

import (
	"unsafe"

	"github.com/iprt/iprt/sdk/internal/guest"
)

//go:wasmexport iprt_abi_v1
func exportMarker() {}

//go:wasmexport iprt_alloc
func exportAlloc(size uint32) unsafe.Pointer {
	return unsafe.Pointer(unsafe.SliceData(guest.Instance.Alloc(size)))
}

//go:wasmexport iprt_error
func exportError() unsafe.Pointer { return unsafe.Pointer(guest.Instance.Record()) }

//go:wasmexport iprt_init
func exportInit() uint32 { return uint32(guest.Instance.Init(guest.RunInit)) }
