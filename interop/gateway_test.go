package interop

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/iprt/iprt/interop/kubo"
	"github.com/iprt/iprt/interop/node"
)

// Any HTTP client reads from `iprt run --http`, and Kubo imports the CAR.
func TestCurlReadsFromOurGateway(t *testing.T) {
	n := node.New(t)
	file := filepath.Join(t.TempDir(), "file")
	content := bytes.Repeat([]byte("served "), 100_000)
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	c := n.Run("add", file)
	d := n.Start("--http", "127.0.0.1:0")

	k := kubo.Start(t)
	car := curl(t, d.HTTP+"/ipfs/"+c+"?format=car")
	k.RunIn(bytes.NewReader(car), "dag", "import")
	out := filepath.Join(t.TempDir(), "out")
	k.Run("--offline", "get", "-o", out, c)
	if got, err := os.ReadFile(out); err != nil || !bytes.Equal(got, content) {
		t.Errorf("the CAR gave Kubo %d bytes, %v; want %d", len(got), err, len(content))
	}
	raw := curl(t, d.HTTP+"/ipfs/"+c+"?format=raw")
	if got := k.RunIn(bytes.NewReader(raw), "block", "put", "--cid-codec=dag-pb"); got != c {
		t.Errorf("the raw block has the CID %s, want %s", got, c)
	}
}

func curl(t *testing.T, url string) []byte {
	t.Helper()
	out, err := exec.Command("curl", "--silent", "--show-error", "--fail", "--max-time", "30", url).Output()
	if err != nil {
		t.Fatalf("curl %s: %v", url, err)
	}
	return out
}
