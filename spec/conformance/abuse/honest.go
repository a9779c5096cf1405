package abuse

import (
	"encoding/binary"
	"fmt"

	w "github.com/iprt/iprt/internal/wasmtest"
)

// The honest module is loaded before every case and called after it: nothing that a case does may show in it.

const honest = "honest"

func honestLoad() Step { return loaded(honest, nil, w.ManifestName(honest)) }

func honestCall() Step {
	block := []byte("an honest block")
	s := decodes(honest, block, OK)
	s.Check = func(r Result) error {
		if len(r.Output) != 48 || r.Output[32] != kBytes || binary.LittleEndian.Uint32(r.Output[36:]) != uint32(len(block)) {
			return fmt.Errorf("the honest module answered with %d other bytes", len(r.Output))
		}
		return nil
	}
	return s
}
