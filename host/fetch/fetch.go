package fetch

import (
	"context"
	"log/slog"
	"slices"
	"sync"

	"github.com/ipfs/go-cid"
)

// Config says where a Fetcher looks. The zero value looks nowhere.
type Config struct {
	// Store keeps blocks that came from the network. Nil keeps nothing.
	Store Store
	// Sources are asked when the store does not have a block.
	Sources []Source
	// Log gets corrupt blocks and lying sources. Nil discards.
	Log *slog.Logger
}

// A Fetcher gets content by CID. It has no state of its own, and its methods
// may be called from many goroutines.
type Fetcher struct {
	store   Store
	index   Index
	sources []Source
	log     *slog.Logger
	offline bool
	mend    *sync.Mutex // held while a corrupt block is removed from the store
}

// New returns a Fetcher. It takes no ownership: whoever made the store and the
// sources closes them, after the last request.
func New(cfg Config) *Fetcher {
	f := &Fetcher{store: cfg.Store, sources: slices.Clone(cfg.Sources), log: cfg.Log, mend: new(sync.Mutex)}
	if f.log == nil {
		f.log = slog.New(slog.DiscardHandler)
	}
	f.index, _ = cfg.Store.(Index)
	return f
}

// With returns a Fetcher that asks extra sources as well.
func (f *Fetcher) With(extra ...Source) *Fetcher {
	g := *f
	g.sources = slices.Concat(f.sources, extra)
	return &g
}

// Offline returns a Fetcher that asks the store and local sources only.
func (f *Fetcher) Offline() *Fetcher {
	g := *f
	g.sources = slices.DeleteFunc(slices.Clone(f.sources), func(s Source) bool { return !isLocal(s) })
	g.offline = true
	return &g
}

// A Request names content and says how much may be spent on it.
type Request struct {
	CID cid.Cid
	// Budget: zero fields mean those of [Untrusted].
	Budget Budget
	// Progress, if set, is called about ten times a second while bytes
	// arrive, and once at the end. Never two calls at a time; it must not block.
	Progress func(Progress)
}

// Block returns one block of any codec. The bytes are shared: nobody writes to
// them.
//
// Errors: [*CIDError], [*Error], [*BudgetError], what the store's Put
// returned, or the context's.
func (f *Fetcher) Block(ctx context.Context, r Request) ([]byte, error) {
	s, err := f.Open(ctx, r)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	return s.Get(ctx, r.CID)
}

// File returns a whole file: a raw block, or a UnixFS file in as many blocks as
// the budget permits.
//
// A file that is larger than a block and was fetched before is found by its
// identity too, as long as the store is an [Index].
//
// Errors: those of Block, [*NotFileError] and [*ContentError].
func (f *Fetcher) File(ctx context.Context, r Request) (Verified, error) {
	if err := CheckFileCID(r.CID); err != nil {
		return Verified{}, err
	}
	if v, ok := f.byIdentity(ctx, r); ok {
		return v, nil
	}
	v, err := f.file(ctx, r)
	if err != nil {
		return Verified{}, err
	}
	f.remember(ctx, v)
	return v, nil
}

func (f *Fetcher) file(ctx context.Context, r Request) (Verified, error) {
	s, err := f.Open(ctx, r)
	if err != nil {
		return Verified{}, err
	}
	defer s.Close()
	b, err := s.file(ctx)
	if err != nil {
		return Verified{}, err
	}
	return Verified{id: Identity(b), locator: r.CID, bytes: b, from: s.meter.sources()}, nil
}

// byIdentity loads a file by the locator that is known for its identity. Any
// failure means that the CID is tried as it stands.
func (f *Fetcher) byIdentity(ctx context.Context, r Request) (Verified, bool) {
	if f.index == nil || !isIdentifier(r.CID) {
		return Verified{}, false
	}
	locator, err := f.index.Locator(ctx, r.CID)
	if err != nil || CheckFileCID(locator) != nil {
		return Verified{}, false
	}
	located := r
	located.CID = locator
	v, err := f.file(ctx, located)
	if err != nil {
		f.log.Debug("file is known by another CID, which could not be fetched", "cid", r.CID, "locator", locator, "err", err)
		return Verified{}, false
	}
	if v.id != r.CID {
		f.log.Warn("index names a file of another identity; ignored", "cid", r.CID, "locator", locator, "identity", v.id)
		return Verified{}, false
	}
	v.locator = r.CID
	return v, true
}

// remember notes the way from a file's identity to the CID it was fetched by.
// It is a convenience for later, so a failure does not fail the fetch.
func (f *Fetcher) remember(ctx context.Context, v Verified) {
	if f.index == nil || v.id == v.locator {
		return
	}
	if known, err := f.index.Locator(ctx, v.id); err == nil && known == v.locator {
		return
	}
	if err := f.index.SetLocator(ctx, v.id, v.locator); err != nil {
		f.log.Warn("cannot note the locator of a file", "cid", v.id, "locator", v.locator, "err", err)
	}
}
