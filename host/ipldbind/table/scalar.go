package table

import (
	"math"

	"github.com/iprt/iprt/abi"
)

// checkScalar checks a record of a kind that neither points anywhere nor contains anything.
func checkScalar(i uint32, n *node) error {
	switch {
	case n.kind < kindNull || n.kind > kindMap:
		return recordError(i, "unknown kind %d", n.kind)
	case n.flags != 0:
		return recordError(i, "unknown flags %#x", n.flags)
	case n.n != 0:
		return recordError(i, "a kind without a length has length %d", n.n)
	case n.kind == kindNull && n.v != 0:
		return recordError(i, "null has value %#x", n.v)
	case n.kind == kindBool && n.v > 1:
		return recordError(i, "bool has value %#x, not 0 or 1", n.v)
	case n.kind == kindFloat && n.v != abi.CanonicalNaN && math.IsNaN(math.Float64frombits(n.v)):
		return recordError(i, "NaN has bits %#x, not %#x", n.v, abi.CanonicalNaN)
	}
	return nil
}

// dataError says what is wrong with a record that points at bytes.
func (p *parser) dataError(i uint32, n *node) error {
	if n.flags > abi.FlagHeap {
		return recordError(i, "unknown flags %#x", n.flags)
	}
	if size := uint64(len(p.t.src[n.flags])); n.v > size || uint64(n.n) > size-n.v {
		return recordError(i, "%d bytes at %d are outside the %d bytes of the %s", n.n, n.v, size, srcNames[n.flags])
	}
	return limitError(int(i), "strings, bytes and links have more than the %d bytes together that this block allows",
		payload(len(p.t.src[0]), len(p.t.src[1])))
}

var srcNames = [2]string{"block", "heap"}

// orderError is for a key that is not above the one before it.
func orderError(i uint32, order uint8) error {
	name := "bytewise"
	if order == lengthFirst {
		name = "length-first"
	}
	return recordError(i, "map key is not above the one before it in %s order", name)
}
