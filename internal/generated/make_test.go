package generated

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// features are those of core 2.0 without SIMD, which the deterministic profile leaves out.
var features = []string{
	"--enable-bulk-memory", "--enable-multivalue", "--enable-mutable-globals", "--enable-nontrapping-float-to-int", "--enable-sign-ext",
}

// references is for every fourth module: binaryen 108 means more by it than core 2.0 does (typed functions, and functions as
// external references), so that few of those modules are valid.
const references = "--enable-reference-types"

// binaryen finds the generator, which scripts/install-tools.sh installs.
func binaryen(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("wasm-opt")
	switch {
	case err == nil:
		return path
	case os.Getenv("IPRT_REQUIRE_BINARYEN") != "":
		t.Fatal(err)
	}
	t.Skipf("NOT TESTED: %v; bash scripts/install-tools.sh installs it", err)
	return ""
}

// generate makes module number n.
func generate(t *testing.T, wasmOpt, dir string, n int) []byte {
	t.Helper()
	r := rand.New(rand.NewPCG(2026, uint64(n)))
	seed := make([]byte, 200+r.IntN(12_000))
	for i := range seed {
		seed[i] = byte(r.Uint32())
	}
	in, out := filepath.Join(dir, "seed"), filepath.Join(dir, "module.wasm")
	if err := os.WriteFile(in, seed, 0o600); err != nil {
		t.Fatal(err)
	}
	args := append([]string{"-ttf", in, "-o", out}, features...)
	if n%4 == 3 {
		args = append(args, references)
	}
	if n%2 == 1 {
		args = append(args, "-O2") // the shapes that an optimiser leaves
	}
	if text, err := exec.Command(wasmOpt, args...).CombinedOutput(); err != nil {
		t.Fatalf("module %d: wasm-opt %s: %v\n%s", n, strings.Join(args, " "), err, text)
	}
	wasm, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return wasm
}
