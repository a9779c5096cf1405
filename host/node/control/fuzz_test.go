package control

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// script is a connection whose other end says what is written down, however it is answered, and then nothing more.
type script struct {
	says    *bytes.Reader
	waits   chan struct{} // until this is closed
	closed  chan struct{}
	once    sync.Once
	mu      sync.Mutex
	written bytes.Buffer
	onWrite func()
}

func newScript(says []byte) *script {
	s := &script{says: bytes.NewReader(says), waits: make(chan struct{}), closed: make(chan struct{}), onWrite: func() {}}
	return s
}

func (s *script) Read(p []byte) (int, error) {
	select {
	case <-s.waits:
		return s.says.Read(p)
	case <-s.closed:
		return 0, net.ErrClosed
	}
}

func (s *script) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onWrite()
	return s.written.Write(p)
}

func (s *script) Close() error                     { s.once.Do(func() { close(s.closed) }); return nil }
func (s *script) CloseWrite() error                { return s.Close() } // the server would wait for a client that does not read
func (s *script) LocalAddr() net.Addr              { return &net.UnixAddr{Name: "script", Net: "unix"} }
func (s *script) RemoteAddr() net.Addr             { return s.LocalAddr() }
func (s *script) SetDeadline(time.Time) error      { return nil }
func (s *script) SetReadDeadline(time.Time) error  { return nil }
func (s *script) SetWriteDeadline(time.Time) error { return nil }

// once accepts one connection.
type once struct {
	conns chan net.Conn
	done  chan struct{}
	close sync.Once
}

func (l *once) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}
func (l *once) Close() error   { l.close.Do(func() { close(l.done) }); return nil }
func (l *once) Addr() net.Addr { return &net.UnixAddr{Name: "script", Net: "unix"} }

// witness looks at every answer of the handler: none may come by a panic, which the server would swallow, and those that are refused
// say why.
type witness struct {
	http.Handler
	faults   []string
	statuses []int
}

type copied struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (c *copied) WriteHeader(status int) { c.status = status; c.ResponseWriter.WriteHeader(status) }
func (c *copied) Write(p []byte) (int, error) {
	c.body.Write(p)
	return c.ResponseWriter.Write(p)
}

func (h *witness) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := &copied{ResponseWriter: w, status: http.StatusOK}
	defer func() {
		if p := recover(); p != nil {
			h.faults = append(h.faults, "panic in "+r.Method+" "+r.URL.Path)
		}
		h.statuses = append(h.statuses, c.status)
		var v struct{ Error *Error }
		if !strings.HasPrefix(r.URL.Path, "/") {
			return // OPTIONS * and CONNECT host: the standard library's mux refuses them before any call of ours
		}
		if c.status >= 400 && (json.Unmarshal(c.body.Bytes(), &v) != nil || v.Error == nil || !v.Error.Kind.valid() || v.Error.Slug == "") {
			h.faults = append(h.faults, r.Method+" "+r.URL.Path+" answered with "+c.body.String())
		}
	}()
	h.Handler.ServeHTTP(c, r)
}

// The calls by number, for the fuzzer. What the path ends in is its choice too.
var calls = []string{
	"GET status", "GET modules", "POST modules", "DELETE modules/", "POST inspect", "POST grants", "POST denials",
	"GET blocks/", "PUT blocks/", "POST dag/get", "POST dag/put?codec=", "POST dag/describe",
}

// request is a call with any end of the path and any body, well-formed; or, beyond the calls, the body alone.
func request(call uint8, tail string, body []byte) []byte {
	if int(call) >= len(calls) {
		return body
	}
	method, path, _ := strings.Cut(calls[call], " ")
	req, err := http.NewRequest(method, "http://node/v1/"+path+url.PathEscape(tail), bytes.NewReader(body))
	if err != nil {
		panic(err) // PathEscape leaves nothing that could be wrong
	}
	var b bytes.Buffer
	_ = req.Write(&b)
	return b.Bytes()
}

// FuzzServer has anybody who can open the socket send anything. The node answers or closes, and does what it understood: what the node
// is asked for comes out the same if it is written down and read again.
func FuzzServer(f *testing.F) {
	bodies := []string{
		`{"module":"m","binding":"b","allow":true,"reach":{"offline":true,"peers":["/p2p/a"],"gateways":["http://x"],"session":"s"}}`,
		`{"modules":["a"],"binding":"b","interfaces":["iprt:log/v1"],"to":"c"}`, `{"modules":["a"],"remove":true}`,
		`{"path":"c/~/a","resolve":true,"allow":["x"]}`, `{"codec":"m","data":"d"}`, `{"module":"a"}{}`, `[]`, "\xff",
	}
	for i := range calls {
		for _, body := range bodies {
			f.Add(uint8(i), "tail/../%", []byte(body))
		}
		f.Add(uint8(255), "", request(uint8(i), "x", []byte(bodies[0])))
	}
	for _, stream := range []string{
		"GET /v1/status HTTP/1.1\r\nHost: a\r\n\r\nGET /v1/modules HTTP/1.0\r\n\r\n", "HEAD /v1/status HTTP/1.1\r\nHost: a\r\n\r\n",
		"PUT /v1/blocks/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n3\r\nabc\r\n0\r\nT: x\r\n\r\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET /v1//../status HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
		"CONNECT /v1/status HTTP/1.1\r\nHost: a\r\n\r\n", "POST /v1/grants HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999999999999999\r\n\r\n{",
	} {
		f.Add(uint8(255), "", []byte(stream))
	}
	f.Fuzz(func(t *testing.T, call uint8, tail string, body []byte) {
		api := &fake{block: []byte{1}}
		h := &witness{Handler: Handler(api, nil)}
		out := converse(t, h, request(call, tail, body))
		if len(h.faults) > 0 {
			t.Fatalf("%q", h.faults)
		}
		if len(out) > 0 && !bytes.HasPrefix(out, []byte("HTTP/1.")) {
			t.Fatalf("answered %q", out)
		}
		if int(call) < len(calls) && len(h.statuses) != 1 {
			t.Fatalf("%s: %d answers", calls[call], len(h.statuses))
		}
		if api.asked != nil {
			settled(t, api.asked)
		}
	})
}

