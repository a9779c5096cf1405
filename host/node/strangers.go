package node

import (
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// strangers bounds what clients of the HTTP doors can hold on to. Whoever reads slowly, or
// not at all, keeps a connection, a handler and a block in memory.
type strangers struct {
	conns     int           // at once
	perClient int           // of those, from one address that is not this machine's
	request   time.Duration // to send a request in
	idle      time.Duration // to take what was written in, each time
	rate      int64         // bytes a second that a client takes on average, after grace
	grace     time.Duration
}

var defaultStrangers = strangers{
	conns: 512, perClient: 32, request: 30 * time.Second,
	idle: 30 * time.Second, rate: 16 << 10, grace: time.Minute,
}

// listen closes connections beyond the bounds as soon as they arrive. A client
// then sees that it is refused, which waiting would not tell it.
func (s strangers) listen(l net.Listener) net.Listener {
	return &countingListener{Listener: l, bounds: s, from: make(map[netip.Addr]int)}
}

type countingListener struct {
	net.Listener
	bounds strangers

	mu   sync.Mutex
	all  int
	from map[netip.Addr]int
}

func (l *countingListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		addr := clientOf(conn)
		if l.enter(addr) {
			return &countedConn{Conn: conn, leave: sync.OnceFunc(func() { l.leave(addr) })}, nil
		}
		_ = conn.Close()
	}
}

// clientOf is who connects: an address, or the network that one IPv6 host has to itself.
func clientOf(conn net.Conn) netip.Addr {
	tcp, ok := conn.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	addr := tcp.AddrPort().Addr().Unmap()
	if addr.Is6() && !addr.IsLoopback() {
		if p, err := addr.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return addr
}

func (l *countingListener) enter(addr netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	// What comes from this machine is as a rule a proxy, which stands for many.
	if l.all >= l.bounds.conns || l.from[addr] >= l.bounds.perClient && !addr.IsLoopback() {
		return false
	}
	l.all++
	l.from[addr]++
	return true
}

func (l *countingListener) leave(addr netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all--
	if l.from[addr]--; l.from[addr] == 0 {
		delete(l.from, addr)
	}
}

type countedConn struct {
	net.Conn
	leave func()
}

func (c *countedConn) Close() error {
	c.leave()
	return c.Conn.Close()
}

// pace ends answers that nobody takes.
func (s strangers) pace(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := &pacedWriter{ResponseWriter: w, bounds: s, ctl: http.NewResponseController(w), begun: time.Now()}
		p.allow()
		h.ServeHTTP(p, r)
	})
}

// pacedWriter gives each write a deadline. Writes fail once one has passed, and
// net/http closes the connection.
type pacedWriter struct {
	http.ResponseWriter
	bounds  strangers
	ctl     *http.ResponseController
	begun   time.Time
	written int64
}

func (p *pacedWriter) allow() {
	end := time.Now().Add(p.bounds.idle)
	fair := p.begun.Add(p.bounds.grace + time.Duration(float64(p.written)/float64(p.bounds.rate)*float64(time.Second)))
	if fair.Before(end) {
		end = fair
	}
	_ = p.ctl.SetWriteDeadline(end) // without deadlines there is no slow client either
}

func (p *pacedWriter) Write(b []byte) (int, error) {
	p.allow()
	n, err := p.ResponseWriter.Write(b)
	p.written += int64(n)
	return n, err
}

// Flush implements [http.Flusher].
func (p *pacedWriter) Flush() {
	p.allow()
	_ = p.ctl.Flush() // the next write says what is wrong
}

// Unwrap is for [http.ResponseController].
func (p *pacedWriter) Unwrap() http.ResponseWriter { return p.ResponseWriter }
