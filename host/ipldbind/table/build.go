package table

import (
	"encoding/binary"
	"fmt"
	"math"
	"unsafe"

	"github.com/ipld/go-ipld-prime/datamodel"

	"github.com/iprt/iprt/abi"
)

// MaxBuild is the most bytes of a table that [Build] makes: what fits into a small guest's memory beside its output.
const MaxBuild = 64 << 20

// Build writes n as the table that a codec encodes; every string, byte string and link is in its heap. Errors are
// *[BuildError]: absent values, links that are not CIDs, strings that are not UTF-8, repeated keys, more than 1024 levels, more
// than [MaxBuild] bytes. A map is read through its iterator alone, and a list as well unless it is short, so that advanced
// data layouts are encoded as what they present; a view is copied record by record.
func Build(n datamodel.Node) ([]byte, error) { return new(Builder).Build(n) }

// Builder builds one table after the other and keeps its memory in between. The zero value is ready. It is for one goroutine at a time.
type Builder struct {
	records []byte   // the header and the records
	heap    []byte   // the heap, as far as it is copied
	shared  []piece  // the rest of it, in order
	parts   [][]byte // all of these
	open    []uint32 // ends of open containers, while a view is copied
	left    int      // bytes until MaxBuild
}

// piece is a long run of bytes that stays where the node has it.
type piece struct {
	record uint32 // whose data it is
	data   []byte
}

// shareFrom is the length from which data is not copied into the heap. Below, a copy costs less than a piece.
const shareFrom = 2 << 10

// Build is the function of that name, but what it returns is overwritten by the next call.
func (b *Builder) Build(n datamodel.Node) ([]byte, error) {
	parts, err := b.Parts(n)
	if err != nil {
		return nil, err
	}
	for _, p := range parts[1:] {
		b.records = append(b.records, p...)
	}
	return b.records, nil
}

// Parts is Build, with the table in pieces that are to be put one after the other: it does not copy long strings and byte strings,
// but shares the memory of n. The pieces must not be changed, and are good until the next call or Reset.
func (b *Builder) Parts(n datamodel.Node) ([][]byte, error) {
	b.Reset()
	b.left = MaxBuild - abi.TableHeaderSize
	b.records = append(b.records[:0], make([]byte, abi.TableHeaderSize)...)
	b.heap = b.heap[:0]
	if err := b.value(n, 0); err != nil {
		return nil, err
	}
	b.parts = append(b.parts, b.records, b.heap)
	le, size := binary.LittleEndian, len(b.heap)
	for _, p := range b.shared {
		le.PutUint64(b.record(p.record)[abi.RecordValueAt:], uint64(size))
		size += len(p.data)
		b.parts = append(b.parts, p.data)
	}
	head := b.records[:abi.TableHeaderSize]
	le.PutUint32(head[abi.TableMagicAt:], abi.TableMagic)
	le.PutUint32(head[abi.TableRecordsAt:], b.count())
	le.PutUint32(head[abi.TableRecordsOffAt:], abi.TableHeaderSize)
	le.PutUint32(head[abi.TableHeapOffAt:], uint32(len(b.records)))
	le.PutUint32(head[abi.TableHeapLenAt:], uint32(size))
	return b.parts, nil
}

// Reset lets go of the node that was built last. The Builder's own memory stays.
func (b *Builder) Reset() {
	clear(b.shared)
	clear(b.parts)
	b.shared, b.parts = b.shared[:0], b.parts[:0]
}

// Size is the memory that the Builder keeps, in bytes.
func (b *Builder) Size() int {
	return cap(b.records) + cap(b.heap) + cap(b.shared)*int(unsafe.Sizeof(piece{})) +
		cap(b.parts)*int(unsafe.Sizeof([]byte{})) + cap(b.open)*4
}

// count is the number of records so far.
func (b *Builder) count() uint32 {
	return uint32((len(b.records) - abi.TableHeaderSize) / abi.RecordSize)
}

func (b *Builder) record(i uint32) []byte {
	return b.records[abi.TableHeaderSize+abi.RecordSize*int(i):][:abi.RecordSize]
}

func buildError(err error, format string, args ...any) error {
	return &BuildError{Reason: fmt.Sprintf(format, args...), Err: err}
}

var errTooLarge = &BuildError{Reason: fmt.Sprintf("more than %d bytes as a token table", MaxBuild)}

// add appends a record.
func (b *Builder) add(kind, flags uint8, n uint32, v uint64) error {
	if b.left -= abi.RecordSize; b.left < 0 {
		return errTooLarge
	}
	le := binary.LittleEndian
	b.records = le.AppendUint64(le.AppendUint64(b.records, recordHead(kind, flags, n)), v)
	return nil
}

