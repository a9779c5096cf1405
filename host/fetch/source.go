package fetch

import (
	"context"

	"github.com/ipfs/go-cid"
)

// MaxBlock is the largest block taken from the network, in bytes: the limit
// that bitswap and gateways agree on. Larger content travels as UnixFS.
const MaxBlock = 2 << 20

// A Getter hands over the bytes that a CID is claimed to name. The caller
// checks the hash and may keep the slice, but does not write to it.
//
// Get returns an error that matches [ErrNotFound] when the block is not there.
// It is called from many goroutines and must return soon after ctx is done.
type Getter interface {
	Get(ctx context.Context, c cid.Cid) ([]byte, error)
}

// A Source is a place where blocks may be found.
//
// Session prepares for a request that starts at root. It does not block. The
// budget says how much the request may read at most, so that a source never
// reads ahead of it. The session ends with ctx; if the Getter is an io.Closer
// as well, it is closed then, and Close waits for whatever the session started.
//
// A source with a method Local() bool that returns true is asked before the
// network, stays available when the fetcher is offline, and its blocks are not
// copied to the store.
type Source interface {
	// Name says where the blocks come from, for error texts and progress:
	// "bitswap", "gateway https://example.org". It holds no credentials.
	Name() string
	Session(ctx context.Context, root cid.Cid, b Budget) Getter
}

// isLocal reports whether s answers without the network.
func isLocal(s Source) bool {
	l, ok := s.(interface{ Local() bool })
	return ok && l.Local()
}

// A Store keeps blocks on this machine. All methods may be called from many
// goroutines. Blocks are addressed by multihash: what was put under a CIDv0 is
// found under the CIDv1 of the same hash.
type Store interface {
	// Get returns the block, or an error that matches [ErrNotFound]. The
	// bytes are not trusted: the fetcher checks them.
	Get(ctx context.Context, c cid.Cid) ([]byte, error)
	// Put keeps a block. When it returns nil, the block survives a crash.
	// Putting a block that is there already does nothing.
	Put(ctx context.Context, c cid.Cid, block []byte) error
	Has(ctx context.Context, c cid.Cid) (bool, error)
	// Delete removes a block; one that is not there is no error.
	Delete(ctx context.Context, c cid.Cid) error
}

// An Index remembers under which locator a whole file was fetched, by the
// identity of its bytes. A file larger than [MaxBlock] is no block under its
// identity, so without an index it could not be found again by identity when
// offline. A [Store] that implements Index as well is used as one.
//
// Entries are hints: what they lead to is hashed and compared with the
// identity that was asked for.
type Index interface {
	// SetLocator replaces what was known for id.
	SetLocator(ctx context.Context, id, locator cid.Cid) error
	// Locator returns an error that matches [ErrNotFound] when it knows none.
	Locator(ctx context.Context, id cid.Cid) (cid.Cid, error)
}
