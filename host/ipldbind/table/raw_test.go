package table

import (
	"encoding/binary"

	"github.com/iprt/iprt/abi"
)

// raw is a token table put together by hand, right or wrong.
type raw struct {
	records [][]byte
	heap    []byte
}

func rec(kind abi.Kind, flags uint8, n uint32, v uint64) []byte {
	b := []byte{byte(kind), flags, 0, 0}
	b = binary.LittleEndian.AppendUint32(b, n)
	return binary.LittleEndian.AppendUint64(b, v)
}

func u(v uint64) []byte                { return rec(abi.KindUint, 0, 0, v) }
func str(n uint32, off uint64) []byte  { return rec(abi.KindString, abi.FlagHeap, n, off) }
func lnk(n uint32, off uint64) []byte  { return rec(abi.KindLink, abi.FlagHeap, n, off) }
func list(n uint32, end uint64) []byte { return rec(abi.KindList, 0, n, end) }
func bmap(o abi.MapOrder, n uint32, end uint64) []byte {
	return rec(abi.KindMap, uint8(o), n, end)
}

func (r raw) bytes() []byte {
	b := make([]byte, abi.TableHeaderSize)
	le := binary.LittleEndian
	le.PutUint32(b[abi.TableMagicAt:], abi.TableMagic)
	le.PutUint32(b[abi.TableRecordsAt:], uint32(len(r.records)))
	le.PutUint32(b[abi.TableRecordsOffAt:], abi.TableHeaderSize)
	for _, rec := range r.records {
		b = append(b, rec...)
	}
	le.PutUint32(b[abi.TableHeapOffAt:], uint32(len(b)))
	le.PutUint32(b[abi.TableHeapLenAt:], uint32(len(r.heap)))
	return append(b, r.heap...)
}

// patch returns b with a 32-bit word replaced.
func patch(b []byte, off int, v uint32) []byte {
	b = append([]byte(nil), b...)
	binary.LittleEndian.PutUint32(b[off:], v)
	return b
}
