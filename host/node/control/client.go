package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/iprt/iprt/host"
)

// Client talks to a running node. It implements [API] and is safe for
// concurrent use.
type Client struct {
	socket string
	http   *http.Client

	answered atomic.Bool // by a node, at least once
}

var _ API = (*Client)(nil)

// Dial connects to the node that owns the data directory. It returns an error
// that wraps [ErrNoNode] when there is none. Close the client when done.
func Dial(ctx context.Context, dataDir string) (*Client, error) {
	path, err := socketOf(dataDir)
	if err != nil {
		return nil, err
	}
	users := owners(dataDir)
	dial := func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		conn, err := d.DialContext(ctx, "unix", path)
		if err != nil {
			return nil, err
		}
		if err := checkPeer(conn, users...); err != nil {
			return nil, errors.Join(Errorf(Refused, "foreign-control-socket", "find out who took the place of the node: "+path, "%w", err), conn.Close())
		}
		return conn, nil
	}
	first, err := dial(ctx)
	if e, ok := errors.AsType[*Error](err); ok {
		return nil, e
	}
	if err != nil {
		return nil, Errorf(NotFound, "no-node", "start one with `iprt run`", "no node answers at %s: %w", path, ErrNoNode)
	}
	_ = first.Close() // it only told that somebody listens, and who
	return &Client{socket: path, http: &http.Client{Transport: &http.Transport{
		DialContext:         func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
		MaxIdleConnsPerHost: 16,
	}}}, nil
}

// Close drops idle connections. The node keeps running.
func (c *Client) Close() error {
	c.http.CloseIdleConnections()
	return nil
}

// Socket is the path of the node's control socket.
func (c *Client) Socket() string { return c.socket }

func (c *Client) Status(ctx context.Context) (Status, error) {
	return call[Status](ctx, c, http.MethodGet, "status", nil)
}

func (c *Client) Modules(ctx context.Context) ([]Module, error) {
	v, err := call[moduleList](ctx, c, http.MethodGet, "modules", nil)
	return v.Modules, err
}

func (c *Client) Load(ctx context.Context, r LoadRequest) (Module, error) {
	return call[Module](ctx, c, http.MethodPost, "modules", r)
}

func (c *Client) Unload(ctx context.Context, binding string) error {
	_, err := c.do(ctx, http.MethodDelete, "modules/"+url.PathEscape(binding), nil)
	return err
}

func (c *Client) Inspect(ctx context.Context, r InspectRequest) (host.Report, error) {
	return call[host.Report](ctx, c, http.MethodPost, "inspect", r)
}

func (c *Client) Grant(ctx context.Context, r GrantRequest) error {
	_, err := c.send(ctx, http.MethodPost, "grants", r)
	return err
}

func (c *Client) Deny(ctx context.Context, r DenyRequest) (Denied, error) {
	return call[Denied](ctx, c, http.MethodPost, "denials", r)
}

func (c *Client) GetBlock(ctx context.Context, cid string, r Reach) ([]byte, error) {
	q := url.Values{"peer": r.Peers, "gateway": r.Gateways}
	if r.Offline {
		q.Set("offline", "true")
	}
	if r.Session != "" {
		q.Set("session", r.Session)
	}
	return c.do(ctx, http.MethodGet, "blocks/"+url.PathEscape(cid)+"?"+q.Encode(), nil)
}

func (c *Client) PutBlock(ctx context.Context, cid string, data []byte) error {
	_, err := c.do(ctx, http.MethodPut, "blocks/"+url.PathEscape(cid), bytes.NewReader(data))
	return err
}

func (c *Client) DagGet(ctx context.Context, r DagGetRequest) ([]byte, error) {
	return c.send(ctx, http.MethodPost, "dag/get", r)
}

func (c *Client) DagPut(ctx context.Context, r DagPutRequest) (Put, error) {
	answer, err := c.do(ctx, http.MethodPost, "dag/put?codec="+url.QueryEscape(r.Codec), bytes.NewReader(r.Document))
	if err != nil {
		return Put{}, err
	}
	return decode[Put](c, answer)
}

