package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/iprt/iprt/host/node/control"
)

// webServer is an HTTP server that accepts already. Unlike net/http's own, it
// can say when the last of its handlers has returned.
type webServer struct {
	server   *http.Server
	addr     net.Addr
	cut      context.CancelCauseFunc // ends the context of every request
	running  sync.WaitGroup          // the accept loop
	handlers sync.RWMutex            // held for reading by every handler
	stopped  bool
}

// listenTCP serves h on host:port in the background. flag names the option
// that the address came from. Clients are strangers, who may be slow on purpose.
func listenTCP(flag, addr string, h http.Handler, log *slog.Logger) (*webServer, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		kind, hint := control.Failed, "choose another address, for example 127.0.0.1:0 for any free port"
		if _, ok := errors.AsType[*net.OpError](err); !ok || isAddrError(err) {
			kind, hint = control.Usage, "write it as HOST:PORT, for example 127.0.0.1:8080"
		}
		return nil, control.Errorf(kind, "listen", hint, "cannot listen on %s %q: %w", flag, addr, err)
	}
	return serveStrangers(l, h, log, defaultStrangers), nil
}

func serveStrangers(l net.Listener, h http.Handler, log *slog.Logger, s strangers) *webServer {
	return start(s.listen(l), s.pace(h), log, func(server *http.Server) {
		server.ReadTimeout = s.request
		server.WriteTimeout = s.idle // of what is no handler's; pace replaces it
	})
}

func isAddrError(err error) bool {
	_, ok := errors.AsType[*net.AddrError](err)
	return ok
}

// serve answers what arrives at l with h, for clients of the owner's. It owns l
// from here on.
func serve(l net.Listener, h http.Handler, log *slog.Logger) *webServer {
	return start(l, h, log, func(*http.Server) {})
}

func start(l net.Listener, h http.Handler, log *slog.Logger, adjust func(*http.Server)) *webServer {
	ctx, cut := context.WithCancelCause(context.Background())
	s := &webServer{addr: l.Addr(), cut: cut}
	s.server = &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s.handlers.RLock()
			defer s.handlers.RUnlock()
			if !s.stopped {
				h.ServeHTTP(w, r)
			}
		}),
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	adjust(s.server)
	s.running.Go(func() {
		if err := s.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			log.Error("a server stopped", "addr", s.addr.String(), "err", err)
		}
	})
	return s
}

// errStopped is the cause of a request that was cut off.
var errStopped = control.Errorf(control.Failed, "node-stopped", "start the node again and repeat the command",
	"the node stopped before it was done with this request")

// lastWords is how long handlers that were cut off may take to say so, and then
// how long they may take to notice that nobody listens.
const lastWords = time.Second

// stop accepts nothing more, lets requests finish until ctx ends, then cuts
// them off, and closes the connections of those whose clients do not take the
// answer. When it returns nil no handler runs; a nil server has stopped
// already. A handler that waits for a guest which does not end keeps running,
// and the error says so.
func (s *webServer) stop(ctx context.Context) error {
	if s == nil {
		return nil
	}
	late := s.server.Shutdown(ctx) != nil
	s.cut(errStopped)
	over := make(chan struct{})
	go func() {
		s.handlers.Lock()
		s.stopped = true
		s.handlers.Unlock()
		close(over)
	}()
	ended := within(over, lastWords)
	var err error
	if late {
		err = s.server.Close()
		ended = ended || within(over, lastWords)
	}
	if !ended {
		err = errors.Join(err, fmt.Errorf("a request at %s does not end", s.addr))
	}
	s.running.Wait()
	return err
}

func within(over <-chan struct{}, d time.Duration) bool {
	select {
	case <-over:
		return true
	case <-time.After(d):
		return false
	}
}
