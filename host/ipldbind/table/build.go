package table

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/ipld/go-ipld-prime/datamodel"

	"github.com/iprt/iprt/abi"
)

// MaxBuild is the most bytes of a table that [Build] makes: what fits into a small guest's memory beside its output.
const MaxBuild = 64 << 20

// Build writes n as the table that a codec encodes; every string, byte string and link is in its heap. Errors are
// *[BuildError]: absent values, links that are not CIDs, strings that are not UTF-8, repeated keys, more than 1024 levels, more
// than [MaxBuild] bytes. A node is read through its iterators alone, so that advanced data layouts are encoded as what they present.
func Build(n datamodel.Node) ([]byte, error) { return new(Builder).Build(n) }

// Builder builds one table after the other and keeps its memory in between. The zero value is ready. It is for one goroutine at a time.
type Builder struct {
	records []byte // the header, and the records; in the end the heap as well
	heap    []byte
}

// Build is the function of that name, but what it returns is overwritten by the next call.
func (b *Builder) Build(n datamodel.Node) ([]byte, error) {
	b.records = append(b.records[:0], make([]byte, abi.TableHeaderSize)...)
	b.heap = b.heap[:0]
	if err := b.value(n, 0); err != nil {
		return nil, err
	}
	le, out := binary.LittleEndian, b.records
	le.PutUint32(out[abi.TableMagicAt:], abi.TableMagic)
	le.PutUint32(out[abi.TableRecordsAt:], b.count())
	le.PutUint32(out[abi.TableRecordsOffAt:], abi.TableHeaderSize)
	le.PutUint32(out[abi.TableHeapOffAt:], uint32(len(out)))
	le.PutUint32(out[abi.TableHeapLenAt:], uint32(len(b.heap)))
	b.records = append(out, b.heap...)
	return b.records, nil
}

// Size is the memory that the Builder keeps, in bytes.
func (b *Builder) Size() int { return cap(b.records) + cap(b.heap) }

// count is the number of records so far.
func (b *Builder) count() uint32 {
	return uint32((len(b.records) - abi.TableHeaderSize) / abi.RecordSize)
}

func buildError(err error, format string, args ...any) error {
	return &BuildError{Reason: fmt.Sprintf(format, args...), Err: err}
}

func (b *Builder) room(n int) error {
	if len(b.records)+len(b.heap)+n > MaxBuild {
		return buildError(nil, "more than %d bytes as a token table", MaxBuild)
	}
	return nil
}

func (b *Builder) add(kind, flags uint8, n uint32, v uint64) error {
	if err := b.room(abi.RecordSize); err != nil {
		return err
	}
	at := len(b.records)
	b.records = slices.Grow(b.records, abi.RecordSize)[:at+abi.RecordSize]
	putRecord(b.records[at:], kind, flags, n, v)
	return nil
}

func putRecord(rec []byte, kind, flags uint8, n uint32, v uint64) {
	binary.LittleEndian.PutUint32(rec[abi.RecordKindAt:], uint32(kind)|uint32(flags)<<(8*abi.RecordFlagsAt)) // reserved bytes are 0
	binary.LittleEndian.PutUint32(rec[abi.RecordNAt:], n)
	binary.LittleEndian.PutUint64(rec[abi.RecordValueAt:], v)
}

func (b *Builder) addData(kind uint8, data string) error {
	if err := b.room(len(data)); err != nil {
		return err
	}
	off := uint64(len(b.heap))
	b.heap = append(b.heap, data...)
	return b.add(kind, abi.FlagHeap, uint32(len(data)), off)
}

func (b *Builder) addString(s string) error {
	if !validUTF8(asBytes(s)) {
		return buildError(nil, "string %.32q is not valid UTF-8", s)
	}
	return b.addData(kindString, s)
}

func (b *Builder) value(n datamodel.Node, depth int) error {
	if n == nil || n.IsAbsent() {
		return buildError(nil, "a value is absent")
	}
	switch kind := n.Kind(); kind {
	case datamodel.Kind_Map, datamodel.Kind_List:
		if depth == abi.MaxDepth {
			return buildError(nil, "nested deeper than %d", abi.MaxDepth)
		}
		if kind == datamodel.Kind_Map {
			return b.mapValue(n, depth+1)
		}
		return b.listValue(n, depth+1)
	default:
		return b.scalar(n, kind)
	}
}

func (b *Builder) scalar(n datamodel.Node, kind datamodel.Kind) error {
	switch kind {
	case datamodel.Kind_Null:
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
		return b.addString(v)
	case datamodel.Kind_Bytes:
		v, err := n.AsBytes()
		if err != nil {
			return buildError(err, "bytes")
		}
		return b.addData(kindBytes, asString(v))
	case datamodel.Kind_Link:
		return b.link(n)
	}
	return buildError(nil, "a node of kind %v has no place in a table", kind)
}

func (b *Builder) integer(n datamodel.Node) error {
	if v, ok := n.(*node); ok {
		return b.add(v.kind, 0, 0, v.v) // its own form, which reaches below int64
	}
	if u, ok := n.(datamodel.UintNode); ok {
		if v, err := u.AsUint(); err == nil {
			return b.add(kindUint, 0, 0, v)
		}
	}
	v, err := n.AsInt()
	if err != nil {
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
	return b.addData(kindLink, raw)
}
