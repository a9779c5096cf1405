package host

import (
	"fmt"

	"github.com/iprt/iprt/abi"
)

// Export is a function of a role that [Instance.Call] can call.
type Export int

// The exports of the role codec/v1. Inputs are the block (or the token table)
// and the codec's parameters.
const (
	CodecDecode Export = iota // block → token table
	CodecEncode               // token table → block
	CodecLinks                // block → token table of its links

	exportCount
)

var exportNames = [exportCount]string{
	CodecDecode: abi.ExportCodecDecode,
	CodecEncode: abi.ExportCodecEncode,
	CodecLinks:  abi.ExportCodecLinks,
}

// String is the name that the module exports it under.
func (e Export) String() string {
	if e < 0 || e >= exportCount {
		return fmt.Sprintf("export %d", int(e))
	}
	return exportNames[e]
}

// callable reports whether this host can call anything of a role.
func callable(role string) bool {
	for _, r := range abi.Roles {
		if r.Name == role {
			return true
		}
	}
	return false
}
