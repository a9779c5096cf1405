package fetch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/ipfs/go-cid"
)

const (
	typeRaw = "application/vnd.ipld.raw"
	typeCAR = "application/vnd.ipld.car"

	maxRedirects = 3
)

// GatewayOptions are the settings of a gateway. The zero value works.
type GatewayOptions struct {
	// UserAgent is sent with every request; the default is "iprt".
	UserAgent string
	// RawOnly asks for single blocks only, never for a CAR of a whole file.
	RawOnly bool
}

// Gateway is a source over a trustless HTTP gateway, see
// https://specs.ipfs.tech/http-gateways/trustless-gateway/. It believes nothing
// that a gateway says about content: bytes are capped, then checked.
//
// It talks to the gateway only; proxies named by the environment are not used.
type Gateway struct {
	base   *url.URL // without credentials
	name   string
	auth   string // value of the Authorization header, or ""
	opts   GatewayOptions
	client *http.Client
	chosen atomic.Pointer[string] // its own host and port, as they are dialled
	public atomic.Bool            // it was found at a public address
}

// NewGateway returns a source for the gateway at rawURL, such as
// "https://gateway.example". Only http and https are accepted. A user and
// password in the URL are sent to that gateway and nowhere else. Close it after
// the last use.
func NewGateway(rawURL string, opts GatewayOptions) (*Gateway, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, &GatewayError{URL: "", Reason: "the URL does not parse"} // its text may hold a password
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, &GatewayError{URL: u.Redacted(), Reason: "expected a URL that starts with https:// or http:// and names a host"}
	}
	if u.RawQuery != "" || u.Fragment != "" {
		return nil, &GatewayError{URL: u.Redacted(), Reason: "a query or fragment cannot be part of it"}
	}
	if opts.UserAgent == "" {
		opts.UserAgent = "iprt"
	}
	g := &Gateway{opts: opts, auth: basicAuth(u.User)}
	u.User = nil
	u.Path = strings.TrimSuffix(strings.TrimSuffix(u.Path, "/"), "/ipfs")
	u.RawPath = ""
	g.base, g.name = u, "gateway "+u.String()
	g.client = &http.Client{Transport: newTransport(g.dial), CheckRedirect: checkRedirect}
	return g, nil
}

func basicAuth(user *url.Userinfo) string {
	if user == nil {
		return ""
	}
	password, _ := user.Password()
	r := http.Request{Header: make(http.Header)}
	r.SetBasicAuth(user.Username(), password)
	return r.Header.Get("Authorization")
}

func newTransport(dial func(context.Context, string, string) (net.Conn, error)) *http.Transport {
	return &http.Transport{
		Proxy:                  nil, // not from the environment
		DialContext:            dial,
		TLSHandshakeTimeout:    10 * time.Second,
		ResponseHeaderTimeout:  30 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
		MaxIdleConnsPerHost:    parallel,
		MaxConnsPerHost:        4 * parallel,
		IdleConnTimeout:        time.Minute,
		DisableCompression:     true, // limits count what is read
		ForceAttemptHTTP2:      true,
	}
}

// GatewayError says why a URL cannot be used as a gateway.
type GatewayError struct {
	URL    string
	Reason string
}

func (e *GatewayError) Error() string { return fmt.Sprintf("gateway %q: %s", e.URL, e.Reason) }

// Code is "bad-gateway-url".
func (e *GatewayError) Code() string { return "bad-gateway-url" }

// Name implements [Source].
func (g *Gateway) Name() string { return g.name }

// Close closes connections that are not in use.
func (g *Gateway) Close() error {
	g.client.CloseIdleConnections()
	return nil
}

// Session implements [Source].
func (g *Gateway) Session(ctx context.Context, root cid.Cid, b Budget) Getter {
	if g.opts.RawOnly || root.Prefix().Codec != cid.DagProtobuf {
		return rawGetter{g}
	}
	return &carGetter{gateway: g, ctx: ctx, root: root, budget: b}
}

// rawGetter asks for one block at a time. It hides Close: connections outlive the request.
type rawGetter struct{ gateway *Gateway }

