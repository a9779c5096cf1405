package node_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/ipfs/go-cid"

	"github.com/iprt/iprt/host/fetch/unixfs"
	"github.com/iprt/iprt/host/node"
	"github.com/iprt/iprt/host/node/control"
)

// blocksOf lets package unixfs read and write through a node.
type blocksOf struct {
	control.API
	reach control.Reach
}

func (b blocksOf) Get(ctx context.Context, c cid.Cid) ([]byte, error) {
	return b.GetBlock(ctx, c.String(), b.reach)
}

func (b blocksOf) Put(ctx context.Context, c cid.Cid, block []byte) error {
	return b.PutBlock(ctx, c.String(), block)
}

// counted serves the gateway of a node, and notes what it is asked.
func counted(t *testing.T, n *node.Node) (base string, requests func() []string) {
	t.Helper()
	if err := n.Serve(t.Context(), node.Doors{HTTP: "127.0.0.1:0"}); err != nil {
		t.Fatal(err)
	}
	at, err := url.Parse(status(t, n).HTTP)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var seen []string
	proxy := httputil.NewSingleHostReverseProxy(at)
	transport := &http.Transport{}
	proxy.Transport = transport
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		seen = append(seen, r.URL.RequestURI())
		mu.Unlock()
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(func() { s.Close(); transport.CloseIdleConnections() })
	return s.URL, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return seen
	}
}

// TestDownload: blocks of one session come from one CAR, through a node of the
// same process and through its socket.
func TestDownload(t *testing.T) {
	far := open(t, node.Config{})
	base, requests := counted(t, far)
	file, err := unixfs.Add(t.Context(), blocksOf{API: far}, bytes.NewReader(chunks(9)))
	if err != nil {
		t.Fatal(err)
	}
	for name, api := range map[string]func(t *testing.T, n *node.Node, dir string) control.API{
		"here": func(_ *testing.T, n *node.Node, _ string) control.API { return n },
		"there": func(t *testing.T, n *node.Node, dir string) control.API {
			if err := n.Serve(t.Context(), node.Doors{}); err != nil {
				t.Fatal(err)
			}
			c, err := control.Dial(t.Context(), dir)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = c.Close() })
			return c
		},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(requests())
			dir := t.TempDir()
			b := blocksOf{api(t, open(t, node.Config{Dir: dir}), dir), control.Reach{Gateways: []string{base}, Session: "one"}}
			var out bytes.Buffer
			if _, err := unixfs.Write(t.Context(), b, file.CID, &out); err != nil || !bytes.Equal(out.Bytes(), chunks(9)) {
				t.Fatalf("%d bytes, %v", out.Len(), err)
			}
			asked := requests()[before:]
			if len(asked) != 1 || !strings.Contains(asked[0], "format=car") {
				t.Errorf("asked for %q", asked)
			}
		})
	}
}

// chunks makes n chunks of 300 KiB that differ.
func chunks(n int) []byte {
	b := make([]byte, n*300<<10)
	for i := range b {
		b[i] = byte(i ^ i>>8 ^ i>>16*7)
	}
	return b
}

func TestDownloadSessions(t *testing.T) {
	n := open(t, node.Config{})
	c := put(t, n, []byte("x"))
	_, err := n.GetBlock(t.Context(), c, control.Reach{Session: strings.Repeat("x", 65)})
	if code(err) != "bad-request" {
		t.Errorf("a long name: %v", err)
	}
	// A session that could not begin does not stay.
	bad := control.Reach{Session: "s", Peers: []string{"nonsense"}}
	if _, err := n.GetBlock(t.Context(), c, bad); code(err) != "bad-multiaddr" {
		t.Errorf("a bad peer: %v", err)
	}
	// More than may be open at once: those that are not in use make room.
	for i := range 100 {
		if _, err := n.GetBlock(t.Context(), c, control.Reach{Session: strings.Repeat("s", i%64) + string(rune('a'+i/64))}); err != nil {
			t.Fatal(err)
		}
	}
}
