package node_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/iprt/iprt/host/node"
)

// TestGatewayCORS: a page in a browser reads verified blocks, and cannot do
// anything else.
func TestGatewayCORS(t *testing.T) {
	n := open(t, node.Config{})
	path := "/ipfs/" + put(t, n, []byte("hello")) + "?format=raw"
	if err := n.Serve(t.Context(), node.Doors{HTTP: "127.0.0.1:0"}); err != nil {
		t.Fatal(err)
	}
	client := &http.Client{}
	defer client.CloseIdleConnections()
	for method, want := range map[string]int{
		http.MethodGet: 200, http.MethodHead: 200, http.MethodOptions: 204,
		http.MethodPost: 405, http.MethodPut: 405, http.MethodDelete: 405,
	} {
		req, err := http.NewRequestWithContext(t.Context(), method, status(t, n).HTTP+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Origin", "https://example.org")
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		h := resp.Header
		if resp.StatusCode != want || h.Get("Access-Control-Allow-Origin") != "*" || h.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%s: %s, %v", method, resp.Status, h)
		}
		if methods := strings.Join(h.Values("Access-Control-Allow-Methods"), ","); strings.Contains(methods, "POST") || !strings.Contains(methods, "GET") {
			t.Errorf("%s: methods %q", method, methods)
		}
	}
}
