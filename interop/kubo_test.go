package interop

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ipfs/go-cid"
	"github.com/iprt/iprt/interop/kubo"
	"github.com/iprt/iprt/interop/node"
	"github.com/multiformats/go-multihash"
)

// A module that Kubo holds, added as people add files, is fetched by the CID
// that Kubo printed, over each way there is, and runs. However it was chunked
// and whatever the CID, it is one module: one identity.
func TestFetchModuleFromKubo(t *testing.T) {
	k := kubo.Start(t)
	routes := map[string][]string{
		"bitswap": {"--peer", k.Addr()},
		"gateway": {"--gateway", k.Gateway()},
	}
	adds := map[string][]string{
		"defaults": {"--cid-version=0"},
		"v1":       {"--cid-version=1", "--raw-leaves"},
	}
	for _, g := range guests(t) {
		data := k.RunIn(strings.NewReader(g.block), "block", "put", "--cid-codec=raw")
		for how, flags := range adds {
			locator := k.Run(append([]string{"add", "-Q", g.path}, flags...)...)
			envelope := k.RunIn(strings.NewReader(fmt.Sprintf(
				`{"iprt":1,"codec":{"/":%q},"data":{"/":%q}}`, locator, data)), "dag", "put")
			for route, via := range routes {
				t.Run(g.name+"/"+how+"/"+route, func(t *testing.T) {
					n := node.New(t)
					allow := append(via, "--allow", locator)
					got := n.Run(append(allow, "dag", "get", envelope+"/~/"+g.step)...)
					if got != g.want {
						t.Errorf("read %s, want %s", got, g.want)
					}
					var report struct{ CID, Locator string }
					if err := json.Unmarshal([]byte(n.Run("inspect", "--offline", "--json", locator)), &report); err != nil {
						t.Fatal(err)
					}
					if report.CID != g.identity {
						t.Errorf("identity %s, want %s", report.CID, g.identity)
					}
					// Offline, by the same path: everything needed was kept.
					if got := n.Run("--offline", "--allow", g.identity, "dag", "get", envelope+"/~/"+g.step); got != g.want {
						t.Errorf("offline it read %s, want %s", got, g.want)
					}
				})
			}
		}
	}
}

// guest is a module file and a block that it reads.
type guest struct{ name, path, identity, block, step, want string }

func guests(t *testing.T) []guest {
	t.Helper()
	gs := []guest{
		{name: "bencode", path: filepath.Join("..", "codecs", "bencode", "bencode.wasm"),
			block: demoTorrent, step: "info/name", want: `"demo.txt"`},
		{name: "stock-Go", path: goModule(t), block: "city,inhabitants\nZürich,443037\n", step: "1/0", want: `"Zürich"`},
	}
	for i := range gs {
		gs[i].identity = identity(t, gs[i].path)
	}
	return gs
}

// identity is the CID that names the module itself: raw, sha2-256, of its bytes.
func identity(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b)
	mh, err := multihash.Encode(sum[:], multihash.SHA2_256)
	if err != nil {
		t.Fatal(err)
	}
	return cid.NewCidV1(cid.Raw, mh).String()
}

// An envelope that iprt wrote is an ordinary DAG to Kubo: it pins it with all
// that it links to, keeps it through a garbage collection, and serves it.
func TestKuboKeepsEnvelope(t *testing.T) {
	author := node.New(t)
	envelope := describe(t, author)
	d := author.Start()

	k := kubo.Start(t)
	k.Run("swarm", "connect", d.Addr)
	k.Run("pin", "add", "-r", envelope)
	k.Run("repo", "gc")
	refs := strings.Fields(k.Run("refs", "-r", envelope))
	if len(refs) != 2 {
		t.Errorf("Kubo sees links %q below the envelope, want the codec and the data", refs)
	}
	k.Run("swarm", "disconnect", d.Addr)

	reader := node.New(t)
	got := reader.Run("--peer", k.Addr(), "--allow", refs[0], "--allow", refs[1], "dag", "get", envelope+"/~/info/name")
	if got != `"demo.txt"` {
		t.Errorf("read %s out of Kubo's copy", got)
	}
}

// What `iprt add` imports has the CID that Kubo gives it, and Kubo fetches it back.
func TestKuboFetchesWhatWeAdd(t *testing.T) {
	k := kubo.Start(t)
	n := node.New(t)
	dir := filepath.Join(t.TempDir(), "tree")
	write := func(name string, size int) string {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
			t.Fatal(err)
		}
		b := bytes.Repeat([]byte("interplanetary "), size/15+1)[:size]
		if err := os.WriteFile(p, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	paths := []string{
		write("one-chunk", 262144), write("two-chunks", 262145),
		write("big/3MB", 3<<20), write("big/two-levels", 175*262144),
		// Imported only: bitswap does not carry an empty block, between two Kubos either.
		write("empty", 0), dir,
	}
	cids := map[string]string{}
	for _, p := range paths {
		want := k.Run("add", "-Q", "-r", "--only-hash", "--cid-version=1", "--raw-leaves", p)
		got := n.Run("add", p)
		if got != want {
			t.Errorf("%s: iprt add gives %s, Kubo %s", p, got, want)
		}
		cids[p] = got
	}
	k.Run("swarm", "connect", n.Start().Addr)
	for _, p := range paths[:len(paths)-2] {
		want, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		out := filepath.Join(t.TempDir(), "out")
		k.Run("get", "-o", out, cids[p])
		if got, err := os.ReadFile(out); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: Kubo got %d bytes, %v; want %d", p, len(got), err, len(want))
		}
	}
}

// An empty file that Kubo holds can be had, although bitswap does not carry the
// block: what its CID names needs nobody to send it. Added with defaults it is
// a block that says so, and does travel.
func TestFetchEmptyFileFromKubo(t *testing.T) {
	k := kubo.Start(t)
	for how, flags := range map[string][]string{
		"defaults": {"--cid-version=0"},
		"v1":       {"--cid-version=1", "--raw-leaves"},
	} {
		t.Run(how, func(t *testing.T) {
			c := k.RunIn(strings.NewReader(""), append([]string{"add", "-Q"}, flags...)...)
			out := filepath.Join(t.TempDir(), "out")
			node.New(t).Run("--peer", k.Addr(), "get", "-o", out, c)
			if got, err := os.ReadFile(out); err != nil || len(got) != 0 {
				t.Errorf("%d bytes, %v; want none", len(got), err)
			}
		})
	}
}
