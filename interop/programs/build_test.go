package programs

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// goProgram builds one of the tools of build/go.mod for WASI with stock Go.
func goProgram(pkg string) func(*testing.T, string) {
	return func(t *testing.T, out string) {
		cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", out, pkg)
		cmd.Dir = "build"
		cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "GOFLAGS=-mod=mod")
		compile(t, cmd)
	}
}

// cProgram builds a file of testdata with clang and Debian's wasi-libc.
func cProgram(file string) func(*testing.T, string) {
	return func(t *testing.T, out string) {
		need(t, "clang-19", "/usr/lib/wasm32-wasi/libc.a")
		compile(t, exec.Command("clang-19", "--target=wasm32-wasi", "-O2", "-o", out, filepath.Join("testdata", file)))
	}
}

// rustProgram builds a file of testdata with Debian's rustc, which a rustup
// in the path must not shadow: it has no Wasm target.
func rustProgram(file string) func(*testing.T, string) {
	return func(t *testing.T, out string) {
		need(t, "/usr/bin/rustc", "/usr/lib/rustlib/wasm32-wasi")
		compile(t, exec.Command("/usr/bin/rustc", "--target", "wasm32-wasi", "-O", "-C", "linker=wasm-ld-14", "-o", out, filepath.Join("testdata", file)))
	}
}

// need skips, loudly, what an installed tool is missing for.
func need(t *testing.T, tool, file string) {
	t.Helper()
	_, err := exec.LookPath(tool)
	if err == nil {
		_, err = os.Stat(file)
	}
	switch {
	case err == nil:
	case os.Getenv("IPRT_REQUIRE_CLANG") != "":
		t.Fatal(err)
	default:
		t.Skipf("NOT TESTED: %v; bash scripts/install-tools.sh installs it", err)
	}
}

func compile(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, text)
	}
}
