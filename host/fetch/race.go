package fetch

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/ipfs/go-cid"
)

// maxLies is how many wrong answers a source may give in one session before it
// is asked no more.
const maxLies = 2

// member is a source within one session.
type member struct {
	name   string
	getter Getter
	lies   atomic.Int32
	last   atomic.Pointer[HashError] // the latest lie
}

// ask gets a block and checks it. A source that lied too often is not asked;
// its latest lie is the answer.
func (m *member) ask(ctx context.Context, c cid.Cid) ([]byte, error) {
	if m.lies.Load() >= maxLies {
		return nil, m.last.Load()
	}
	block, err := m.getter.Get(ctx, c)
	if err != nil {
		return nil, err
	}
	err = verify(c, block, m.name)
	var wrong *HashError
	if errors.As(err, &wrong) {
		m.last.Store(wrong)
		m.lies.Add(1)
	}
	return block, err
}

type answer struct {
	member int
	block  []byte
	err    error
}

// race asks all network sources at once. The first valid block wins, and the
// others are told to stop; Close waits for them.
func (s *Session) race(ctx context.Context, c cid.Cid, fail *Error) (block []byte, source string, err error) {
	outer := ctx
	ctx, cancel := s.idle(ctx)
	defer cancel()
	answers := make(chan answer, len(s.remote))
	for i, m := range s.remote {
		s.asks.Go(func() {
			block, err := m.ask(ctx, c)
			answers <- answer{member: i, block: block, err: err}
		})
	}
	errs := make([]error, len(s.remote))
	for range s.remote {
		select {
		case a := <-answers:
			if a.err == nil {
				return a.block, s.remote[a.member].name, nil
			}
			if ctx.Err() == nil {
				s.complain(a.err)
				errs[a.member] = a.err
			}
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			break
		}
	}
	// The caller's end or the total deadline is not the fault of a source.
	if err := ended(outer); err != nil {
		return nil, "", err
	}
	for i, m := range s.remote {
		if errs[i] == nil {
			errs[i] = context.Cause(ctx)
		}
		fail.Causes = append(fail.Causes, Cause{Source: m.name, Err: errs[i]})
	}
	return nil, "", fail
}
