package node_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/iprt/iprt/host/engine"
	"github.com/iprt/iprt/host/engine/wazero"
	"github.com/iprt/iprt/host/fetch"
	"github.com/iprt/iprt/host/node"
	"github.com/iprt/iprt/host/node/control"
	"github.com/iprt/iprt/internal/wasmtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newEngine(t *testing.T) engine.Engine {
	t.Helper()
	e, err := wazero.New(wazero.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close(context.Background()) })
	return e
}

// open makes a node that is closed with the test, before its engine.
func open(t *testing.T, cfg node.Config) *node.Node {
	t.Helper()
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	cfg.Engine = newEngine(t)
	n, err := node.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(context.Background()); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return n
}

func status(t *testing.T, n control.API) control.Status {
	t.Helper()
	s, err := n.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// code is the stable code of an error, which must be a *control.Error.
func code(err error) string {
	if e, ok := errors.AsType[*control.Error](err); ok {
		return e.Code()
	}
	if err != nil {
		return "not a control error: " + err.Error()
	}
	return ""
}

var echo = wasmtest.Codec(wasmtest.ManifestName("echo"), wasmtest.ManifestCode(0x300010))

func put(t *testing.T, n control.API, b []byte) string {
	t.Helper()
	c := fetch.Identity(b).String()
	if err := n.PutBlock(t.Context(), c, b); err != nil {
		t.Fatal(err)
	}
	return c
}

const loopback = "/ip4/127.0.0.1/tcp/0"

// A node with every door open leaves no goroutine, socket or lock behind; that
// there is no goroutine is seen to by TestMain.
func TestOpenServeClose(t *testing.T) {
	dir := t.TempDir()
	for range 2 { // the second time on what the first one left
		n, err := node.Open(t.Context(), node.Config{
			Dir: dir, Engine: newEngine(t),
			Listen: []string{loopback, "/ip4/127.0.0.1/udp/0/quic-v1", "/ip4/127.0.0.1/tcp/0/ws"},
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := n.Serve(t.Context(), node.Doors{HTTP: "127.0.0.1:0", Metrics: "127.0.0.1:0"}); err != nil {
			t.Fatal(err)
		}
		c, err := control.Dial(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		s := status(t, c)
		if !s.Running || len(s.Addresses) != 3 || s.HTTP == "" || s.Metrics == "" || s.Control == "" {
			t.Errorf("status %+v", s)
		}
		_ = c.Close()
		for range 2 {
			if err := n.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := os.Lstat(filepath.Join(dir, "control.sock")); err == nil {
		t.Error("the control socket is still there")
	}
}

// What Open began it undoes when it fails, wherever it fails.
func TestOpenFails(t *testing.T) {
	for name, tc := range map[string]struct {
		cfg    node.Config
		before func(dir string) error
		code   string
	}{
		"no directory":       {cfg: node.Config{Dir: string([]byte{'x', 0})}, code: "data-dir"},
		"bad listen address": {cfg: node.Config{Listen: []string{"/ip4"}}, code: "bad-multiaddr"},
		"foreign address":    {cfg: node.Config{Listen: []string{"/ip4/192.0.2.1/tcp/1"}}, code: "listen"},
		"peer without id":    {cfg: node.Config{Peers: []string{"/ip4/127.0.0.1/tcp/1"}}, code: "bad-multiaddr"},
		"bad gateway":        {cfg: node.Config{Gateways: []string{"gopher://x"}}, code: "bad-gateway"},
		"bad CID":            {cfg: node.Config{Allow: []string{"x"}}, code: "bad-cid"},
		"nobody answers": {cfg: node.Config{Peers: []string{
			"/ip4/127.0.0.1/tcp/1/p2p/12D3KooWMCVrpVaSD35xFGaj6RmcN6ub7o3JnNuCyrbcxixena1h"}}, code: "unreachable-peer"},
		"bad policy": {code: "policy-invalid", before: func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "policy.json"), []byte("{}"), 0o600)
		}},
		"bad key": {code: "key", before: func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "key"), []byte("x"), 0o600)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if tc.cfg.Dir == "" {
				tc.cfg.Dir = dir
			}
			if tc.before != nil {
				if err := tc.before(dir); err != nil {
					t.Fatal(err)
				}
			}
			tc.cfg.Engine = newEngine(t)
			_, err := node.Open(t.Context(), tc.cfg)
			if e := node.Explain(err); e == nil || e.Code() != tc.code {
				t.Fatalf("got %v (%v), want %s", e, err, tc.code)
			}
			if tc.before != nil {
				return
			}
			open(t, node.Config{Dir: dir, Offline: true}) // not locked any more
		})
	}
}

