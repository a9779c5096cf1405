package interop

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/iprt/iprt/interop/node"
)

func TestMain(m *testing.M) {
	code := m.Run()
	node.Cleanup()
	os.Exit(code)
}

// demoTorrent is a file of a format that the iprt binary has no decoder for.
const demoTorrent = "d4:infod4:name8:demo.txt12:piece lengthi16384eee"

// goModule builds the example codec with the stock Go toolchain: 3 MB, above
// what one block may hold, so that it travels as UnixFS.
func goModule(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	linked, packed := filepath.Join(dir, "linked.wasm"), filepath.Join(dir, "csv.wasm")
	cmd := exec.Command("go", "build", "-buildmode=c-shared", "-trimpath", "-buildvcs=false", "-o", linked, "./codecs/csv")
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build codecs/csv: %v\n%s", err, out)
	}
	node.New(t).Run("pack", linked, "-o", packed, "--manifest", filepath.Join("..", "codecs", "csv", "manifest.json"))
	return packed
}

// describe stores demoTorrent as a self-describing block of n, read by the
// built-in bencode module, and returns its CID. The module is stored too, so
// that n can serve all three.
func describe(t *testing.T, n *node.Node) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "demo.torrent")
	if err := os.WriteFile(file, []byte(demoTorrent), 0o600); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(n.Run("dag", "put", "--describe", "bencode", file))
}
