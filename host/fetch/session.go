package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
)

// Where blocks come from that no source delivered.
const (
	storeName  = "store"
	inlineName = "the CID itself"
)

// A Session gets many blocks under one budget, from sources that keep their
// connections and their knowledge of who has what between blocks. It
// implements [Getter], with the difference that its bytes are verified.
type Session struct {
	f      *Fetcher
	root   cid.Cid
	budget Budget
	meter  *meter

	ctx    context.Context // ends with the session, or at its total deadline
	cancel context.CancelFunc
	local  []*member
	remote []*member
	asks   sync.WaitGroup // questions under way, the losers of a race among them
}

// Open starts a session for the content below r.CID. The budget's total time
// runs from here, and ctx bounds the whole session. Close must be called.
func (f *Fetcher) Open(ctx context.Context, r Request) (*Session, error) {
	if err := CheckCID(r.CID); err != nil {
		return nil, err
	}
	r.Budget = r.Budget.filled()
	s := &Session{f: f, root: r.CID, budget: r.Budget, meter: newMeter(r)}
	if t := r.Budget.Total; t > 0 {
		late := &BudgetError{CID: r.CID, What: "time", Limit: t.Milliseconds()}
		s.ctx, s.cancel = context.WithTimeoutCause(ctx, t, late)
	} else {
		s.ctx, s.cancel = context.WithCancel(ctx)
	}
	for _, source := range f.sources {
		m := &member{name: source.Name(), getter: source.Session(s.ctx, r.CID, r.Budget)}
		if isLocal(source) {
			s.local = append(s.local, m)
		} else {
			s.remote = append(s.remote, m)
		}
	}
	return s, nil
}

// Close ends the session: questions under way are cancelled, and when it
// returns nothing that the session started is running any more. It makes the
// last progress call.
func (s *Session) Close() {
	s.cancel()
	s.asks.Wait()
	for _, m := range append(s.local, s.remote...) {
		if c, ok := m.getter.(io.Closer); ok {
			_ = c.Close() // a source that ends badly has nothing left to say
		}
	}
	s.meter.finish()
}

// Get returns a verified block. It may be called from many goroutines; errors
// are those of [Fetcher.Block]. Every call is charged, for repeats as well. It
// is not called after Close, nor while Close runs.
func (s *Session) Get(ctx context.Context, c cid.Cid) ([]byte, error) {
	if err := CheckCID(c); err != nil {
		return nil, err
	}
	if err := s.meter.ask(1); err != nil {
		return nil, err
	}
	return s.get(ctx, c)
}

// get is Get for a block that was charged and whose CID was checked.
func (s *Session) get(ctx context.Context, c cid.Cid) ([]byte, error) {
	if isIdentity(c) {
		return s.inline(c)
	}
	if isEmpty(c) {
		return []byte{}, s.meter.took(0, inlineName)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(s.ctx, func() { cancel(context.Cause(s.ctx)) })()

	fail := &Error{CID: c, Root: s.root, Offline: s.f.offline}
	if block, ok := s.fromStore(ctx, c, fail); ok {
		return block, s.meter.took(len(block), storeName)
	}
	for _, m := range s.local {
		if block, ok := s.fromLocal(ctx, m, c, fail); ok {
			return block, s.meter.took(len(block), m.name)
		}
	}
	if err := ended(ctx); err != nil {
		return nil, err
	}
	block, name, err := s.race(ctx, c, fail)
	if err != nil {
		return nil, err
	}
	if err := s.meter.took(len(block), name); err != nil {
		return nil, err
	}
	if s.f.store != nil {
		if err := s.f.store.Put(ctx, c, block); err != nil {
			return nil, err
		}
	}
	return block, nil
}

// inline returns the bytes that a short identity CID carries itself.
func (s *Session) inline(c cid.Cid) ([]byte, error) {
	h, err := multihash.Decode(c.Hash())
	if err != nil {
		return nil, &CIDError{CID: c, Reason: err.Error()}
	}
	return h.Digest, s.meter.took(h.Length, inlineName)
}

// fromStore looks on this machine. A block that went bad is removed, so that a
// good copy can take its place.
func (s *Session) fromStore(ctx context.Context, c cid.Cid, fail *Error) ([]byte, bool) {
	if s.f.store == nil {
		return nil, false
	}
	block, err := s.f.store.Get(ctx, c)
	if err == nil {
		err = verify(c, block, storeName)
	}
	if err == nil {
		return block, true
	}
	var wrong *HashError
	if errors.As(err, &wrong) {
		if block, ok := s.f.remove(ctx, c); ok {
			return block, true
		}
		// It is missing from now on. It was no lie: nobody offered it.
		err = errCorrupt
	} else if !errors.Is(err, ErrNotFound) {
		s.f.log.Warn("cannot read a block from the store", "cid", c, "err", err)
	}
	fail.Causes = append(fail.Causes, Cause{Source: storeName, Err: err})
	return nil, false
}

// remove takes a corrupt block out of the store, unless it was replaced by a
// good one meanwhile, which it returns.
func (f *Fetcher) remove(ctx context.Context, c cid.Cid) ([]byte, bool) {
	f.mend.Lock()
	defer f.mend.Unlock()
	block, err := f.store.Get(ctx, c)
	if err != nil {
		return nil, false // somebody else removed it
	}
	if verify(c, block, storeName) == nil {
		return block, true
	}
	f.log.Warn("corrupt block in the store; removing it", "cid", c, "bytes", len(block))
	if err := f.store.Delete(ctx, c); err != nil {
		f.log.Error("cannot remove a corrupt block", "cid", c, "err", err)
	}
	return nil, false
}

var errCorrupt = errors.New("the block on disk was corrupt and has been removed")

func (s *Session) fromLocal(ctx context.Context, m *member, c cid.Cid, fail *Error) ([]byte, bool) {
	block, err := m.ask(ctx, c)
	if err != nil {
		s.complain(err)
		fail.Causes = append(fail.Causes, Cause{Source: m.name, Err: err})
		return nil, false
	}
	return block, true
}

// complain logs an answer that was wrong rather than missing.
func (s *Session) complain(err error) {
	var wrong *HashError
	if errors.As(err, &wrong) {
		s.f.log.Warn("a source sent wrong content", "source", wrong.Source, "cid", wrong.CID, "bytes", wrong.Size)
	}
}

// ended returns why ctx ended, or nil. A reason of the caller's own comes with
// the error of the context, which callers look for too.
func ended(ctx context.Context) error {
	cause := context.Cause(ctx)
	var limit *BudgetError
	if cause == nil || errors.As(cause, &limit) || errors.Is(cause, ctx.Err()) {
		return cause
	}
	return fmt.Errorf("%w: %w", ctx.Err(), cause)
}

// idle returns a context that ends when one block has taken too long.
func (s *Session) idle(ctx context.Context) (context.Context, context.CancelFunc) {
	if s.budget.Idle < 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, s.budget.Idle, errIdle(s.budget.Idle))
}

// errIdle is the cause of a source that did not answer in time.
type errIdle time.Duration

func (e errIdle) Error() string { return "no block within " + time.Duration(e).String() }
