// Package codec serves an IPLD codec: block bytes to the IPLD data model and
// back. Implement [Codec] and register it:
//
//	func init() { codec.Register(myCodec{}) }
//	func main() {}
//
// A codec is a pure function of its inputs. It has no clock, no randomness and
// no memory of earlier calls that shows in its results.
package codec

import (
	"github.com/iprt/iprt/abi"

	_ "github.com/iprt/iprt/sdk" // the exports of the ABI
	"github.com/iprt/iprt/sdk/internal/guest"
)

// Codec is what a module implements to fill the role codec/v1. params are the
// parameters of an envelope in DAG-CBOR, and usually empty; a codec that
// takes none should refuse them. Inputs are valid until the method returns.
type Codec interface {
	// Decode writes the data of a block. Strings, bytes and links that stand
	// in the block as they are should be references (StringRef, …), which
	// cost nothing.
	Decode(w *abi.TableWriter, block, params []byte) error

	// Encode appends the block for a table to dst, which is empty, and gives
	// the extended slice. The host has validated the table.
	Encode(dst []byte, t *abi.TableReader, params []byte) ([]byte, error)
}

// A LinkLister finds links faster than by decoding everything. Links writes one
// list with exactly the links that Decode gives, in the same order, with
// duplicates. Without it, the links are taken from Decode's table.
type LinkLister interface {
	Links(w *abi.TableWriter, block, params []byte) error
}

// Register makes the module serve c. Call it from init, once; a second call
// panics.
func Register(c Codec) {
	h := NewHandlers(c)
	guest.Serve(abi.RoleCodec, h.Decode, h.Encode, h.Links)
}

// Handlers are the three role calls as plain functions: two inputs, and a
// result that is valid until the next call of any of them.
type Handlers struct {
	Decode, Encode, Links func(input, params []byte) ([]byte, error)
}

// NewHandlers gives the role calls for c. Modules use [Register]; this is for
// test hosts.
func NewHandlers(c Codec) Handlers {
	s := &server{codec: c}
	return Handlers{Decode: s.decode, Encode: s.encode, Links: s.links}
}

// server keeps the buffers between calls.
type server struct {
	codec  Codec
	writer abi.TableWriter
	list   abi.TableWriter // of links, while writer holds the whole table
	out    []byte
}

func (s *server) decode(block, params []byte) ([]byte, error) {
	s.writer.Reset()
	if err := s.codec.Decode(&s.writer, block, params); err != nil {
		return nil, err
	}
	return s.writer.Finish()
}

func (s *server) encode(table, params []byte) ([]byte, error) {
	t, err := abi.NewTableReader(table, nil)
	if err != nil {
		return nil, err
	}
	out, err := s.codec.Encode(s.out[:0], t, params)
	if err != nil {
		return nil, err
	}
	s.out = out
	return out, nil
}

func (s *server) links(block, params []byte) ([]byte, error) {
	if l, ok := s.codec.(LinkLister); ok {
		s.writer.Reset()
		if err := l.Links(&s.writer, block, params); err != nil {
			return nil, err
		}
		return s.writer.Finish()
	}
	table, err := s.decode(block, params)
	if err != nil {
		return nil, err
	}
	t, err := abi.NewTableReader(table, block)
	if err != nil {
		return nil, err
	}
	s.list.Reset()
	if err := copyLinks(&s.list, t); err != nil {
		return nil, err
	}
	return s.list.Finish()
}

// copyLinks writes the list of all links of a table.
func copyLinks(w *abi.TableWriter, t *abi.TableReader) error {
	w.BeginList()
	for i := range t.Len() {
		rec, err := t.At(i)
		if err != nil {
			return err
		}
		switch {
		case rec.Kind != abi.KindLink:
		case rec.Flags&abi.FlagHeap == 0:
			w.LinkRef(int(rec.Value), int(rec.N))
		default:
			cid, err := t.Data(rec)
			if err != nil {
				return err
			}
			w.Link(cid)
		}
	}
	w.End()
	return nil
}
