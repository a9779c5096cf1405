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

// carPatience is how long a question waits for the next block of a CAR before
// it asks for a single block instead.
const carPatience = 2 * time.Second

// carQuery asks for all blocks of a file, or for those of a directory itself.
const carQuery = "format=car&dag-scope=entity"

// carGetter serves one session. When the root itself is asked for, nothing is
// held here yet, and one request for a CAR brings the whole file. Blocks are
// parked as they arrive until they are asked for. Whatever goes wrong, from
// there on single blocks are asked for.
type carGetter struct {
	gateway *Gateway
	ctx     context.Context // of the session
	root    cid.Cid
	budget  Budget

	start  sync.Once
	cancel context.CancelFunc // of the request
	done   sync.WaitGroup

	mu     sync.Mutex
	parked map[string][]byte // by multihash
	size   int64
	moved  chan struct{} // closed and replaced when a block was parked
	open   bool          // blocks may still arrive
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
	g.mu.Lock()
	defer g.mu.Unlock()
	g.parked = make(map[string][]byte)
	g.moved = make(chan struct{})
	g.open = true
	ctx, cancel := context.WithCancel(g.ctx)
	g.cancel = cancel
	g.done.Go(func() {
		defer cancel()
		g.read(ctx) // why it ended does not matter: single blocks are next
		g.mu.Lock()
		defer g.mu.Unlock()
		g.open = false
		close(g.moved)
	})
}

// await takes a block that is parked or will be soon.
func (g *carGetter) await(ctx context.Context, c cid.Cid) ([]byte, bool) {
	key := string(c.Hash())
	for {
		g.mu.Lock()
		b, ok := g.parked[key]
		if ok {
			delete(g.parked, key)
			g.size -= int64(len(b))
		}
		open, moved := g.open, g.moved
		g.mu.Unlock()
		if ok || !open {
			return b, ok
		}
		if waitFor(ctx, moved, carPatience) {
			continue
		}
		if ctx.Err() == nil {
			g.cancel() // it stalls, and will not be waited for again
		}
		return nil, false
	}
}

func waitFor(ctx context.Context, moved <-chan struct{}, patience time.Duration) bool {
	t := time.NewTimer(patience)
	defer t.Stop()
	select {
	case <-moved:
		return true
	case <-t.C:
	case <-ctx.Done():
	}
	return false
}

func (g *carGetter) read(ctx context.Context) {
	resp, err := g.gateway.ask(ctx, g.root, carQuery, typeCAR+"; version=1; order=dfs; dups=n", typeCAR)
	if err != nil {
		return
	}
	defer resp.Body.Close()
	g.take(resp.Body)
}

// take parks the blocks of a CAR until it ends, goes wrong or is too much.
func (g *carGetter) take(body io.Reader) {
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
		if verify(b.Cid(), b.RawData(), g.gateway.name) != nil || !g.park(b.Cid(), b.RawData()) {
			return
		}
	}
}

// parkLimit bounds what is parked when the budget does not.
const parkLimit = 32 << 20

func (g *carGetter) park(c cid.Cid, block []byte) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	key := string(c.Hash())
	if _, ok := g.parked[key]; ok {
		return true
	}
	if g.size += int64(len(block)); g.size > parkLimit+MaxBlock {
		return false
	}
	g.parked[key] = block
	close(g.moved)
	g.moved = make(chan struct{})
	return true
}
