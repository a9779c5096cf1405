package node_test

import (
	"context"
	"crypto/sha256"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	p2phost "github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/protocol/ping"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"

	"github.com/iprt/iprt/host"
	"github.com/iprt/iprt/host/node"
	"github.com/iprt/iprt/host/node/control"
	"github.com/iprt/iprt/internal/wasmtest"
)

// dial makes a libp2p host that is connected to a node.
func dial(t *testing.T, n *node.Node) (p2phost.Host, peer.ID) {
	t.Helper()
	h, err := libp2p.New(libp2p.NoListenAddrs, libp2p.Transport(tcp.NewTCPTransport), libp2p.DisableRelay(), libp2p.DisableMetrics())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	info, err := peer.AddrInfoFromString(status(t, n).Addresses[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Connect(t.Context(), *info); err != nil {
		t.Fatal(err)
	}
	return h, info.ID
}

// pings returns the round trips to a peer, one every ten milliseconds, sorted.
func pings(t *testing.T, h p2phost.Host, to peer.ID, count int) []time.Duration {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	results := ping.Ping(ctx, h, to)
	defer func() {
		cancel()
		for range results { // its goroutine ends
		}
	}()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	var took []time.Duration
	for range count {
		<-tick.C
		r := <-results // the next one is sent when this one is taken
		if r.Error != nil {
			t.Fatal(r.Error)
		}
		took = append(took, r.RTT)
	}
	slices.Sort(took)
	return took
}

// flooded is what a flood of calls was like.
type flooded struct {
	during, took []time.Duration // pings and calls, sorted
	codes        map[string]int  // how calls ended
}

const (
	calls    = 200
	deadline = 300 * time.Millisecond
)

// p99 is the ping that 99 of 100 are faster than, and late how long after its
// deadline the last call was back.
func (f flooded) p99() time.Duration  { return f.during[len(f.during)*99/100-1] }
func (f flooded) late() time.Duration { return f.took[len(f.took)-1] - deadline }

// flood calls in many goroutines, again and again, each time with a deadline,
// for as long as it takes to ping a node.
func flood(t *testing.T, call func(context.Context) error, ping func() []time.Duration) flooded {
	f := flooded{codes: make(map[string]int)}
	going, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	var mu sync.Mutex
	for range calls {
		wg.Go(func() {
			for going.Err() == nil {
				ctx, cancel := context.WithTimeout(t.Context(), deadline)
				begin := time.Now()
				err := call(ctx)
				d := time.Since(begin)
				cancel()
				mu.Lock()
				f.took = append(f.took, d)
				f.codes[code(err)]++
				mu.Unlock()
			}
		})
	}
	defer wg.Wait()
	defer stop()
	f.during = ping()
	stop()
	wg.Wait()
	slices.Sort(f.took)
	return f
}

// inTurns is Go code that does what such calls do: some work to begin with, and
// then one at a time has the processor, for ten milliseconds. What comes of it is
// the machine's doing: two hundred calls that begin at once are a queue, which is
// as long as the machine is busy with other things.
func inTurns() func(context.Context) error {
	turn := make(chan struct{}, 1)
	work := make([]byte, 256<<10)
	return func(ctx context.Context) error {
		sha256.Sum256(work)
		for ctx.Err() == nil {
			select {
			case turn <- struct{}{}:
				for begin := time.Now(); time.Since(begin) < 10*time.Millisecond && ctx.Err() == nil; {
				}
				<-turn
			case <-ctx.Done():
			}
		}
		return nil
	}
}

// Two hundred calls of a module that the operator chose, and that does not end,
// are answered in time, again and again, and the node keeps answering its peers
// meanwhile. Bounds are three times what an idle machine keeps, and what Go
// code in their place brings about; a machine that is busy with something else
// may need more than one try.
func TestFloodAndPing(t *testing.T) {
	const grace, p99 = 100 * time.Millisecond, 100 * time.Millisecond
	n := open(t, node.Config{Listen: []string{loopback}, Limits: host.Limits{MaxInstances: calls}})
	spins := wasmtest.Codec(wasmtest.ManifestName("spins"), wasmtest.ManifestCode(0x300015), wasmtest.DecodeLoops())
	if _, err := n.Load(t.Context(), control.LoadRequest{Module: put(t, n, spins), Allow: true}); err != nil {
		t.Fatal(err)
	}
	block := putCode(t, n, 0x300015, []byte("x"))
	h, to := dial(t, n)
	ping := func() []time.Duration { return pings(t, h, to, 100) }
	for range 5 {
		plain := flood(t, inTurns(), ping)
		f := flood(t, func(ctx context.Context) error {
			_, err := n.DagGet(ctx, control.DagGetRequest{Path: block})
			return err
		}, ping)
		t.Logf("pings: median %v, p99 %v; %d calls ended with %v, the last %v late; with Go code, p99 %v and %v late",
			f.during[len(f.during)/2], f.p99(), len(f.took), f.codes, f.late(), plain.p99(), plain.late())
		for c := range f.codes {
			if c != "limit" && c != "busy" && c != "time" {
				t.Errorf("%d calls ended with %q", f.codes[c], c)
			}
		}
		if len(f.took) < calls {
			t.Errorf("only %d calls", len(f.took))
		}
		if f.p99() <= 3*(p99+plain.p99()) && f.late() <= 3*(grace+plain.late()) {
			return
		}
	}
	t.Errorf("in five tries, never a p99 of pings near %v and all calls back near %v after their deadline", p99, grace)
}
