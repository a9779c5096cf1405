// Package liars holds peers that speak the protocols well and deliver wrong
// bytes, or none: HTTP gateways and bitswap peers.
//
// Start with [Gateway] and [Bitswap]. Both count what they were asked for, so that a
// test can tell "refused" from "never asked".
package liars

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"
)

// A Lie is what a lying gateway does to the honest answer. It is called with
// the whole body and returns what to send.
type Lie func(body []byte) []byte

// Flip changes one bit in the middle.
func Flip(body []byte) []byte {
	if len(body) > 0 {
		body[len(body)/2] ^= 1
	}
	return body
}

// Truncate leaves the second half out.
func Truncate(body []byte) []byte { return body[:len(body)/2] }

// A Liar counts the questions for content that it gave its own answer to.
type Liar struct {
	Addr string // URL of a gateway, multiaddr with peer id of a bitswap peer
	told atomic.Int64
}

// Told is how often it was asked for content and did what it does.
func (l *Liar) Told() int64 { return l.told.Load() }

// Gateway serves what the honest gateway at upstream serves, after lie.
func Gateway(t testing.TB, upstream string, lie Lie) *Liar {
	t.Helper()
	up, err := url.Parse(upstream)
	if err != nil {
		t.Fatal(err)
	}
	l := &Liar{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u := *up
		u.Path, u.RawQuery = r.URL.Path, r.URL.RawQuery
		req, err := http.NewRequestWithContext(r.Context(), r.Method, u.String(), nil)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		req.Header.Set("Accept", r.Header.Get("Accept"))
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		if resp.StatusCode == http.StatusOK {
			body = lie(body)
			l.told.Add(1)
		}
		w.Header().Set("Content-Type", resp.Header.Get("Content-Type"))
		w.WriteHeader(resp.StatusCode)
		_, _ = w.Write(body)
	}))
	t.Cleanup(srv.Close)
	l.Addr = srv.URL
	return l
}

// Stalled accepts every request and sends nothing until the client gives up.
func Stalled(t testing.TB) *Liar {
	t.Helper()
	l := &Liar{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l.told.Add(1)
		w.Header().Set("Content-Type", "application/vnd.ipld.raw")
		w.WriteHeader(http.StatusOK)
		if f, ok := w.(http.Flusher); ok {
			f.Flush()
		}
		<-r.Context().Done()
	}))
	t.Cleanup(srv.Close)
	l.Addr = srv.URL
	return l
}
