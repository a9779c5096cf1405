package control

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/iprt/iprt/host"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake answers every call from its fields and remembers what it was asked.
type fake struct {
	asked any
	err   error
	block []byte
}

func (f *fake) Status(context.Context) (Status, error) {
	return Status{Peer: "12D3", Addresses: []string{"/ip4/1.2.3.4"}, Started: time.Unix(9, 0).UTC()}, f.err
}
func (f *fake) Modules(context.Context) ([]Module, error) {
	return []Module{{Binding: "b", Roles: []Role{{Role: "codec/v1", Code: 1 << 40}}}}, f.err
}
func (f *fake) Load(_ context.Context, r LoadRequest) (Module, error) {
	f.asked = r
	return Module{Binding: r.Binding}, f.err
}
func (f *fake) Unload(_ context.Context, b string) error { f.asked = b; return f.err }
func (f *fake) Inspect(_ context.Context, r InspectRequest) (host.Report, error) {
	f.asked = r
	return host.Report{CID: r.Module}, f.err
}
func (f *fake) Grant(_ context.Context, r GrantRequest) error { f.asked = r; return f.err }
func (f *fake) GetBlock(_ context.Context, c string, r Reach) ([]byte, error) {
	f.asked = []any{c, r}
	return f.block, f.err
}
func (f *fake) PutBlock(_ context.Context, c string, b []byte) error {
	f.asked = []any{c, b}
	return f.err
}
func (f *fake) DagGet(_ context.Context, r DagGetRequest) ([]byte, error) {
	f.asked = r
	return []byte(`{"a":1}`), f.err
}
func (f *fake) DagPut(_ context.Context, r DagPutRequest) (Put, error) {
	f.asked = r
	return Put{CID: "c", Size: 3}, f.err
}
func (f *fake) Describe(_ context.Context, r DescribeRequest) (Put, error) {
	f.asked = r
	return Put{CID: "e"}, f.err
}

// serveOn answers control requests for a data directory until the test ends.
func serveOn(t *testing.T, dir string, h http.Handler) *Socket {
	t.Helper()
	s, err := Listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: h, ReadHeaderTimeout: time.Second}
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(s) }()
	t.Cleanup(func() { _ = srv.Close(); <-done })
	return s
}

