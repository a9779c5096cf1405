package fetch

import (
	"bufio"
	"context"
	"io"
	"sync"
	"time"

	"github.com/ipfs/go-cid"
	carv2 "github.com/ipld/go-car/v2"
)

const (
	// carPatience is how long a question waits for a CAR that does not move before
	// it asks for a single block besides.
	carPatience = 2 * time.Second
	// carDead is how long a CAR may not move before it is given up.
	carDead = 5 * carPatience
)

// carQuery asks for all blocks of a file, or for those of a directory itself;
// or, in a request for all below, for all of them.
func carQuery(b Budget) string {
	if b.Tree {
		return "format=car&dag-scope=all"
	}
	return "format=car&dag-scope=entity"
}

// carGetter serves one session. When the root itself is asked for, nothing is
// held here yet, and one request for a CAR brings the whole file. Blocks are
// parked as they arrive until they are asked for, and the CAR is read no faster
// than that. What does not come, or not in time, is asked for block by block.
type carGetter struct {
	gateway *Gateway
	ctx     context.Context // of the session
	root    cid.Cid
	budget  Budget

	start  sync.Once
	cancel context.CancelFunc // of the request
	done   sync.WaitGroup
	park   *parking // nil until a CAR was asked for
}

// Get implements [Getter].
func (g *carGetter) Get(ctx context.Context, c cid.Cid) ([]byte, error) {
	if c.Equals(g.root) {
		g.start.Do(g.request)
	}
	if b, ok := g.await(ctx, c); ok {
		return b, nil
	}
	return g.gateway.raw(ctx, c)
}

// Close ends the request.
func (g *carGetter) Close() error {
	g.start.Do(func() {}) // from here on none is started
	if g.cancel != nil {
		g.cancel()
	}
	g.done.Wait()
	return nil
}

func (g *carGetter) request() {
	ctx, cancel := context.WithCancel(g.ctx)
	g.cancel = cancel
	g.park = newParking()
	g.done.Go(func() {
		defer cancel()
		g.read(ctx) // why it ended does not matter: single blocks are next
		g.park.close()
	})
}

// await takes a block that is parked or will be soon. A question must not use up
// in waiting for the CAR the time that it has for its block.
func (g *carGetter) await(ctx context.Context, c cid.Cid) ([]byte, bool) {
	g.start.Do(func() {}) // a later request could not be read in its order
	if g.park == nil {
		return nil, false
	}
	key := string(c.Hash())
	var end <-chan time.Time
	if turn := g.budget.Idle / 2; turn > 0 {
		t := time.NewTimer(turn)
		defer t.Stop()
		end = t.C
	}
	for {
		block, ok, wait, changed := g.park.take(key, carPatience)
		if ok {
			return block, true
		}
		if wait == 0 || !waitFor(ctx, changed, wait, end) {
			g.park.skip(key)
			return nil, false
		}
	}
}

// waitFor returns when there may be something new to see, and false when there
// is no point in looking.
func waitFor(ctx context.Context, changed <-chan struct{}, wait time.Duration, end <-chan time.Time) bool {
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-changed:
	case <-t.C:
	case <-end:
		return false
	case <-ctx.Done():
		return false
	}
	return true
}

func (g *carGetter) read(ctx context.Context) {
	dead := time.AfterFunc(carDead, g.cancel)
	defer dead.Stop()
	resp, err := g.gateway.ask(ctx, g.root, carQuery(g.budget), typeCAR+"; version=1; order=dfs; dups=n", typeCAR)
	if err != nil {
		return
	}
	defer resp.Body.Close()
	g.take(ctx, pulse{resp.Body, func() { dead.Reset(carDead); g.park.moved() }}, dead)
}

// pulse tells of every read that brings something.
type pulse struct {
	r    io.Reader
	beat func()
}

func (p pulse) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	if n > 0 {
		p.beat()
	}
	return n, err
}

// take parks the blocks of a CAR until it ends, goes wrong or is too much. While
// it waits for room, dead does not run.
func (g *carGetter) take(ctx context.Context, body io.Reader, dead *time.Timer) {
	limit := g.budget.wire()
	if limit >= 0 {
		// Lengths and CIDs come on top of the blocks.
		body = io.LimitReader(body, maxCARHeader+limit+int64(g.budget.Blocks)*2*maxDigest)
	}
	br, err := carv2.NewBlockReader(bufio.NewReaderSize(body, 1<<16), carv2.WithTrustedCAR(true),
		carv2.MaxAllowedHeaderSize(maxCARHeader), carv2.MaxAllowedSectionSize(MaxBlock+2*maxDigest))
	if err != nil {
		return
	}
	for n := 0; limit < 0 || n < g.budget.Blocks; n++ {
		b, err := br.Next()
		if err != nil || CheckCID(b.Cid()) != nil {
			return
		}
		// A block that does not match is the end of it. It is not parked, so
		// that the same gateway can answer for it once more, block by block.
		if verify(b.Cid(), b.RawData(), g.gateway.name) != nil {
			return
		}
		dead.Stop()
		if !g.park.put(ctx, string(b.Cid().Hash()), b.RawData()) {
			return
		}
		dead.Reset(carDead)
	}
}
