// Package probe is a codec for tests of the SDK: the block says what it does.
// The same cases run natively and in Wasm; start with [Codec].
package probe

import (
	"errors"
	"fmt"
	"runtime"
	"strings"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/sdk"
	"github.com/iprt/iprt/sdk/config"
	"github.com/iprt/iprt/sdk/log"
)

// Codec does what the block says: "echo", "garbage", "log …", "config …", or
// one of the ways to fail.
type Codec struct{}

// Decode gives bytes, or fails as asked.
func (Codec) Decode(w *abi.TableWriter, block, params []byte) error {
	verb, arg, _ := strings.Cut(string(block), " ")
	switch verb {
	case "echo":
		w.BeginList()
		w.BytesRef(0, len(block))
		w.Bytes(params)
		w.End()
	case "garbage":
		garbage()
		w.BytesRef(0, len(block))
	case "links":
		cid := []byte{1, 0x55, 0, 0}
		w.BeginMap(abi.MapUnordered)
		w.String("b")
		w.Link(cid)
		w.String("a")
		w.BeginList()
		w.Link([]byte{1, 0x71, 0, 0})
		w.Link(cid)
		w.End()
		w.End()
	case "log":
		for level := abi.LogDebug; level <= abi.LogError; level++ {
			if err := log.Write(level, arg); err != nil {
				return sdk.Errorf(abi.StatusInternal, "log: %v", err)
			}
		}
		w.Null()
	case "config":
		value, err := config.Get(arg)
		if err != nil {
			return fmt.Errorf("config %s: %w", arg, err)
		}
		w.Bytes(value)
	default:
		return fail(verb, arg)
	}
	return nil
}

// fail ends a call in one of the ways there are.
func fail(verb, arg string) error {
	switch verb {
	case "plain":
		return errors.New(arg)
	case "status":
		return sdk.Errorf(abi.StatusNotFound, "%s", arg)
	case "long":
		return errors.New(strings.Repeat("é", 1000))
	case "binary":
		return errors.New("a\xffb")
	case "nothing":
		return nil // and nothing written
	case "panic":
		panic(arg)
	case "nil":
		var p *int
		*p = 1
	case "index":
		return errors.New(arg[len(arg) : len(arg)+1])
	case "goexit":
		runtime.Goexit()
	case "wrong-table":
		return &abi.Error{Status: abi.StatusOK, Text: "an error that says OK"}
	}
	return sdk.Errorf(abi.StatusUnsupported, "no verb %q", verb)
}

// garbage makes the collector run over everything that is not held.
func garbage() {
	var keep [][]byte
	for i := range 2000 {
		b := make([]byte, 1+i)
		for j := range b {
			b[j] = 0xee
		}
		if keep = append(keep, b); i%100 == 0 {
			keep = nil
		}
	}
	runtime.KeepAlive(keep)
	runtime.GC()
	runtime.GC()
}

// Encode gives the bytes of the root, which alias the table.
func (Codec) Encode(dst []byte, t *abi.TableReader, params []byte) ([]byte, error) {
	root, err := t.At(0)
	if err != nil {
		return nil, err
	}
	if root.Kind != abi.KindBytes {
		return nil, sdk.Errorf(abi.StatusInvalid, "a %s, expected bytes", root.Kind)
	}
	garbage()
	return t.Data(root)
}
