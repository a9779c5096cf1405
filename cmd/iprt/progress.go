package main

import (
	"sync"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/iprt/iprt/host/fetch/unixfs"
)

// barDelay keeps short work from flashing a bar.
const barDelay = time.Second

// bar shows progress on a terminal once work takes longer than a second. A nil
// bar shows nothing, and all methods may be called from several goroutines.
type bar struct {
	what string
	app  *app

	mu    sync.Mutex
	begun time.Time
	total int64 // 0 when not known
	now   int64
	pool  *mpb.Progress
	bar   *mpb.Bar
}

// progress starts a bar. Call done when the work has ended, well or not.
func (a *app) progress(what string, total int64) *bar {
	if a.flags.json || !isTerminal(a.stderr) {
		return nil
	}
	return &bar{what: what, app: a, total: total, begun: time.Now()}
}

// sized takes the total from the first block of a file, which says it.
func (b *bar) sized(c cid.Cid, block []byte) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.total != 0 || b.now != 0 {
		return
	}
	if n, err := unixfs.Parse(c, block); err == nil && n.Size < 1<<62 {
		b.total = int64(n.Size)
	}
}

func (b *bar) add(n int) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now += int64(n)
	if b.bar == nil && time.Since(b.begun) > barDelay {
		b.show()
	}
	if b.bar != nil {
		b.bar.SetCurrent(b.now)
	}
}

func (b *bar) show() {
	b.pool = mpb.New(mpb.WithOutput(b.app.stderr), mpb.WithWidth(40))
	b.bar = b.pool.AddBar(b.total,
		mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(decor.Name(b.what), decor.Counters(decor.SizeB1024(0), " % .1f / % .1f")),
		mpb.AppendDecorators(decor.AverageSpeed(decor.SizeB1024(0), "% .1f")),
	)
}

func (b *bar) done() {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.bar != nil {
		b.bar.Abort(true)
		b.pool.Wait()
	}
}
