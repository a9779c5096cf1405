package abuse

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/ipfs/go-cid"
)

// faults has a world that does not work: servers that stall and lie about lengths, disks that rot, and a machine without descriptors.
func faults(c *corpus) {
	faultyServers(c)
	faultyDisks(c)
	block := []byte("a block for hard times")
	good := sum(cid.Raw, block)
	held := func() *Offer { o := &Offer{}; o.put(cid.Raw, block); return o }
	for _, n := range []int{0, 1, 2, 5} {
		hard := Step{Do: Starve{Leave: n, Steps: []Step{{Do: Fetch{CID: good.String()}, Want: []Outcome{OK, Error, Limit}, Check: exactly(block), Within: 2 * time.Second},
			loaded("it", nil), decodes("it", []byte("input"), OK)}}, Want: []Outcome{OK}}
		c.offer(Faults, count("descriptors", n), "no file descriptors left", held, hard, gets(good, block, OK))
	}
	c.elsewhere(Faults, "disk-full", "a disk that is full, or read-only", "host/fetch/flatfs.TestDiskFullAndReadOnly", "host/fetch.TestFullStore")
	c.elsewhere(Faults, "kill", "kill -9 while blocks are written", "host/fetch/flatfs.TestKill")
	c.elsewhere(Faults, "liars-among-honest", "peers that lie, stall or vanish beside an honest one", "host/fetch.TestRace", "host/source/bitswap.TestBesideHonest", "host/source/bitswap.TestOnlyMisfits")
	c.elsewhere(Faults, "terminated", "SIGTERM under load", "cmd/iprt.TestScript")
}