func dial(t *testing.T, dir string) *Client {
	t.Helper()
	c, err := Dial(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// Every call must arrive as it was made and its answer come back whole.
func TestCallsCrossTheSocket(t *testing.T) {
	dir := t.TempDir()
	api := &fake{block: []byte{0, 1, 2}}
	serveOn(t, dir, Handler(api, nil))
	c := dial(t, dir)
	reach := Reach{Peers: []string{"/p2p/a&b", "/p2p/c"}, Gateways: []string{"http://x/?y=%z"}, Offline: true, Session: "s&"}
	load := LoadRequest{Module: "m", Binding: "b", Allow: true, Reach: reach}
	get := DagGetRequest{Path: "c/~/ü", Resolve: true, Allow: []string{"x"}, Reach: reach}
	describe := DescribeRequest{Codec: "m", Data: "d", Allow: true, Reach: reach}
	for _, tc := range []struct {
		name  string
		call  func(context.Context) (any, error)
		want  any
		asked any
	}{
		{"status", func(ctx context.Context) (any, error) { return c.Status(ctx) },
			Status{Peer: "12D3", Addresses: []string{"/ip4/1.2.3.4"}, Started: time.Unix(9, 0).UTC()}, nil},
		{"modules", func(ctx context.Context) (any, error) { return c.Modules(ctx) },
			[]Module{{Binding: "b", Roles: []Role{{Role: "codec/v1", Code: 1 << 40}}}}, nil},
		{"load", func(ctx context.Context) (any, error) { return c.Load(ctx, load) }, Module{Binding: "b"}, load},
		{"unload", func(ctx context.Context) (any, error) { return nil, c.Unload(ctx, "a/../b %") }, nil, "a/../b %"},
		{"inspect", func(ctx context.Context) (any, error) { return c.Inspect(ctx, InspectRequest{Module: "m"}) },
			host.Report{CID: "m"}, InspectRequest{Module: "m"}},
		{"grant", func(ctx context.Context) (any, error) { return nil, c.Grant(ctx, GrantRequest{Modules: []string{"a"}}) },
			nil, GrantRequest{Modules: []string{"a"}}},
		{"get block", func(ctx context.Context) (any, error) { return c.GetBlock(ctx, "bafy", reach) },
			[]byte{0, 1, 2}, []any{"bafy", reach}},
		{"put block", func(ctx context.Context) (any, error) { return nil, c.PutBlock(ctx, "bafy", []byte("x")) },
			nil, []any{"bafy", []byte("x")}},
		{"dag get", func(ctx context.Context) (any, error) { return c.DagGet(ctx, get) }, []byte(`{"a":1}`), get},
		{"dag put", func(ctx context.Context) (any, error) {
			return c.DagPut(ctx, DagPutRequest{Codec: "dag-cbor&x", Document: []byte("{}")})
		}, Put{CID: "c", Size: 3}, DagPutRequest{Codec: "dag-cbor&x", Document: []byte("{}")}},
		{"describe", func(ctx context.Context) (any, error) { return c.Describe(ctx, describe) }, Put{CID: "e"}, describe},
	} {
		t.Run(tc.name, func(t *testing.T) {
			api.asked, api.err = nil, nil
			got, err := tc.call(t.Context())
			if err != nil || !reflect.DeepEqual(got, tc.want) {
				t.Fatalf("got %#v, %v; want %#v", got, err, tc.want)
			}
			if tc.asked != nil && !reflect.DeepEqual(api.asked, tc.asked) {
				t.Fatalf("the node was asked %#v, want %#v", api.asked, tc.asked)
			}
			api.err = &Error{Kind: Limit, Slug: "too-much", Message: "m", Advice: "h"}
			_, err = tc.call(t.Context())
			if !reflect.DeepEqual(err, api.err) {
				t.Fatalf("the error came back as %#v", err)
			}
		})
	}
}

// What is no *Error of the node's becomes one, and says nothing false.
func TestForeignError(t *testing.T) {
	dir := t.TempDir()
	serveOn(t, dir, Handler(&fake{err: errors.New("boom")}, nil))
	_, err := dial(t, dir).Status(t.Context())
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Kind != Failed || e.Slug != "internal" || e.Message != "boom" {
		t.Fatalf("got %#v", err)
	}
}

func TestHostileClients(t *testing.T) {
	dir := t.TempDir()
	s := serveOn(t, dir, Handler(&fake{}, nil))
	big := strings.Repeat("x", MaxRequest+1)
	for _, tc := range []struct{ name, method, path, body, want string }{
		{"not JSON", "POST", "/v1/modules", "{", "bad-request"},
		{"a list", "POST", "/v1/modules", "[]", "bad-request"},
		{"unknown field", "POST", "/v1/modules", `{"module":"x","grants":"all"}`, "bad-request"},
		{"two objects", "POST", "/v1/modules", `{"module":"x"}{}`, "bad-request"},
		{"nested deep", "POST", "/v1/modules", `{"module":` + strings.Repeat("[", 20000), "bad-request"},
		{"too large", "POST", "/v1/modules", `{"module":"` + big + `"}`, "request-too-large"},
		{"no such call", "POST", "/v1/shutdown", "", "no-such-call"},
		{"wrong method", "PATCH", "/v1/modules", "", "no-such-call"},
		{"no version", "GET", "/status", "", "no-such-call"},
		{"later version", "GET", "/v2/status", "", "no-such-call"},
		{"block too large", "PUT", "/v1/blocks/x", strings.Repeat("x", MaxBlock+1), "request-too-large"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := dial(t, dir)
			req, _ := http.NewRequestWithContext(t.Context(), tc.method, "http://node"+tc.path, strings.NewReader(tc.body))
			resp, err := c.http.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if want := fmt.Sprintf(`"code":%q`, tc.want); !bytes.Contains(body, []byte(want)) || resp.StatusCode < 400 {
				t.Fatalf("%s: %s, want %s", resp.Status, body, want)
			}
		})
	}
	for _, raw := range []string{"\x00\x01\x02\r\n\r\n", "GET /v1/status HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"} {
		conn, err := net.Dial("unix", s.Path())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(conn, raw)
		_, _ = io.Copy(io.Discard, conn)
		_ = conn.Close()
	}
	if _, err := dial(t, dir).Status(t.Context()); err != nil {
		t.Fatalf("the node does not answer any more: %v", err)
	}
}

// Whatever owns the socket, the client must end with an error and not hang,
// crash or believe it.
func TestGarbageAtTheSocket(t *testing.T) {
	for name, answer := range map[string]string{
		"nothing":         "",
		"noise":           "\xff\xfe\x00 hello",
		"no JSON":         "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
		"cut off":         "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{}",
		"error, no body":  "HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n",
		"error, bad kind": "HTTP/1.1 500 Oh\r\nContent-Length: 45\r\n\r\n" + `{"error":{"exit":99,"code":"x","message":"y"}}`,
		"redirect":        "HTTP/1.1 302 Found\r\nLocation: http://example.invalid/\r\nContent-Length: 0\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s, err := Listen(dir)
			if err != nil {
				t.Fatal(err)
			}
			done := make(chan struct{})
			go func() {
				defer close(done)
				for {
					conn, err := s.Accept()
					if err != nil {
						return
					}
					go func() {
						buf := make([]byte, 1024)
						if n, _ := conn.Read(buf); n > 0 {
							_, _ = io.WriteString(conn, answer)
						}
						_ = conn.Close()
					}()
				}
			}()
			t.Cleanup(func() { _ = s.Close(); <-done })
			_, err = dial(t, dir).Status(t.Context())
			if e, ok := errors.AsType[*Error](err); !ok || e.Slug != "bad-control-socket" || e.Advice == "" {
				t.Fatalf("got %#v", err)
			}
		})
	}
}