// A peer must see no service that reaches out or lets strangers use the node.
func TestContactsNobody(t *testing.T) {
	a := open(t, node.Config{Listen: []string{loopback}})
	b := open(t, node.Config{Peers: status(t, a).Addresses})
	if got := status(t, b).Peers; len(got) != 1 || got[0] != status(t, a).Peer {
		t.Fatalf("b is connected to %v", got)
	}
	protocols, err := node.ProtocolsOf(b, status(t, a).Peer)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range protocols {
		known := slices.ContainsFunc([]string{"/ipfs/bitswap", "/ipfs/ping/", "/ipfs/id/"}, func(prefix string) bool {
			return strings.HasPrefix(p, prefix)
		})
		if !known {
			t.Errorf("a node offers %s to strangers", p)
		}
	}
	if len(protocols) < 3 {
		t.Errorf("only %v", protocols)
	}
}

func TestBlocksTravel(t *testing.T) {
	a := open(t, node.Config{Listen: []string{loopback}})
	b := open(t, node.Config{Listen: []string{loopback}})
	c := put(t, a, []byte("hello"))
	if _, err := b.GetBlock(t.Context(), c, control.Reach{}); code(err) != "not-found" {
		t.Fatalf("without a peer: %v", err)
	}
	reach := control.Reach{Peers: status(t, a).Addresses}
	got, err := b.GetBlock(t.Context(), c, reach)
	if err != nil || string(got) != "hello" {
		t.Fatalf("%q, %v", got, err)
	}
	if got, err = b.GetBlock(t.Context(), c, control.Reach{Offline: true}); err != nil || string(got) != "hello" {
		t.Fatalf("offline: %q, %v", got, err)
	}
	for _, bad := range []control.Reach{{Peers: []string{"x"}}, {Gateways: []string{"x"}}} {
		if _, err := b.GetBlock(t.Context(), c, bad); node.Explain(err) == nil || node.Explain(err).Kind != control.Usage {
			t.Errorf("%v: %v", bad, err)
		}
	}
}

