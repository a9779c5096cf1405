package codectest_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/iprt/iprt"
	"github.com/iprt/iprt/codecs/codectest"
	"github.com/iprt/iprt/host/engine/wazero"
)

// open starts the shipped codec of that name.
func open(t testing.TB, name string) *codectest.Codec {
	t.Helper()
	return openSmall(t, name, 0)
}

// openAll starts every codec that is written in C.
func openAll(t testing.TB) map[string]*codectest.Codec {
	all := map[string]*codectest.Codec{}
	for _, name := range []string{"bencode", "dag-cbor", "raw"} {
		all[name] = open(t, name)
	}
	return all
}

func openSmall(t testing.TB, name string, maxMemory uint64) *codectest.Codec {
	t.Helper()
	wasm, ok := iprt.Bytes(name)
	if !ok {
		t.Fatalf("%s is not a shipped module", name)
	}
	e, err := wazero.New(wazero.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close(context.Background()) })
	c, err := codectest.Open(t.Context(), e, wasm, maxMemory)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// fixtures is the folder of the IPLD project's codec fixtures.
func fixtures(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("IPRT_FIXTURES")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "fixtures")
	}
	dir = filepath.Join(dir, "codec-fixtures", "fixtures")
	if _, err := os.Stat(dir); err != nil {
		if os.Getenv("IPRT_REQUIRE_FIXTURES") == "1" {
			t.Fatal(err)
		}
		t.Skipf("no codec fixtures, set IPRT_FIXTURES: %v", err)
	}
	return dir
}
