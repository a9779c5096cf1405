package host

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
)

// lifetime knows what a host has running: loads on their way and the modules
// they made. Its zero value is open.
type lifetime struct {
	mu     sync.Mutex
	closed bool
	loads  map[*load]struct{}
	mods   []*Module
	idle   chan struct{} // made by close; closed when no load is left
}

type load struct{ cancel context.CancelFunc }

// enter registers a load. The context it returns ends with the host; leave
// must be called once.
func (l *lifetime) enter(ctx context.Context) (context.Context, func(), error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	ld := &load{cancel}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		cancel()
		return nil, nil, ErrClosed
	}
	if l.loads == nil {
		l.loads = make(map[*load]struct{})
	}
	l.loads[ld] = struct{}{}
	return ctx, func() { l.leave(ld) }, nil
}

// closedNotCancelled tells the caller of a load, whose own context is ctx, that
// it was the host that ended it.
func closedNotCancelled(ctx context.Context, err error) error {
	if errors.Is(err, context.Canceled) && ctx.Err() == nil {
		return ErrClosed
	}
	return err
}

func (l *lifetime) leave(ld *load) {
	ld.cancel()
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.loads, ld)
	if l.closed && len(l.loads) == 0 {
		close(l.idle)
	}
}

// add keeps a module that is about to start, unless the host was closed
// meanwhile.
func (l *lifetime) add(m *Module) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return ErrClosed
	}
	l.mods = append(l.mods, m)
	return nil
}

func (l *lifetime) remove(m *Module) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := slices.Index(l.mods, m); i >= 0 {
		l.mods = slices.Delete(l.mods, i, i+1)
	}
}

func (l *lifetime) modules() []*Module {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.mods)
}

func (l *lifetime) close(ctx context.Context) error {
	idle := l.shut()
	mods := l.modules()
	for _, m := range mods { // all first, so that they drain side by side
		m.shut()
	}
	var errs []error
	for _, m := range mods {
		errs = append(errs, m.Close(ctx))
	}
	select {
	case <-idle:
	case <-ctx.Done():
		select {
		case <-idle: // both are true, and select would choose by chance
		default:
			errs = append(errs, fmt.Errorf("host: a load is still running: %w", ctx.Err()))
		}
	}
	return errors.Join(errs...)
}

// shut closes the door and cancels what is on its way in.
func (l *lifetime) shut() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.closed = true
		l.idle = make(chan struct{})
		if len(l.loads) == 0 {
			close(l.idle)
		}
		for ld := range l.loads {
			ld.cancel()
		}
	}
	return l.idle
}
