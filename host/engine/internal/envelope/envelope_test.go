package envelope

import (
	"bytes"
	"errors"
	"testing"

	"github.com/iprt/iprt/host/engine"
)

func TestOpen(t *testing.T) {
	wasm, payload := []byte("module"), []byte("machine code")
	sealed := Seal("maker", wasm, payload)
	if got, err := Open("maker", wasm, sealed); err != nil || !bytes.Equal(got, payload) {
		t.Fatalf("Open = %q, %v", got, err)
	}
	refused := func(what string, _ []byte, err error) {
		t.Helper()
		var a *engine.ArtifactError
		if !errors.As(err, &a) {
			t.Errorf("%s: error is %v", what, err)
		}
	}
	got, err := Open("another", wasm, sealed)
	refused("another maker", got, err)
	got, err = Open("maker", []byte("other module"), sealed)
	refused("another module", got, err)
	for n := range sealed {
		got, err = Open("maker", wasm, sealed[:n])
		refused("cut", got, err)
		bad := bytes.Clone(sealed)
		bad[n] ^= 1 << (n % 8)
		got, err = Open("maker", wasm, bad)
		refused("flipped", got, err)
	}
}

func TestEmptyPayload(t *testing.T) {
	if got, err := Open("", nil, Seal("", nil, nil)); err != nil || len(got) != 0 {
		t.Errorf("Open = %q, %v", got, err)
	}
}
