package kubo_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/iprt/iprt/interop/kubo"
)

// The harness itself: the version is the pinned one, and what is added is
// served by the gateway.
func TestStart(t *testing.T) {
	n := kubo.Start(t)
	if v := n.Run("version", "--number"); v != "0.43.0" {
		t.Errorf("Kubo's version is %s, kubo/build/go.mod pins 0.43.0", v)
	}
	if !strings.Contains(n.Addr(), "/p2p/") {
		t.Errorf("address %s has no peer id", n.Addr())
	}
	c := n.RunIn(strings.NewReader("hello"), "add", "-Q", "--cid-version=1", "--raw-leaves")
	resp, err := http.Get(n.Gateway() + "/ipfs/" + c + "?format=raw")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || string(body) != "hello" {
		t.Errorf("the gateway served %q, %v", body, err)
	}
}