// recordHead is all of a record but its value. Reserved bytes are 0.
func recordHead(kind, flags uint8, n uint32) uint64 {
	return uint64(kind)<<(8*abi.RecordKindAt) | uint64(flags)<<(8*abi.RecordFlagsAt) | uint64(n)<<(8*abi.RecordNAt)
}

// set overwrites the record of a container whose end is here.
func (b *Builder) set(i uint32, kind, flags uint8, n uint32) {
	rec := b.record(i)
	binary.LittleEndian.PutUint64(rec, recordHead(kind, flags, n))
	binary.LittleEndian.PutUint64(rec[abi.RecordValueAt:], uint64(b.count()))
}

// addData appends a record with its data, and shares what is long.
func (b *Builder) addData(kind uint8, data []byte) error {
	if len(data) < shareFrom {
		return b.addCopy(kind, data)
	}
	if b.left -= len(data); b.left < 0 {
		return errTooLarge
	}
	b.shared = append(b.shared, piece{record: b.count(), data: data})
	return b.add(kind, abi.FlagHeap, uint32(len(data)), 0) // the offset is known in the end
}

func (b *Builder) addCopy(kind uint8, data []byte) error {
	if b.left -= len(data); b.left < 0 {
		return errTooLarge
	}
	off := uint64(len(b.heap))
	b.heap = append(b.heap, data...)
	return b.add(kind, abi.FlagHeap, uint32(len(data)), off)
}

func checkString(s string) error {
	if !validUTF8(asBytes(s)) {
		return buildError(nil, "string %.32q is not valid UTF-8", s)
	}
	return nil
}

func (b *Builder) value(n datamodel.Node, depth int) error {
	switch v := n.(type) {
	case nil:
		return errAbsent
	case *node:
		return b.view(v, depth)
	case *uintNode:
		return b.view(&v.node, depth)
	}
	switch kind := n.Kind(); kind {
	case datamodel.Kind_Map, datamodel.Kind_List:
		if depth == abi.MaxDepth {
			return errTooDeep
		}
		if kind == datamodel.Kind_Map {
			return b.mapValue(n, depth+1)
		}
		return b.listValue(n, depth+1)
	default:
		return b.scalar(n, kind)
	}
}

var (
	errAbsent  = &BuildError{Reason: "a value is absent"}
	errTooDeep = &BuildError{Reason: fmt.Sprintf("nested deeper than %d", abi.MaxDepth)}
)

func (b *Builder) scalar(n datamodel.Node, kind datamodel.Kind) error {
	switch kind {
	case datamodel.Kind_Null: // which is what absent values say they are
		if n.IsAbsent() {
			return errAbsent
		}
		return b.add(kindNull, 0, 0, 0)
	case datamodel.Kind_Bool:
		v, err := n.AsBool()
		if err != nil {
			return buildError(err, "bool")
		}
		if v {
			return b.add(kindBool, 0, 0, 1)
		}
		return b.add(kindBool, 0, 0, 0)
	case datamodel.Kind_Int:
		return b.integer(n)
	case datamodel.Kind_Float:
		v, err := n.AsFloat()
		if err != nil {
			return buildError(err, "float")
		}
		if math.IsNaN(v) {
			return b.add(kindFloat, 0, 0, abi.CanonicalNaN)
		}
		return b.add(kindFloat, 0, 0, math.Float64bits(v))
	case datamodel.Kind_String:
		v, err := n.AsString()
		if err != nil {
			return buildError(err, "string")
		}
		if err := checkString(v); err != nil {
			return err
		}
		return b.addData(kindString, asBytes(v))
	case datamodel.Kind_Bytes:
		v, err := n.AsBytes()
		if err != nil {
			return buildError(err, "bytes")
		}
		return b.addData(kindBytes, v)
	case datamodel.Kind_Link:
		return b.link(n)
	}
	return buildError(nil, "a node of kind %v has no place in a table", kind)
}

func (b *Builder) integer(n datamodel.Node) error {
	v, err := n.AsInt()
	if err != nil {
		if u, ok := n.(datamodel.UintNode); ok { // asked second, as few integers are that large
			if v, err := u.AsUint(); err == nil {
				return b.add(kindUint, 0, 0, v)
			}
		}
		return buildError(err, "integer")
	}
	if v < 0 {
		return b.add(kindNint, 0, 0, uint64(^v)) // -1-v
	}
	return b.add(kindUint, 0, 0, uint64(v))
}

func (b *Builder) link(n datamodel.Node) error {
	lnk, err := n.AsLink()
	if err != nil {
		return buildError(err, "link")
	}
	if lnk == nil {
		return buildError(nil, "link is nil")
	}
	raw := lnk.Binary()
	if reason := checkCID(asBytes(raw)); reason != "" {
		return buildError(nil, "link %s is not a CID: %s", lnk, reason)
	}
	return b.addCopy(kindLink, asBytes(raw))
}
