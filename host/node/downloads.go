package node

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/ipfs/go-cid"

	"github.com/iprt/iprt/host/fetch"
	"github.com/iprt/iprt/host/node/control"
)

const (
	// downloadIdle is how long a download that asks for nothing is kept open.
	downloadIdle = 30 * time.Second
	// maxDownloads bounds those that are open. Each may hold some MiB.
	maxDownloads = 32
	// maxSessionName bounds what clients call them, in bytes.
	maxSessionName = 64
)

// downloads are the fetch sessions behind calls of GetBlock that belong
// together. Their zero value is ready.
type downloads struct {
	mu     sync.Mutex
	open   map[string]*download
	closed bool
	ends   sync.WaitGroup // sessions being closed
}

// download is one of them.
type download struct {
	once    sync.Once
	session *fetch.Session
	release func()
	err     error

	users int
	timer *time.Timer // ends it; nil while in use
}

// block gets one block below the root of the download that r names. The first
// call's block is the root.
func (n *Node) block(ctx context.Context, c cid.Cid, r control.Reach) ([]byte, error) {
	if len(r.Session) > maxSessionName {
		return nil, control.Errorf(control.Usage, "bad-request", "choose a shorter one", "the session's name is longer than %d bytes", maxSessionName)
	}
	ds := &n.downloads
	key := fmt.Sprintf("%q %q %q %t", r.Session, r.Peers, r.Gateways, r.Offline)
	d, err := ds.join(key)
	if err != nil {
		return nil, err
	}
	defer ds.leave(key, d)
	d.once.Do(func() {
		f, release, err := n.reach(ctx, r)
		if err != nil {
			d.err = err
			return
		}
		d.release = release
		// It outlives the call.
		d.session, d.err = f.Open(context.WithoutCancel(ctx), fetch.Request{CID: c, Budget: fetch.Download})
	})
	if d.err != nil {
		return nil, d.err
	}
	return d.session.Get(ctx, c)
}

func (ds *downloads) join(key string) (*download, error) {
	ds.mu.Lock()
	defer ds.mu.Unlock()
	if ds.closed {
		return nil, errStopped
	}
	d, ok := ds.open[key]
	if !ok {
		if len(ds.open) >= maxDownloads && !ds.evict() {
			return nil, control.Errorf(control.Limit, "busy", "try again when one of them is done", "%d downloads are under way already", maxDownloads)
		}
		if ds.open == nil {
			ds.open = make(map[string]*download)
		}
		d = new(download)
		ds.open[key] = d
	}
	d.users++
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	return d, nil
}

func (ds *downloads) leave(key string, d *download) {
	ds.mu.Lock()
	defer ds.mu.Unlock()
	if d.users--; d.users > 0 {
		return
	}
	if d.err != nil || ds.closed {
		ds.drop(key, d)
		return
	}
	d.timer = time.AfterFunc(downloadIdle, func() {
		ds.mu.Lock()
		defer ds.mu.Unlock()
		if d.users == 0 && ds.open[key] == d {
			ds.drop(key, d)
		}
	})
}

// evict ends a download that is not in use. The lock is held.
func (ds *downloads) evict() bool {
	for key, d := range ds.open {
		if d.users == 0 {
			ds.drop(key, d)
			return true
		}
	}
	return false
}

// drop ends a download that nobody uses. The lock is held.
func (ds *downloads) drop(key string, d *download) {
	delete(ds.open, key)
	if d.timer != nil {
		d.timer.Stop()
	}
	ds.ends.Go(d.end)
}

func (d *download) end() {
	if d.session != nil {
		d.session.Close()
	}
	if d.release != nil {
		d.release()
	}
}

// close ends all downloads. No call runs any more, and none is made later.
func (ds *downloads) close(context.Context) error {
	ds.mu.Lock()
	ds.closed = true
	for key, d := range ds.open {
		if d.users == 0 {
			ds.drop(key, d)
		}
	}
	ds.mu.Unlock()
	ds.ends.Wait()
	return nil
}