func (g rawGetter) Get(ctx context.Context, c cid.Cid) ([]byte, error) { return g.gateway.raw(ctx, c) }

// raw asks for one block. What arrives is capped, not checked.
func (g *Gateway) raw(ctx context.Context, c cid.Cid) ([]byte, error) {
	resp, err := g.ask(ctx, c, "format=raw", typeRaw, typeRaw)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.ContentLength > MaxBlock {
		return nil, fmt.Errorf("announced a block of %d bytes, the limit is %d", resp.ContentLength, MaxBlock)
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, MaxBlock+1))
	if err != nil {
		return nil, withCause(ctx, err)
	}
	if len(b) > MaxBlock {
		return nil, fmt.Errorf("sent more than %d bytes for a block", MaxBlock)
	}
	return b, nil
}

// ask makes a request and checks everything that precedes the body. The caller
// closes the body.
func (g *Gateway) ask(ctx context.Context, c cid.Cid, query, accept, want string) (*http.Response, error) {
	u := g.base.JoinPath("ipfs", urlForm(c))
	u.RawQuery = query
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", accept)
	req.Header.Set("User-Agent", g.opts.UserAgent)
	if g.auth != "" {
		req.Header.Set("Authorization", g.auth)
	}
	resp, err := g.client.Do(req)
	if err != nil {
		return nil, withCause(ctx, plain(err))
	}
	if err := checkResponse(resp, want); err != nil {
		resp.Body.Close()
		return nil, err
	}
	return resp, nil
}

// urlForm is the text of a CID in a request: always version 1, which every
// gateway takes, and which may be part of a host name.
func urlForm(c cid.Cid) string {
	return cid.NewCidV1(c.Prefix().Codec, c.Hash()).String()
}

// plain drops the URL from an error of net/http: the source is named already.
func plain(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// withCause prefers the reason a context ended to the bare fact that it did.
func withCause(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

func checkResponse(resp *http.Response, want string) error {
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound, http.StatusGone:
		return fmt.Errorf("HTTP %d: %w", resp.StatusCode, ErrNotFound)
	default:
		return fmt.Errorf("HTTP %d, expected 200", resp.StatusCode)
	}
	if got, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); got != want {
		return fmt.Errorf("answered with content type %.100q, expected %q: it is not a trustless gateway", got, want)
	}
	return nil
}

// checkRedirect lets a gateway move to another host, as subdomain gateways do,
// as long as it goes on asking for the same content. Where that host may be,
// [Gateway.dial] says.
func checkRedirect(req *http.Request, via []*http.Request) error {
	first := via[0].URL
	switch {
	case len(via) > maxRedirects:
		return fmt.Errorf("redirected more than %d times", maxRedirects)
	case req.URL.Scheme != "https" && req.URL.Scheme != first.Scheme:
		return fmt.Errorf("redirected from %s to %s", first.Scheme, req.URL.Scheme)
	case req.URL.User != nil:
		return errors.New("redirected to a URL with credentials")
	}
	asked, ok := cidInURL(first)
	if now, ok2 := cidInURL(req.URL); !ok || !ok2 || !bytes.Equal(asked.Hash(), now.Hash()) {
		return errors.New("redirected to something else than the CID")
	}
	if q := req.URL.RawQuery; q != "" && q != first.RawQuery {
		return errors.New("redirected to another query")
	}
	if req.URL.Host != first.Host || req.URL.Scheme != first.Scheme {
		req.Header.Del("Authorization")
	}
	return nil
}

// cidInURL finds the CID in …/ipfs/CID, with nothing behind it, or in
// CID.ipfs.host without a path.
func cidInURL(u *url.URL) (cid.Cid, bool) {
	if _, text, ok := strings.Cut(u.Path, "/ipfs/"); ok {
		c, err := cid.Decode(strings.TrimSuffix(text, "/"))
		return c, err == nil
	}
	text, rest, _ := strings.Cut(u.Hostname(), ".")
	c, err := cid.Decode(text)
	return c, err == nil && strings.HasPrefix(rest, "ipfs.") && strings.Trim(u.Path, "/") == ""
}
