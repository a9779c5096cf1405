package fetch_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/iprt/iprt/host/fetch"
	"github.com/iprt/iprt/host/fetch/unixfs"

	"github.com/ipfs/go-cid"
)

const (
	typeRaw = "application/vnd.ipld.raw"
	typeCAR = "application/vnd.ipld.car; version=1; order=dfs; dups=n"
)

// gateway is an honest trustless gateway over a store. It notes requests.
type gateway struct {
	store *fetch.MemStore
	noCAR bool
	order []cid.Cid // blocks of a CAR

	mu   sync.Mutex
	seen []string
}

func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	g.seen = append(g.seen, r.URL.RequestURI())
	g.mu.Unlock()
	c, err := cid.Decode(strings.TrimPrefix(r.URL.Path, "/ipfs/"))
	if err != nil {
		http.Error(w, "bad CID", http.StatusBadRequest)
		return
	}
	if r.URL.Query().Get("format") == "car" {
		if g.noCAR {
			http.Error(w, "no CAR here", http.StatusNotAcceptable)
			return
		}
		w.Header().Set("Content-Type", typeCAR)
		writeCAR(w, g.store, g.order, c)
		return
	}
	b, err := g.store.Get(r.Context(), c)
	if err != nil {
		http.Error(w, "not here", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", typeRaw)
	w.Write(b)
}

func (g *gateway) requests() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.seen)
}

// serve starts a server and returns a source for it.
func serve(t *testing.T, h http.Handler, opts fetch.GatewayOptions) *fetch.Gateway {
	t.Helper()
	srv := httptest.NewServer(h)
	g, err := fetch.NewGateway(srv.URL, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		g.Close()
		srv.CloseClientConnections()
		srv.Close()
	})
	return g
}

func TestGateway(t *testing.T) {
	store := new(fetch.MemStore)
	var order recorder
	content := noise(t, 5*unixfs.ChunkSize+7)
	file, err := unixfs.Add(t.Context(), recording{store, &order}, bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	small := putRaw(t, store, []byte("small"))
	tests := []struct {
		name     string
		cid      cid.Cid
		gateway  *gateway
		opts     fetch.GatewayOptions
		want     []byte
		requests int
	}{
		{"raw block", small, &gateway{store: store}, fetch.GatewayOptions{}, []byte("small"), 1},
		{"file as a CAR", file.CID, &gateway{store: store, order: order.cids}, fetch.GatewayOptions{}, content, 1},
		{"file as blocks", file.CID, &gateway{store: store}, fetch.GatewayOptions{RawOnly: true}, content, 7},
		{"no CAR to be had", file.CID, &gateway{store: store, noCAR: true}, fetch.GatewayOptions{}, content, 8},
		{"a CAR without blocks", file.CID, &gateway{store: store}, fetch.GatewayOptions{}, content, 8},
		{"half a CAR", file.CID, &gateway{store: store, order: order.cids[3:]}, fetch.GatewayOptions{}, content, 4},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := serve(t, tt.gateway, tt.opts)
			v, err := fetch.New(fetch.Config{Sources: []fetch.Source{g}}).File(t.Context(), fetch.Request{CID: tt.cid})
			if err != nil || !bytes.Equal(v.Bytes(), tt.want) || v.From() != g.Name() {
				t.Fatalf("%d bytes from %q, %v", len(v.Bytes()), v.From(), err)
			}
			if got := tt.gateway.requests(); len(got) != tt.requests {
				t.Errorf("%d requests, want %d: %q", len(got), tt.requests, got)
			}
		})
	}
}

