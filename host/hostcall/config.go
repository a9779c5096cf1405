package hostcall

import (
	"math"

	"github.com/iprt/iprt/abi"
)

// configGet answers iprt:config/v1 get(key_ptr, key_len, out_ptr, out_cap) → length or status.
// The value is written if it fits; its length is returned in any case, so that a guest
// with too small a buffer knows what to ask with.
//
//	INVALID    the key or the buffer is out of bounds
//	NOT_FOUND  the binding has no such key
func configGet(c call) (int32, error) {
	key, ok := c.view(0)
	out, ok2 := c.view(2)
	if !ok || !ok2 {
		return refuse(abi.StatusInvalid)
	}
	value, ok := c.state.config[string(key)]
	switch {
	case !ok:
		return refuse(abi.StatusNotFound)
	case len(value) > math.MaxInt32:
		return refuse(abi.StatusLimit) // its length is no result
	case len(value) <= len(out):
		copy(out, value)
	}
	return int32(len(value)), nil
}
