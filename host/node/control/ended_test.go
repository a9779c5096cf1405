package control

import (
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
)

// TestNodeEndsDuringRequest: a node that is killed while it works is not taken for
// something that is none.
func TestNodeEndsDuringRequest(t *testing.T) {
	for name, answer := range map[string]string{"before the answer": "", "in the answer": "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{}"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s, err := Listen(dir)
			if err != nil {
				t.Fatal(err)
			}
			done := make(chan struct{})
			go func() {
				defer close(done)
				endAfter(t, s, answer)
			}()
			c := dial(t, dir)
			_, err = c.Status(t.Context())
			<-done
			if e, ok := errors.AsType[*Error](err); !ok || e.Slug != "node-ended" || e.Kind != Failed || e.Advice == "" {
				t.Errorf("got %#v", err)
			}
			_, err = c.Status(t.Context())
			if e, ok := errors.AsType[*Error](err); !ok || e.Slug != "no-node" || e.Kind != NotFound || !errors.Is(err, ErrNoNode) {
				t.Errorf("the next request gave %#v", err)
			}
		})
	}
}

// endAfter takes connections until there is a request on one, begins to answer
// it and is gone.
func endAfter(t *testing.T, s net.Listener, answer string) {
	for {
		conn, err := s.Accept()
		if err != nil {
			t.Error(err)
			return
		}
		n, _ := conn.Read(make([]byte, 1024))
		if n > 0 {
			_, _ = io.WriteString(conn, answer)
		}
		_ = conn.Close()
		if n > 0 {
			_ = s.Close()
			return
		}
	}
}

// TestNodeThatAnsweredEnds: one that answered was a node, whatever listens now.
func TestNodeThatAnsweredEnds(t *testing.T) {
	dir, requests := t.TempDir(), 0
	serveOn(t, dir, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if requests++; requests > 1 {
			panic(http.ErrAbortHandler)
		}
		_, _ = io.WriteString(w, "{}")
	}))
	c := dial(t, dir)
	if _, err := c.Status(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err := c.Load(t.Context(), LoadRequest{}) // which is not repeated by net/http
	if e, ok := errors.AsType[*Error](err); !ok || e.Slug != "node-ended" {
		t.Errorf("got %#v", err)
	}
}
