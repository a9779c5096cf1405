//go:build !wasip1

package sdktest

import (
	"bytes"
	"fmt"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/sdk/codec"
)

// Codec is an instance of a codec module. After a [Trap] every call fails, as
// the host would have discarded the instance. It is for one goroutine.
type Codec struct {
	inst     instance
	handlers codec.Handlers
}

// Codec makes an instance of c on this host.
func (h *Host) Codec(c codec.Codec) *Codec {
	return &Codec{inst: instance{host: h}, handlers: codec.NewHandlers(c)}
}

// Decode gives the token table of a block. A failure is an *abi.Error with the
// codec's status and text, a *Trap, or the rule that the table breaks.
func (c *Codec) Decode(block, params []byte) ([]byte, error) {
	table, err := c.inst.call(c.handlers.Decode, block, params)
	if err != nil {
		return nil, err
	}
	return table, check(table, block)
}

// Encode gives the block of a token table, which is checked first.
func (c *Codec) Encode(table, params []byte) ([]byte, error) {
	if err := abi.CheckTable(table, nil); err != nil {
		return nil, fmt.Errorf("the input is not an encode table: %w", err)
	}
	return c.inst.call(c.handlers.Encode, table, params)
}

// Links gives the table of a block's links. It is also compared with the links
// that Decode gives.
func (c *Codec) Links(block, params []byte) ([]byte, error) {
	table, err := c.inst.call(c.handlers.Links, block, params)
	if err != nil {
		return nil, err
	}
	if err := check(table, block); err != nil {
		return nil, err
	}
	decoded, err := c.Decode(block, params)
	if err != nil {
		return nil, fmt.Errorf("links succeeded, but decode failed: %w", err)
	}
	got, err := linksOf(table, block)
	if err != nil {
		return nil, err
	}
	want, err := linksOf(decoded, block)
	if err != nil {
		return nil, err
	}
	if len(got) != len(want) {
		return nil, fmt.Errorf("links gives %d, decode %d", len(got), len(want))
	}
	for i := range got {
		if !bytes.Equal(got[i], want[i]) {
			return nil, fmt.Errorf("link %d is %x, decode gives %x", i, got[i], want[i])
		}
	}
	return table, nil
}

func check(table, block []byte) error {
	if block == nil {
		block = []byte{}
	}
	return abi.CheckTable(table, block)
}

// linksOf lists the links of a table in the order of its records.
func linksOf(table, block []byte) ([][]byte, error) {
	r, err := abi.NewTableReader(table, block)
	if err != nil {
		return nil, err
	}
	var links [][]byte
	for i := range r.Len() {
		rec, err := r.At(i)
		if err != nil {
			return nil, err
		}
		if rec.Kind != abi.KindLink {
			continue
		}
		cid, err := r.Data(rec)
		if err != nil {
			return nil, err
		}
		links = append(links, cid)
	}
	return links, nil
}

// Table builds a token table, as a host does for encode. It panics on a table
// that cannot be built, which is a mistake of the test.
func Table(build func(w *abi.TableWriter)) []byte {
	var w abi.TableWriter
	build(&w)
	table, err := w.Finish()
	if err != nil {
		panic(err)
	}
	return table
}