// TestHostileGateways checks what each does to a fetch: alone, it fails with the
// class and text given; beside an honest one, nothing.
func TestHostileGateways(t *testing.T) {
	store := new(fetch.MemStore)
	content := noise(t, 100_000)
	block := putRaw(t, store, content)
	send := func(status int, contentType string, body []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			w.WriteHeader(status)
			w.Write(body)
		}
	}
	endless := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", typeRaw)
		for chunk := make([]byte, 1<<16); r.Context().Err() == nil; {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	}
	dribble := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", typeRaw)
		for _, b := range content {
			w.Write([]byte{b})
			w.(http.Flusher).Flush()
			select {
			case <-r.Context().Done():
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
	cut := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", typeRaw)
		w.Header().Set("Content-Length", fmt.Sprint(len(content)))
		w.Write(content[:50_000])
	}
	stall := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	redirect := func(to string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusFound) }
	}
	hugeHeader := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Huge", strings.Repeat("x", 1<<20))
		w.Header().Set("Content-Type", typeRaw)
		w.Write(content)
	}
	announce := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", typeRaw)
		w.Header().Set("Content-Length", "1099511627776")
		w.Write(content)
	}
	flipped := bytes.Clone(content)
	flipped[77] ^= 0x80
	tests := []struct {
		name    string
		handler http.HandlerFunc
		code    string
		text    string
	}{
		{"flipped bit", send(200, typeRaw, flipped), "hash-mismatch", "sent 100000 bytes that do not match"},
		{"truncated, ends well", send(200, typeRaw, content[:99_999]), "hash-mismatch", "sent 99999 bytes"},
		{"truncated, breaks off", cut, "not-found", "unexpected EOF"},
		{"empty", send(200, typeRaw, nil), "hash-mismatch", "sent 0 bytes"},
		{"endless", endless, "not-found", "more than 2097152 bytes"},
		{"announces a terabyte", announce, "not-found", "announced a block of 1099511627776 bytes"},
		{"a byte now and then", dribble, "not-found", "no block within"},
		{"stalled", stall, "not-found", "no block within"},
		{"not found", send(404, "text/plain", nil), "not-found", "HTTP 404"},
		{"gone", send(410, "text/plain", nil), "not-found", "HTTP 410"},
		{"overloaded", send(429, "text/plain", nil), "not-found", "HTTP 429"},
		{"partial content", send(206, typeRaw, content), "not-found", "HTTP 206, expected 200"},
		{"a web page", send(200, "text/html", content), "not-found", `content type "text/html"`},
		{"no type", send(200, "", content), "not-found", "content type"},
		{"huge headers", hugeHeader, "not-found", "headers"},
		{"redirect loop", redirect("/ipfs/" + block.String()), "not-found", "more than 3 times"},
		{"redirect to something else", redirect("/admin"), "not-found", "something else"},
		{"redirect to another CID", redirect("/ipfs/" + fetch.Identity(nil).String()), "not-found", "something else"},
		{"redirect to a file", redirect("file:///ipfs/" + block.String()), "not-found", "redirected from http to file"},
		{"redirect with credentials", redirect("http://a:b@127.0.0.1:1/ipfs/" + block.String()), "not-found", "credentials"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bad := serve(t, tt.handler, fetch.GatewayOptions{})
			f := fetch.New(fetch.Config{Sources: []fetch.Source{bad}})
			budget := quick(fetch.Untrusted)
			if tt.name != "stalled" && tt.name != "a byte now and then" {
				budget.Idle = 10 * time.Second
			}
			_, err := f.Block(t.Context(), fetch.Request{CID: block, Budget: budget})
			var e *fetch.Error
			if !errors.As(err, &e) || e.Code() != tt.code || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("alone: got %v, want code %s and %q", err, tt.code, tt.text)
			}
			good := serve(t, &gateway{store: store}, fetch.GatewayOptions{})
			b, err := f.With(good).Block(t.Context(), fetch.Request{CID: block, Budget: fetch.Untrusted})
			if err != nil || !bytes.Equal(b, content) {
				t.Errorf("beside an honest gateway: %v", err)
			}
		})
	}
}

