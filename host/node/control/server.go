package control

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
)

// maxConcurrent bounds the requests that are answered at once. A client of the
// same user is trusted, but a script in a loop must not exhaust the node.
const maxConcurrent = 256

// Handler answers the control protocol for api. Logging goes to log, which may
// be nil. It holds no goroutines and nothing needs closing.
func Handler(api API, log *slog.Logger) http.Handler {
	s := &server{api: api, log: log, slots: make(chan struct{}, maxConcurrent)}
	mux := http.NewServeMux()
	for pattern, h := range map[string]func(*http.Request) (any, error){
		"GET /v1/status":               s.status,
		"GET /v1/modules":              s.modules,
		"POST /v1/modules":             s.load,
		"DELETE /v1/modules/{binding}": s.unload,
		"POST /v1/inspect":             s.inspect,
		"POST /v1/grants":              s.grant,
		"POST /v1/denials":             s.deny,
		"GET /v1/blocks/{cid}":         s.getBlock,
		"PUT /v1/blocks/{cid}":         s.putBlock,
		"POST /v1/dag/get":             s.dagGet,
		"POST /v1/dag/put":             s.dagPut,
		"POST /v1/dag/describe":        s.describe,
	} {
		mux.HandleFunc(pattern, s.answer(h))
	}
	mux.HandleFunc("/", s.answer(func(r *http.Request) (any, error) {
		return nil, Errorf(Usage, "no-such-call", "see spec/control.md for the calls of /v1/",
			"this node has no call %s %q", r.Method, r.URL.Path)
	}))
	return mux
}

type server struct {
	api   API
	log   *slog.Logger
	slots chan struct{}
}

// raw is an answer that is not JSON of ours.
type raw struct {
	kind string
	data []byte
}

func (s *server) answer(h func(*http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		select {
		case s.slots <- struct{}{}:
			defer func() { <-s.slots }()
		default:
			writeError(w, Errorf(Limit, "busy", "try again in a moment",
				"the node is answering %d requests already", maxConcurrent))
			return
		}
		v, err := h(r)
		if err != nil {
			e := asError(err)
			if cause, ok := errors.AsType[*Error](context.Cause(r.Context())); ok {
				e = cause // why the request was cut off, which the call cannot know
			}
			if s.log != nil {
				s.log.Debug("control request failed", "method", r.Method, "path", r.URL.Path, "code", e.Slug, "err", e.Message)
			}
			writeError(w, e)
			return
		}
		switch v := v.(type) {
		case nil:
			w.WriteHeader(http.StatusNoContent)
		case raw:
			w.Header().Set("Content-Type", v.kind)
			_, _ = w.Write(v.data) // the client may be gone; nobody is left to tell
		default:
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(v)
		}
	}
}

func writeError(w http.ResponseWriter, e *Error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(e.Kind.httpStatus())
	_ = json.NewEncoder(w).Encode(struct {
		Error *Error `json:"error"`
	}{e})
}

// readJSON decodes exactly one object of known fields from a bounded body.
func readJSON[T any](r *http.Request) (v T, err error) {
	d := json.NewDecoder(http.MaxBytesReader(nil, r.Body, MaxRequest))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		return v, badBody(err, MaxRequest)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return v, Errorf(Usage, "bad-request", "send one JSON object", "the request body has data after the object")
	}
	return v, nil
}

func readBytes(r *http.Request, limit int64) ([]byte, error) {
	data, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, limit))
	if err != nil {
		return nil, badBody(err, limit)
	}
	return data, nil
}

func badBody(err error, limit int64) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return Errorf(Limit, "request-too-large", "", "the request body is larger than %d bytes", limit)
	}
	return Errorf(Usage, "bad-request", "see spec/control.md", "cannot read the request body: %w", err)
}
