package main

import (
	"context"
	"errors"
	"time"

	"github.com/iprt/iprt/host/node"
	"github.com/iprt/iprt/host/node/control"
	"github.com/iprt/iprt/host/node/datadir"
)

// lockWait is how long a command waits for another one that uses the same data
// directory, or for a node that has locked it but does not answer yet.
const lockWait = 3 * time.Second

// with calls f with the node that owns the data directory: the running one, or
// one that lives for this call.
func (a *app) with(ctx context.Context, f func(context.Context, control.API) error) error {
	deadline := time.Now().Add(lockWait)
	for {
		client, err := control.Dial(ctx, a.flags.dir)
		if err == nil {
			defer func() { _ = client.Close() }()
			if err := a.onlyForOwnNode(); err != nil {
				return err
			}
			return f(ctx, client)
		}
		if !errors.Is(err, control.ErrNoNode) {
			return err
		}
		err = a.withOwn(ctx, f)
		if !errors.Is(err, datadir.ErrLocked) || time.Now().After(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// onlyForOwnNode refuses flags that a node which runs already cannot honour.
func (a *app) onlyForOwnNode() error {
	var flag string
	switch {
	case !a.flags.builtin:
		flag = "--no-builtin"
	case len(a.flags.from) > 0:
		flag = "--from"
	case len(a.flags.listen) > 0:
		flag = "--listen"
	case a.flags.engine != defaultEngine:
		flag = "--engine"
	default:
		return nil
	}
	return usagef("stop the node, or give this command a --data-dir of its own",
		"%s has no effect: a node runs on %s and will do the work", flag, a.flags.dir)
}

// withOwn calls f with a node of this process.
func (a *app) withOwn(ctx context.Context, f func(context.Context, control.API) error) (err error) {
	n, closeNode, err := a.openNode(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeNode()) }()
	return f(ctx, n)
}

// withRunning calls f with the running node and fails if there is none.
func (a *app) withRunning(ctx context.Context, f func(context.Context, control.API) error) error {
	client, err := control.Dial(ctx, a.flags.dir)
	if err != nil {
		return needsNode(err)
	}
	defer func() { _ = client.Close() }()
	return f(ctx, client)
}

// drainTime is how long a node that was told to stop lets calls finish, unless
// --drain says otherwise.
const drainTime = 10 * time.Second

// openNode opens the data directory in this process, with a Config that adjust,
// if not nil, has changed. The function it returns closes everything that was
// opened.
func (a *app) openNode(ctx context.Context, adjust func(*node.Config)) (*node.Node, func() error, error) {
	eng, err := engines()[a.flags.engine]()
	if err != nil {
		return nil, nil, err
	}
	cfg := node.Config{
		Dir:      a.flags.dir,
		Engine:   eng,
		Listen:   a.flags.listen,
		Peers:    a.flags.peers,
		Gateways: a.flags.gateways,
		From:     a.flags.from,
		Offline:  a.flags.offline,
		Log:      a.log,
		Version:  version(),

		CompileArgs: compileArgs(eng, a.flags.engine),
	}
	if a.flags.builtin {
		cfg.Builtin = builtin()
	}
	if adjust != nil {
		adjust(&cfg)
	}
	n, err := node.Open(ctx, cfg)
	if err != nil {
		return nil, nil, errors.Join(err, eng.Close(context.WithoutCancel(ctx)))
	}
	a.own = true
	return n, func() error {
		// The signal that ended ctx must not cut the drain short.
		drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.drain)
		defer cancel()
		return errors.Join(n.Close(drain), eng.Close(drain))
	}, nil
}