// faultyServers has gateways that do not do what HTTP is for.
func faultyServers(c *corpus) {
	block := []byte("what an honest gateway would send")
	file := pbFile(block, uint64(len(block)))
	serve := func(f func(http.ResponseWriter, *http.Request)) func() *Offer {
		return func() *Offer {
			return &Offer{Serve: func(rw http.ResponseWriter, r *http.Request) bool {
				kind := typeRaw
				if r.URL.Query().Get("format") == "car" {
					kind = typeCAR
				}
				rw.Header().Set("Content-Type", kind)
				f(rw, r)
				return true
			}}
		}
	}
	slowly := func(rw http.ResponseWriter, r *http.Request, every time.Duration, piece []byte) {
		for t := time.NewTicker(every); r.Context().Err() == nil; {
			if _, err := rw.Write(piece); err != nil {
				return
			}
			_ = http.NewResponseController(rw).Flush()
			select {
			case <-t.C:
			case <-r.Context().Done():
			}
		}
	}
	for _, s := range []struct {
		name string
		do   func(http.ResponseWriter, *http.Request)
		slow bool // it would take longer than anybody waits
	}{
		{"silent", func(rw http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, true},
		{"silent-after-head", func(rw http.ResponseWriter, r *http.Request) {
			_ = http.NewResponseController(rw).Flush()
			<-r.Context().Done()
		}, true},
		{"a-byte-a-while", func(rw http.ResponseWriter, r *http.Request) { slowly(rw, r, 50*time.Millisecond, []byte{'w'}) }, true},
		{"endless", func(rw http.ResponseWriter, r *http.Request) { slowly(rw, r, time.Microsecond, make([]byte, 1<<20)) }, false},
		{"endless-sections", func(rw http.ResponseWriter, r *http.Request) {
			_, _ = rw.Write(carHeader())
			slowly(rw, r, time.Microsecond, bytes.Repeat(carBlock(sum(cid.Raw, block), block), 1_000))
		}, false},
		{"vanishes", func(rw http.ResponseWriter, r *http.Request) {
			hangUp(rw, "HTTP/1.1 200 OK\r\nContent-Type: "+typeRaw+"\r\nContent-Length: 100\r\n\r\nhalf")
		}, false},
		{"vanishes-in-head", func(rw http.ResponseWriter, r *http.Request) { hangUp(rw, "HTTP/1.1 200") }, false},
		{"hangs-up", func(rw http.ResponseWriter, r *http.Request) { hangUp(rw, "") }, false},
		{"no-http", func(rw http.ResponseWriter, r *http.Request) { hangUp(rw, "SSH-2.0-OpenSSH_9\r\n\r\n") }, false},
		{"endless-head", func(rw http.ResponseWriter, r *http.Request) {
			hangUp(rw, "HTTP/1.1 200 OK\r\n"+strings.Repeat("X-Y: z\r\n", 500_000))
		}, false},
		{"length-2^62", func(rw http.ResponseWriter, r *http.Request) {
			hangUp(rw, "HTTP/1.1 200 OK\r\nContent-Type: "+typeRaw+"\r\nContent-Length: 4611686018427387904\r\n\r\nx")
		}, false},
		{"length-negative", func(rw http.ResponseWriter, r *http.Request) {
			hangUp(rw, "HTTP/1.1 200 OK\r\nContent-Type: "+typeRaw+"\r\nContent-Length: -1\r\n\r\nx")
		}, false},
		{"chunk-2^63", func(rw http.ResponseWriter, r *http.Request) {
			hangUp(rw, "HTTP/1.1 200 OK\r\nContent-Type: "+typeRaw+"\r\nTransfer-Encoding: chunked\r\n\r\n8000000000000000\r\nx")
		}, false},
		{"redirects-to-itself", func(rw http.ResponseWriter, r *http.Request) { http.Redirect(rw, r, r.URL.String(), http.StatusFound) }, false},
		{"redirects-elsewhere", func(rw http.ResponseWriter, r *http.Request) {
			http.Redirect(rw, r, "http://127.0.0.1:1/latest/meta-data", http.StatusFound)
		}, false},
		{"redirects-to-file", func(rw http.ResponseWriter, r *http.Request) {
			http.Redirect(rw, r, "file:///etc/passwd", http.StatusFound)
		}, false},
		{"error-page", func(rw http.ResponseWriter, r *http.Request) {
			http.Error(rw, "\x1b[2Jgone", http.StatusInternalServerError)
		}, false},
		{"html", func(rw http.ResponseWriter, r *http.Request) {
			rw.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(rw, "<html>")
		}, false},
		{"hostile-type", func(rw http.ResponseWriter, r *http.Request) {
			hangUp(rw, "HTTP/1.1 200 OK\r\nContent-Type: a\x1b[2J\r\nContent-Length: 1\r\n\r\nx")
		}, false},
		{"teapot", func(rw http.ResponseWriter, r *http.Request) { rw.WriteHeader(http.StatusTeapot) }, false},
	} {
		for _, root := range []cid.Cid{sum(cid.Raw, block), sum(cid.DagProtobuf, file)} {
			step := fetches(root, Error, Limit)
			if s.slow {
				step.Within, step.Want = 3*patience, []Outcome{Limit.Of("time"), Error.Of("not-found")}
			}
			c.offer(Faults, "server/"+s.name+"-"+map[uint64]string{cid.Raw: "block", cid.DagProtobuf: "file"}[root.Prefix().Codec], "a gateway that does not do what HTTP is for", serve(s.do), step)
		}
	}
}

// hangUp answers with bytes of its own and closes the connection.
func hangUp(rw http.ResponseWriter, raw string) {
	conn, _, err := http.NewResponseController(rw).Hijack()
	if err != nil {
		return
	}
	_, _ = io.WriteString(conn, raw)
	_ = conn.Close()
}

// faultyDisks changes what a host keeps, while it runs and while it does not.
func faultyDisks(c *corpus) {
	block := bytes.Repeat([]byte("a block that rots"), 100)
	good := sum(cid.Raw, block)
	for _, d := range []struct {
		name string
		how  func([]byte) []byte
	}{
		{"flipped", func(b []byte) []byte {
			for i := 0; i < len(b); i += 1 + len(b)/7 {
				b[i] ^= 0x40
			}
			return b
		}},
		{"cut", func(b []byte) []byte { return b[:len(b)/2] }},
		{"emptied", func([]byte) []byte { return nil }},
		{"zeroed", func(b []byte) []byte { return make([]byte, len(b)) }},
		{"longer", func(b []byte) []byte { return append(b, b...) }},
	} {
		damage := Step{Do: Damage{How: d.how}, Want: []Outcome{OK}}
		reopen := Step{Do: Reopen{}, Want: []Outcome{OK, Error}}
		again := gets(good, block, OK, Error)
		held := func() *Offer { o := &Offer{}; o.put(cid.Raw, block); return o }
		c.disk("disk/"+d.name+"-running", "a disk that changes what was written, while the host runs", held, gets(good, block, OK), damage, again, again)
		c.disk("disk/"+d.name+"-stopped", "a disk that changes what was written, while the host is down", held, gets(good, block, OK), damage, reopen, again, again)
	}
	c.disk("disk/kept", "nothing: what was fetched is there after a restart", func() *Offer {
		o := &Offer{Most: 1}
		o.put(cid.Raw, block)
		return o
	}, gets(good, block, OK), Step{Do: Reopen{}, Want: []Outcome{OK}}, gets(good, block, OK))
}

// disk is a case of a host with a directory.
func (c *corpus) disk(name, tries string, offer func() *Offer, steps ...Step) {
	c.offer(Faults, name, tries, offer, steps...)
	c.cases[len(c.cases)-1].Disk = true
}
