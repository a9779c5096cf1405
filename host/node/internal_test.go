package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"

	"github.com/ipld/go-ipld-prime/datamodel"

	"github.com/ipld/go-ipld-prime/codec/dagjson"
	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host"

	"github.com/iprt/iprt/host/fetch"
	"github.com/iprt/iprt/host/ipldbind"
	"github.com/iprt/iprt/host/ipldbind/table"
	"github.com/iprt/iprt/host/node/control"
	"github.com/iprt/iprt/host/policy"
)

// Every error that can reach a user has the exit status that cli promises,
// however deep it is wrapped.
func TestExplain(t *testing.T) {
	c := fetch.Identity(nil)
	call := func(s abi.Status) error {
		return &ipldbind.CodecError{Op: "decode", Err: &host.CallError{Module: c, Status: s}}
	}
	for _, tc := range []struct {
		err  error
		kind control.Kind
		code string
	}{
		{errors.New("x"), control.Failed, "failed"},
		{control.Errorf(control.Usage, "usage", "", "x"), control.Usage, "usage"},
		{&host.RefusedError{Module: c, Kind: host.RefusedPolicy, Err: &policy.Refusal{}}, control.Refused, "refused-by-policy"},
		{&host.LimitError{}, control.Limit, "limit"},
		{&host.TrapError{Module: c}, control.Faulty, "module-trap"},
		{call(abi.StatusInvalid), control.Refused, "module-status"},
		{call(abi.StatusUnsupported), control.Refused, "module-status"},
		{call(abi.StatusLimit), control.Limit, "module-status"},
		{call(abi.StatusInternal), control.Faulty, "module-status"},
		{&ipldbind.CodecError{Err: &table.Error{}}, control.Faulty, ""},
		{&fetch.Error{CID: c, Root: c}, control.NotFound, "not-found"},
		{&fetch.Error{CID: c, Root: c, Causes: []fetch.Cause{{Err: &fetch.HashError{CID: c}}}}, control.Refused, "hash-mismatch"},
		{&fetch.BudgetError{CID: c, What: "bytes"}, control.Limit, "fetch-limit"},
		{&fetch.CIDError{CID: c}, control.Refused, "cid-refused"},
		{&fetch.NotFileError{CID: c}, control.Refused, "not-a-file"},
		{&fetch.ContentError{CID: c}, control.Refused, "bad-content"},
		{&ipldbind.PolicyError{Module: c, Err: errors.New("no")}, control.Refused, "refused-by-policy"},
		{&ipldbind.BudgetError{}, control.Limit, "resolve-limit"},
		{&ipldbind.UnknownCodecError{}, control.NotFound, "unknown-codec"},
		{&ipldbind.EnvelopeError{}, control.Refused, "bad-envelope"},
		{&ipldbind.EnvelopeError{Err: errors.New("x")}, control.Refused, "bad-envelope"},
		{&ipldbind.EnvelopeError{Err: &host.TrapError{Module: c}}, control.Faulty, "module-trap"},
		{&ipldbind.PathError{Err: &ipldbind.EnvelopeError{Err: &ipldbind.CodecError{Err: &host.LimitError{}}}}, control.Limit, "limit"},
		{&ipldbind.EnvelopeError{Err: &ipldbind.PolicyError{Module: c, Err: errors.New("no")}}, control.Refused, "refused-by-policy"},
		{&ipldbind.EnvelopeError{Err: &host.RefusedError{Module: c, Kind: host.RefusedDenied}}, control.Refused, "denied"},
		{&ipldbind.PathError{Root: c, Err: datamodel.ErrNotExists{}}, control.NotFound, "no-such-path"},
		{context.DeadlineExceeded, control.Limit, "time"},
		{&ipldbind.PathError{Err: context.DeadlineExceeded}, control.Limit, "time"},
		{context.Canceled, control.Failed, "interrupted"},
	} {
		for _, err := range []error{tc.err, fmt.Errorf("wrapped: %w", tc.err), errors.Join(tc.err, errors.New("and another"))} {
			e := Explain(err)
			if e.Kind != tc.kind || tc.code != "" && e.Code() != tc.code || e.Error() == "" {
				t.Errorf("%T: kind %d, code %s; want %d, %s", tc.err, e.Kind, e.Code(), tc.kind, tc.code)
			}
		}
	}
	if Explain(nil) != nil {
		t.Error("nil is not nil")
	}
}

// A server that stops lets a request finish while there is time, then cuts it
// off and tells it why.
func TestServerStops(t *testing.T) {
	for _, late := range []bool{false, true} {
		t.Run(fmt.Sprintf("late=%v", late), func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			started, finish := make(chan struct{}), make(chan struct{})
			s := serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				close(started)
				select {
				case <-finish:
					_, _ = io.WriteString(w, "done")
				case <-r.Context().Done():
					_, _ = io.WriteString(w, context.Cause(r.Context()).Error())
				}
			}), slog.New(slog.DiscardHandler))
			got := make(chan string, 1)
			client := &http.Client{}
			defer client.CloseIdleConnections()
			go func() {
				resp, err := client.Get("http://" + s.addr.String())
				if err != nil {
					got <- err.Error()
					return
				}
				b, _ := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				got <- string(b)
			}()
			<-started
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			want := "done"
			if late {
				cancel()
				want = errStopped.Message
			} else {
				close(finish)
			}
			if err := s.stop(ctx); err != nil {
				t.Fatal(err)
			}
			if text := <-got; text != want {
				t.Fatalf("the client got %q, want %q", text, want)
			}
			if _, err := client.Get("http://" + s.addr.String()); err == nil {
				t.Fatal("it still accepts")
			}
		})
	}
}

func TestSplitPath(t *testing.T) {
	c := fetch.Identity([]byte("x"))
	for text, want := range map[string]string{
		c.String():                         "",
		c.String() + "/":                   "",
		c.String() + "/a/~/b":              "a/~/b",
		"/ipfs/" + c.String() + "/a":       "a",
		"ipfs://" + c.String() + "/a b/ü/": "a b/ü/",
	} {
		got, path, err := SplitPath(text)
		if err != nil || got != c || path != want {
			t.Errorf("%q: %v, %q, %v", text, got, path, err)
		}
	}
	for _, bad := range []string{"", "/", "x", "/ipfs/", "/ipns/" + c.String(), "a/" + c.String()} {
		if _, _, err := SplitPath(bad); err == nil {
			t.Errorf("%q is a path", bad)
		}
	}
}

// FuzzDagJSON: what an operator pastes never ends the process.
func FuzzDagJSON(f *testing.F) {
	for _, s := range []string{`{}`, `{"/":"x"}`, `{"/":{"bytes":"AQID"}}`, `{"a":1,}`, `1e999`, `[[[[`, "\x00", `{"a":1,"a":2}`, ``,
		`{"b":[1,-2,null,true,1.5,1e40,"ü\\u0001\\""],"a/\\n":{"/":{"bytes":""}},"":{"/":"bafkqaaa"}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		n, err := parseDagJSON(b)
		if err != nil {
			return
		}
		got, err := toDagJSON(n)
		if err != nil {
			t.Fatalf("%q was read and cannot be written: %v", b, err)
		}
		var want bytes.Buffer
		if err := dagjson.Encode(n, &want); err != nil || !bytes.Equal(got, want.Bytes()) {
			t.Fatalf("%q was written as %q, package dagjson writes %q, %v", b, got, &want, err)
		}
	})
}