func (c *Client) Describe(ctx context.Context, r DescribeRequest) (Put, error) {
	return call[Put](ctx, c, http.MethodPost, "dag/describe", r)
}

// call sends a JSON body, if any, and reads a JSON answer.
func call[T any](ctx context.Context, c *Client, method, path string, in any) (v T, err error) {
	answer, err := c.send(ctx, method, path, in)
	if err != nil {
		return v, err
	}
	return decode[T](c, answer)
}

func decode[T any](c *Client, answer []byte) (v T, err error) {
	if err := json.Unmarshal(answer, &v); err != nil {
		return v, c.garbage("answered with something that is not the JSON expected: %v", err)
	}
	return v, nil
}

func (c *Client) send(ctx context.Context, method, path string, in any) ([]byte, error) {
	if in == nil {
		return c.do(ctx, method, path, nil)
	}
	body, err := json.Marshal(in)
	if err != nil {
		return nil, asError(err)
	}
	return c.do(ctx, method, path, bytes.NewReader(body))
}

func (c *Client) do(ctx context.Context, method, path string, body io.Reader) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://node/v1/"+path, body)
	if err != nil {
		return nil, asError(err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, Errorf(Failed, "interrupted", "", "interrupted: %w", context.Cause(ctx))
		}
		if e, ok := errors.AsType[*Error](err); ok {
			return nil, e
		}
		return nil, c.broken(ctx, "does not speak the control protocol", unwrapURL(err))
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, MaxResponse+1))
	switch {
	case err != nil:
		return nil, c.broken(ctx, "broke off in the middle of an answer", err)
	case len(answer) > MaxResponse:
		return nil, Errorf(Limit, "response-too-large", "", "the node's answer is larger than %d bytes", MaxResponse)
	case resp.StatusCode < 300:
		c.answered.Store(true)
		return answer, nil
	}
	var v struct {
		Error *Error `json:"error"`
	}
	if err := json.Unmarshal(answer, &v); err != nil || v.Error == nil || !v.Error.Kind.valid() {
		return nil, c.garbage("answered %s without saying why", resp.Status)
	}
	c.answered.Store(true)
	return nil, v.Error
}

// broken is a connection that failed with err: because the node ended, or because
// what listens is none.
func (c *Client) broken(ctx context.Context, what string, err error) *Error {
	const advice = "find out why in its log, start it again with `iprt run`, then repeat the request"
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return Errorf(NotFound, "no-node", advice, "the node at %s has ended: %w", c.socket, ErrNoNode)
	}
	cut := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
	if cut && (c.answered.Load() || c.gone(ctx)) {
		return Errorf(Failed, "node-ended", advice, "the node at %s ended during the request, which it may have carried out or not", c.socket)
	}
	return c.garbage(what+": %v", err)
}

// gone reports whether nobody listens any more. A process that ends closes its
// connections and what it listens on one after the other.
func (c *Client) gone(ctx context.Context) bool {
	transport, ok := c.http.Transport.(*http.Transport)
	for try := 0; ok && try < 3; try++ {
		time.Sleep(time.Duration(try) * 5 * time.Millisecond)
		conn, err := transport.DialContext(ctx, "unix", c.socket)
		if err != nil {
			_, foreign := errors.AsType[*Error](err)
			return !foreign && ctx.Err() == nil
		}
		_ = conn.Close()
	}
	return false
}

func (c *Client) garbage(format string, args ...any) *Error {
	return Errorf(Failed, "bad-control-socket", "stop what owns the socket, or remove it if nothing does: "+c.socket,
		"what listens at the control socket "+strings.ReplaceAll(c.socket, "%", "%%")+" "+format, args...)
}

// unwrapURL drops the method and the made-up URL that net/http puts in front.
func unwrapURL(err error) error {
	if u, ok := err.(*url.Error); ok {
		return u.Err
	}
	return err
}