func TestCallEndsWithItsContext(t *testing.T) {
	dir := t.TempDir()
	started := make(chan struct{})
	serveOn(t, dir, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(started)
		<-r.Context().Done()
	}))
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() { <-started; cancel(errors.New("enough")) }()
	_, err := dial(t, dir).Status(ctx)
	if e, ok := errors.AsType[*Error](err); !ok || e.Slug != "interrupted" {
		t.Fatalf("got %v", err)
	}
}

func TestSocketFile(t *testing.T) {
	dir := t.TempDir()
	if _, err := Dial(t.Context(), dir); !errors.Is(err, ErrNoNode) {
		t.Fatalf("without a node: %v", err)
	}
	// A crash leaves a socket file that nobody listens on.
	l, err := net.Listen("unix", filepath.Join(dir, socketName))
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	_ = l.Close()
	if _, err := Dial(t.Context(), dir); !errors.Is(err, ErrNoNode) {
		t.Fatalf("with a dead socket: %v", err)
	}
	s := serveOn(t, dir, Handler(&fake{}, nil))
	info, err := os.Stat(s.Path())
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v", info.Mode())
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(s.Path()); err == nil {
		t.Fatal("the socket is still there after Close")
	}
}

// A data directory may be deeper than a socket's address is long.
func TestLongPath(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("long/", 30))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s := serveOn(t, dir, Handler(&fake{}, nil))
	if len(s.Path()) > maxSocketPath {
		t.Fatalf("socket at %s", s.Path())
	}
	if _, err := dial(t, dir).Status(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Dir(s.Path())); err == nil {
		t.Fatal("the directory of the socket is still there")
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Fatalf("left behind: %v", left)
	}
}
