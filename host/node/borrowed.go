package node

import (
	"context"
	"sync"

	"github.com/ipfs/go-cid"

	"github.com/iprt/iprt/host"
	"github.com/iprt/iprt/host/fetch"
	"github.com/iprt/iprt/host/ipldbind"
)

// maxBorrowed is how many modules that no request uses stay loaded.
const maxBorrowed = 8

// borrowed are the codec modules that requests brought in, outside of any
// binding. The latest ones stay loaded, so that the next request does not
// compile them again. The zero value is ready.
type borrowed struct {
	mu    sync.Mutex
	loans map[loanKey]*loan
	turn  uint64 // counts uses
}

type loanKey struct {
	id     cid.Cid
	pinned bool // it decides what the module may cost
}

// loan is one module. Its fields up to err are set when ready is closed.
type loan struct {
	ready  chan struct{}
	module *host.Module
	codec  *ipldbind.Codec
	err    error

	users int
	used  uint64
}

// borrow gives a codec module to one request, without grants: what a block
// brings in has none. The policy is asked each time. release gives it back.
func (n *Node) borrow(ctx context.Context, v fetch.Verified, pinned bool) (c *ipldbind.Codec, release func(), err error) {
	key := loanKey{v.ID(), pinned}
	l, first := n.borrowed.join(key)
	release = func() { n.giveBack(ctx, key, l) }
	if first {
		l.module, l.codec, l.err = n.lend(ctx, v, pinned)
		close(l.ready)
		if l.err != nil {
			release()
			return nil, nil, l.err
		}
		return l.codec, release, nil
	}
	select {
	case <-l.ready:
		err = l.err
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if err == nil {
		m := l.module
		err = n.allowed().Allow(ctx, host.Candidate{
			ID: m.ID(), Locator: v.Locator(), Manifest: m.Manifest(), Purity: m.Purity(), Size: m.Size(),
		})
	}
	if err != nil {
		release()
		return nil, nil, err
	}
	return l.codec, release, nil
}

func (n *Node) lend(ctx context.Context, v fetch.Verified, pinned bool) (*host.Module, *ipldbind.Codec, error) {
	m, err := n.host.LoadVerified(inHost(ctx), v, host.Binding{Pinned: pinned}) // not for this request alone
	if err != nil {
		return nil, nil, err
	}
	c, err := ipldbind.Bind(m)
	if err != nil {
		n.unlend(ctx, m)
		return nil, nil, err
	}
	return m, c, nil
}

func (n *Node) unlend(ctx context.Context, m *host.Module) {
	if err := m.Close(context.WithoutCancel(ctx)); err != nil {
		n.log.Warn("cannot unload a module", "cid", m.ID(), "err", err)
	}
}

// join finds a loan or makes one, which the caller then fills.
func (b *borrowed) join(key loanKey) (l *loan, first bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	l, ok := b.loans[key]
	if !ok {
		if b.loans == nil {
			b.loans = make(map[loanKey]*loan)
		}
		l = &loan{ready: make(chan struct{})}
		b.loans[key] = l
	}
	l.users++
	return l, !ok
}

// giveBack ends one use, and unloads what has not been used for longest when
// too many stay unused. What could not be loaded does not stay, so that the next
// request tries again.
func (n *Node) giveBack(ctx context.Context, key loanKey, l *loan) {
	b := &n.borrowed
	b.mu.Lock()
	b.turn++
	l.users--
	l.used = b.turn
	if isClosed(l.ready) && l.err != nil && b.loans[key] == l {
		delete(b.loans, key)
	}
	over := b.surplus()
	b.mu.Unlock()
	if over != nil {
		n.unlend(ctx, over.module)
	}
}

// surplus takes the module that has not been used for longest off the list, if
// there are too many. The lock is held.
func (b *borrowed) surplus() *loan {
	idle := 0
	var oldest *loan
	var at loanKey
	for key, l := range b.loans {
		if l.users > 0 {
			continue
		}
		idle++
		if oldest == nil || l.used < oldest.used {
			oldest, at = l, key
		}
	}
	if idle <= maxBorrowed {
		return nil
	}
	delete(b.loans, at)
	return oldest
}

func isClosed(ready <-chan struct{}) bool {
	select {
	case <-ready:
		return true
	default:
		return false
	}
}
