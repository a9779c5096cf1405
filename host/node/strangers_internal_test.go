package node

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"
)

// tight are bounds that a test can wait for.
var tight = strangers{conns: 300, perClient: 3, request: 300 * time.Millisecond, idle: 300 * time.Millisecond, rate: 1 << 30, grace: 10 * time.Second}

// endless is an answer without an end; slots is how many may be given at once.
func endless(slots int, running *atomic.Int32) http.Handler {
	room := make(chan struct{}, slots)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/short" {
			room <- struct{}{}
			_, _ = io.WriteString(w, "short")
			<-room
			return
		}
		room <- struct{}{}
		defer func() { <-room }()
		running.Add(1)
		defer running.Add(-1)
		for b := make([]byte, 1<<16); ; {
			if _, err := w.Write(b); err != nil {
				return
			}
		}
	})
}

func serveTest(t *testing.T, h http.Handler, s strangers) *webServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := serveStrangers(l, h, slog.New(slog.DiscardHandler), s)
	t.Cleanup(func() { _ = w.stop(context.WithoutCancel(t.Context())) })
	return w
}

// deaf sends a request and reads nothing.
func deaf(t *testing.T, addr net.Addr, request string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", addr.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	return conn
}

// Clients that take nothing, or that never finish asking, do not keep others out.
func TestSlowClients(t *testing.T) {
	var running atomic.Int32
	s := serveTest(t, endless(256, &running), tight)
	for i := range 260 {
		request := "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
		if i%10 == 9 {
			request = "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n"
		}
		deaf(t, s.addr, request)
	}
	client := &http.Client{Timeout: 20 * time.Second}
	defer client.CloseIdleConnections()
	resp, err := client.Get(fmt.Sprintf("http://%s/short", s.addr))
	if err != nil {
		t.Fatal("an honest client: ", err)
	}
	defer resp.Body.Close()
	if b, err := io.ReadAll(resp.Body); err != nil || string(b) != "short" {
		t.Fatalf("%q, %v", b, err)
	}
}

// A client that keeps up with the rate is served for as long as it likes, one that takes a
// little all the time is not.
func TestRate(t *testing.T) {
	var running atomic.Int32
	bounds := tight
	bounds.idle, bounds.grace, bounds.rate = time.Minute, 500*time.Millisecond, 1<<40
	s := serveTest(t, endless(8, &running), bounds)
	conn := deaf(t, s.addr, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.Copy(io.Discard, conn); err != nil {
		if e, ok := err.(net.Error); ok && e.Timeout() {
			t.Fatal("it is still served")
		}
	}
	bounds.rate = 1
	s = serveTest(t, endless(8, &running), bounds)
	conn = deaf(t, s.addr, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	if n, err := io.CopyN(io.Discard, conn, 64<<20); err != nil {
		t.Fatalf("cut off after %d bytes: %v", n, err)
	}
}

// To stop takes no longer than the drain and a moment, whoever does not read.
func TestStopWithSlowClients(t *testing.T) {
	var running atomic.Int32
	bounds := tight
	bounds.idle = time.Hour
	s := serveTest(t, endless(256, &running), bounds)
	for range 20 {
		deaf(t, s.addr, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	}
	for begun := time.Now(); running.Load() < 20; time.Sleep(time.Millisecond) {
		if time.Since(begun) > 20*time.Second {
			t.Fatalf("%d handlers run", running.Load())
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	begun := time.Now()
	if err := s.stop(ctx); err != nil {
		t.Error(err)
	}
	if took := time.Since(begun); took > 2*lastWords+5*time.Second {
		t.Errorf("it took %s", took)
	}
	if n := running.Load(); n > 0 {
		t.Errorf("%d handlers run on", n)
	}
}

// One address has some of the connections, and all together have no more than all.
func TestConnectionBounds(t *testing.T) {
	l := tight.listen(nil).(*countingListener)
	near, far, other := netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	for i := range 5 {
		if got, want := l.enter(far), i < tight.perClient; got != want {
			t.Errorf("connection %d: %v", i, got)
		}
	}
	if !l.enter(other) {
		t.Error("another address is kept out")
	}
	n := l.all
	for l.enter(near) {
		n++
	}
	if n != tight.conns {
		t.Errorf("%d connections", n)
	}
	l.leave(far)
	if !l.enter(far) {
		t.Error("what has left still counts")
	}
}

// A connection counts until it is closed, and once.
func TestConnectionsAreGivenBack(t *testing.T) {
	var running atomic.Int32
	bounds := tight
	bounds.conns = 5
	s := serveTest(t, endless(8, &running), bounds)
	for range 10 {
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 20 * time.Second}
		resp, err := client.Get(fmt.Sprintf("http://%s/short", s.addr))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
	}
}
