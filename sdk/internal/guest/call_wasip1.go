package guest

import (
	"unsafe"

	"github.com/iprt/iprt/abi"
)

// empty is where an empty result points, as an address of 0 means failure.
var empty byte

// Export is the body of a role export: it turns addresses into slices, calls
// the handler that was served at this place and packs the result. The host
// wrote the inputs into memory from Alloc, which keeps them alive.
func Export(call int, ptr unsafe.Pointer, n uint32, paramsPtr unsafe.Pointer, paramsN uint32) uint64 {
	result, status := Instance.Call(served.calls[call], view(ptr, n), view(paramsPtr, paramsN))
	if status != abi.StatusOK {
		return abi.Pack(0, uint32(status))
	}
	p := unsafe.Pointer(&empty)
	if len(result) > 0 {
		p = unsafe.Pointer(unsafe.SliceData(result))
	}
	return abi.Pack(uint32(uintptr(p)), uint32(len(result)))
}

func view(p unsafe.Pointer, n uint32) []byte {
	if n == 0 {
		return []byte{}
	}
	return unsafe.Slice((*byte)(p), n)
}
