package codec

import (
	"unsafe"

	"github.com/iprt/iprt/sdk/internal/guest"
)

// The order of the handlers that Register serves.
const (
	decode = iota
	encode
	links
)

//go:wasmexport iprt_codec_v1_decode
func exportDecode(ptr unsafe.Pointer, n uint32, params unsafe.Pointer, paramsN uint32) uint64 {
	return guest.Export(decode, ptr, n, params, paramsN)
}

//go:wasmexport iprt_codec_v1_encode
func exportEncode(ptr unsafe.Pointer, n uint32, params unsafe.Pointer, paramsN uint32) uint64 {
	return guest.Export(encode, ptr, n, params, paramsN)
}

//go:wasmexport iprt_codec_v1_links
func exportLinks(ptr unsafe.Pointer, n uint32, params unsafe.Pointer, paramsN uint32) uint64 {
	return guest.Export(links, ptr, n, params, paramsN)
}