// converse sends a stream of requests over one connection and returns what came back when the server closed it.
func converse(t *testing.T, h http.Handler, stream []byte) []byte {
	conn := newScript(stream)
	close(conn.waits)
	l := &once{conns: make(chan net.Conn, 1), done: make(chan struct{})}
	l.conns <- conn
	srv := &http.Server{Handler: h, MaxHeaderBytes: 32 << 10}
	served := make(chan struct{})
	go func() { defer close(served); _ = srv.Serve(l) }()
	select {
	case <-conn.closed:
	case <-time.After(10 * time.Second):
		t.Errorf("the server neither answers nor closes")
	}
	_ = srv.Close()
	<-served
	conn.mu.Lock()
	defer conn.mu.Unlock()
	return bytes.Clone(conn.written.Bytes())
}

// settled writes down what a node was asked and has a client's words read again.
func settled(t *testing.T, asked any) {
	t.Helper()
	again := func(q any) {
		b, err := json.Marshal(asked)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, q); err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		if b2, err := json.Marshal(q); err != nil || !bytes.Equal(b, b2) {
			t.Fatalf("%s, and read again %s, %v", b, b2, err)
		}
	}
	switch asked.(type) {
	case LoadRequest:
		again(&LoadRequest{})
	case InspectRequest:
		again(&InspectRequest{})
	case GrantRequest:
		again(&GrantRequest{})
	case DagGetRequest:
		again(&DagGetRequest{})
	case DescribeRequest:
		again(&DescribeRequest{})
	}
}

// FuzzClient has whatever owns the socket answer anything to any call. The client returns what it was told or an error that can be
// shown, and a block only as it was sent.
func FuzzClient(f *testing.F) {
	for _, answer := range []string{
		"", "noise", "HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", "HTTP/1.1 200 OK\r\n\r\n{\"modules\":[{\"roles\":null}]}",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{}",
		"HTTP/1.1 500 Oh\r\n\r\n" + `{"error":{"exit":99,"code":"x","message":"y"}}`, "HTTP/1.1 403 No\r\n\r\n" + `{"error":{"exit":3,"code":"x","message":"%s\u001b"}}`,
		"HTTP/1.1 307 Away\r\nLocation: /v1/status\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n{}",
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n{}", "HTTP/1.1 200 %d\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b",
	} {
		for i := range calls {
			f.Add(uint8(i), []byte(answer))
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, answer []byte) {
		c := clientOf(answer)
		defer c.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		v, err := callNumber(ctx, c, int(which)%len(calls))
		if err != nil {
			e, ok := errors.AsType[*Error](err)
			if !ok || !e.Kind.valid() || ctx.Err() != nil {
				t.Fatalf("%#v", err)
			}
			return
		}
		if _, err := json.Marshal(v); err != nil {
			t.Fatal(err)
		}
		if block, ok := v.([]byte); ok {
			asSent(t, block, answer)
		}
	})
}

// clientOf talks to a server that says the same whenever it is asked.
func clientOf(answer []byte) *Client {
	return &Client{socket: "%script", http: &http.Client{Transport: &http.Transport{
		DialContext: func(context.Context, string, string) (net.Conn, error) {
			s := newScript(answer)
			var first sync.Once
			s.onWrite = func() { first.Do(func() { close(s.waits) }) }
			return s, nil
		},
	}}}
}

func callNumber(ctx context.Context, c *Client, n int) (any, error) {
	switch n {
	case 0:
		return c.Status(ctx)
	case 1:
		return c.Modules(ctx)
	case 2:
		return c.Load(ctx, LoadRequest{Module: "m"})
	case 3:
		return nil, c.Unload(ctx, "b")
	case 4:
		return c.Inspect(ctx, InspectRequest{})
	case 5:
		return nil, c.Grant(ctx, GrantRequest{})
	case 6:
		return c.Deny(ctx, DenyRequest{})
	case 7:
		return c.GetBlock(ctx, "c", Reach{})
	case 8:
		return nil, c.PutBlock(ctx, "c", []byte("block"))
	case 9:
		return c.DagGet(ctx, DagGetRequest{})
	case 10:
		return c.DagPut(ctx, DagPutRequest{})
	}
	return c.Describe(ctx, DescribeRequest{})
}

// asSent reads the answer again. Only what is not one plain answer is left out.
func asSent(t *testing.T, got, answer []byte) {
	t.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(answer)), &http.Request{Method: http.MethodGet})
	if err != nil || resp.StatusCode < 200 || resp.StatusCode >= 300 || slices.Contains(resp.Header["Content-Encoding"], "gzip") {
		return
	}
	defer resp.Body.Close()
	if want, err := io.ReadAll(resp.Body); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("the client returns %q, sent was %q, %v", got, want, err)
	}
}