func TestPutBlock(t *testing.T) {
	n := open(t, node.Config{Offline: true})
	hello := fetch.Identity([]byte("hello")).String()
	for name, tc := range map[string]struct {
		cid  string
		data []byte
		want string
	}{
		"good":        {hello, []byte("hello"), ""},
		"wrong bytes": {hello, []byte("hallo"), "hash-mismatch"},
		"no CID":      {"x", []byte("hello"), "bad-cid"},
		"weak hash":   {"bafkrefmcmyp5eb7hptnoaw5yxkjpuv3htbd2", nil, "bad-cid"},
		"too large":   {fetch.Identity(make([]byte, control.MaxBlock+1)).String(), make([]byte, control.MaxBlock+1), "block-too-large"},
		"largest":     {fetch.Identity(make([]byte, control.MaxBlock)).String(), make([]byte, control.MaxBlock), ""},
	} {
		if err := n.PutBlock(t.Context(), tc.cid, tc.data); code(err) != tc.want {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
}

func TestGatewayServesTheStoreOnly(t *testing.T) {
	a := open(t, node.Config{Listen: []string{loopback}})
	far := put(t, a, []byte("far away"))
	n := open(t, node.Config{Peers: status(t, a).Addresses})
	here := put(t, n, []byte("hello"))
	if err := n.Serve(t.Context(), node.Doors{HTTP: "127.0.0.1:0"}); err != nil {
		t.Fatal(err)
	}
	base := status(t, n).HTTP
	client := &http.Client{Timeout: 20 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer client.CloseIdleConnections()
	for _, tc := range []struct {
		path, accept string
		status       int
		body         string
	}{
		{"/ipfs/" + here + "?format=raw", "", 200, "hello"},
		{"/ipfs/" + here, "application/vnd.ipld.raw", 200, "hello"},
		{"/ipfs/" + here + "?format=car", "", 200, "hello"},
		{"/ipfs/" + here, "text/html", 406, ""},
		{"/ipfs/" + here, "", 406, ""},
		{"/ipfs/" + here + "?format=dag-json", "", 406, ""},
		{"/ipfs/" + here + "?format=tar", "", 406, ""},
		{"/ipfs/" + far + "?format=raw", "", 404, ""},
		{"/ipns/example.org/?format=raw", "", 404, ""},
		{"/v1/status", "", 404, ""},
		{"/", "", 404, ""},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+tc.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Accept", tc.accept)
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != tc.status || !strings.Contains(string(body), tc.body) {
			t.Errorf("%s (%s): %s %.80q %v, want %d", tc.path, tc.accept, resp.Status, body, err, tc.status)
		}
	}
}

func TestMetrics(t *testing.T) {
	n := open(t, node.Config{Listen: []string{loopback}})
	if err := n.Serve(t.Context(), node.Doors{HTTP: "127.0.0.1:0", Metrics: "127.0.0.1:0"}); err != nil {
		t.Fatal(err)
	}
	if _, err := n.Load(t.Context(), control.LoadRequest{Module: put(t, n, echo), Allow: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := n.DagPut(t.Context(), control.DagPutRequest{Codec: "echo", Document: []byte(`{"/":{"bytes":"AQID"}}`)}); err != nil {
		t.Fatal(err)
	}
	client := &http.Client{}
	defer client.CloseIdleConnections()
	resp, err := client.Get(status(t, n).Metrics)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`iprt_loads_total{result="ok"} 1`,
		`iprt_calls_total{export="iprt_codec_v1_encode",result="ok"} 1`,
		`iprt_call_duration_seconds_count{export="iprt_codec_v1_encode"} 1`,
		`iprt_call_bytes_total{direction="in"} `, "iprt_load_duration_seconds_count 1", "iprt_compile_duration_seconds_count 1",
		"iprt_instances 1", "iprt_instances_started_total 1", "iprt_modules 1", "iprt_quarantined 0", "iprt_memory_bytes 65536",
		"iprt_run_tokens ", "iprt_run_tokens_in_use 0", "iprt_run_queue_length 0", "iprt_quarantines_total 0",
		"iprt_build_info{", "libp2p_", "go_goroutines",
	} {
		if !strings.Contains(string(body), want) {
			t.Errorf("no %s", want)
		}
	}
	if strings.Contains(string(body), "iprt_call_fuel_total 0\n") {
		t.Error("a call burnt no fuel")
	}
}

// Many loads of one binding at once end with one module, whoever wins.
func TestLoadAtOnce(t *testing.T) {
	n := open(t, node.Config{Offline: true})
	other := wasmtest.Codec(wasmtest.ManifestName("echo"), wasmtest.ManifestCode(0x300011))
	refs := []string{put(t, n, echo), put(t, n, other)}
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			_, err := n.Load(context.Background(), control.LoadRequest{Module: refs[i%2], Allow: true})
			if c := code(err); c != "" && c != "binding-in-use" {
				t.Errorf("load: %v", err)
			}
			_, _ = n.Modules(context.Background())
		})
	}
	wg.Wait()
	modules, err := n.Modules(t.Context())
	if err != nil || len(modules) != 1 || modules[0].Binding != "echo" {
		t.Fatalf("%+v, %v", modules, err)
	}
	if err := n.Unload(t.Context(), "echo"); err != nil {
		t.Fatal(err)
	}
	if _, err := n.Load(t.Context(), control.LoadRequest{Module: refs[0], Allow: true}); err != nil {
		t.Fatalf("after unloading: %v", err)
	}
}
