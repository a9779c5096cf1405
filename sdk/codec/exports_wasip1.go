package codec

import (
	"unsafe"

	"github.com/iprt/iprt/sdk/internal/guest"
)

//go:wasmexport iprt_codec_v1_decode
func exportDecode(ptr unsafe.Pointer, n uint32, params unsafe.Pointer, paramsN uint32) uint64 {
	return guest.Export(registered.Decode, ptr, n, params, paramsN)
}

//go:wasmexport iprt_codec_v1_encode
func exportEncode(ptr unsafe.Pointer, n uint32, params unsafe.Pointer, paramsN uint32) uint64 {
	return guest.Export(registered.Encode, ptr, n, params, paramsN)
}

//go:wasmexport iprt_codec_v1_links
func exportLinks(ptr unsafe.Pointer, n uint32, params unsafe.Pointer, paramsN uint32) uint64 {
	return guest.Export(registered.Links, ptr, n, params, paramsN)
}