func TestGatewayRedirects(t *testing.T) {
	store := new(fetch.MemStore)
	c := putFile(t, store, []byte("abc"), 3)
	var leaked string
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		leaked = r.Header.Get("Authorization") + r.Header.Get("Referer")
		(&gateway{store: store}).ServeHTTP(w, r)
	}))
	defer target.Close()
	var auth, agent string
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		auth, agent = r.Header.Get("Authorization"), r.UserAgent()
		http.Redirect(w, r, target.URL+r.URL.RequestURI(), http.StatusMovedPermanently)
	}))
	defer front.Close()
	g, err := fetch.NewGateway(strings.Replace(front.URL, "://", "://user:secret@", 1)+"/ipfs/", fetch.GatewayOptions{RawOnly: true, UserAgent: "iprt/0.1"})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	f := fetch.New(fetch.Config{Sources: []fetch.Source{g}})
	// A CIDv0 is asked for as version 1.
	if _, err := f.Block(t.Context(), fetch.Request{CID: cid.NewCidV0(c.Hash())}); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(auth, "Basic ") || agent != "iprt/0.1" {
		t.Errorf("the gateway got Authorization %q, User-Agent %q", auth, agent)
	}
	if strings.Contains(leaked, "Basic") || strings.Contains(leaked, "secret") || strings.Contains(g.Name(), "secret") {
		t.Errorf("credentials leaked: %q, %q", leaked, g.Name())
	}
}

func TestGatewayURLs(t *testing.T) {
	for _, u := range []string{"", "gateway.example", "ftp://x", "file:///etc", "https://", "https://x?format=raw", "http://[", "https://user:secret@x\x7f"} {
		_, err := fetch.NewGateway(u, fetch.GatewayOptions{})
		var bad *fetch.GatewayError
		if !errors.As(err, &bad) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: got %v", u, err)
		}
	}
}

// TestHostileCARs has gateways that answer for a file with a bad CAR and for
// single blocks with good ones: the file arrives all the same.
func TestHostileCARs(t *testing.T) {
	store := new(fetch.MemStore)
	var order recorder
	content := noise(t, 3*unixfs.ChunkSize)
	file, err := unixfs.Add(t.Context(), recording{store, &order}, bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	var good bytes.Buffer
	writeCAR(&good, store, append(order.cids[3:], order.cids[:3]...), file.CID)
	flipped := bytes.Clone(good.Bytes())
	flipped[len(flipped)-10] ^= 1
	tests := map[string]func(io.Writer, context.Context){
		"garbage":             func(w io.Writer, _ context.Context) { w.Write([]byte("hello")) },
		"empty":               func(io.Writer, context.Context) {},
		"header of 1 GiB":     func(w io.Writer, _ context.Context) { w.Write([]byte{0x80, 0x80, 0x80, 0x80, 0x04}) },
		"section of 2^62":     func(w io.Writer, _ context.Context) { w.Write(carWithSection(t, 1<<62)) },
		"breaks off":          func(w io.Writer, _ context.Context) { w.Write(good.Bytes()[:good.Len()/2]) },
		"mismatching block":   func(w io.Writer, _ context.Context) { w.Write(flipped) },
		"blocks nobody wants": func(w io.Writer, _ context.Context) { writeUnwanted(w) },
		"stalls": func(w io.Writer, ctx context.Context) {
			w.Write(good.Bytes()[:200_000])
			w.(http.Flusher).Flush()
			<-ctx.Done()
		},
	}
	for name, answer := range tests {
		t.Run(name, func(t *testing.T) {
			raw := &gateway{store: store}
			g := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Query().Get("format") != "car" {
					raw.ServeHTTP(w, r)
					return
				}
				w.Header().Set("Content-Type", typeCAR)
				answer(w, r.Context())
			}), fetch.GatewayOptions{})
			v, err := fetch.New(fetch.Config{Sources: []fetch.Source{g}}).File(t.Context(), fetch.Request{CID: file.CID})
			if err != nil || !bytes.Equal(v.Bytes(), content) {
				t.Errorf("%d bytes, %v", len(v.Bytes()), err)
			}
		})
	}
}

// writeUnwanted sends valid blocks for as long as anybody reads.
func writeUnwanted(w io.Writer) {
	writeCARHeader(w)
	for i := range 1 << 20 {
		b := make([]byte, 100_000)
		copy(b, fmt.Sprint(i))
		if writeSection(w, fetch.Identity(b), b) != nil {
			return
		}
	}
}
