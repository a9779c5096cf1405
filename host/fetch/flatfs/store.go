package flatfs

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"syscall"

	"github.com/iprt/iprt/host/fetch"
	"github.com/iprt/iprt/internal/plainfile"

	"github.com/ipfs/boxo/blockstore"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	"github.com/ipfs/go-ds-flatfs"
	ipld "github.com/ipfs/go-ipld-format"
)

// Store keeps blocks below one directory. Its methods may be called from many
// goroutines.
type Store struct {
	dir    string
	data   *flatfs.Datastore
	blocks blockstore.Blockstore
}

var (
	_ fetch.Store = (*Store)(nil)
	_ fetch.Index = (*Store)(nil)
)

// Open opens the store below dir, and makes it if there is none. Directories
// that it makes are open to their owner only. Errors are of type [*Error].
func Open(dir string) (*Store, error) {
	s := &Store{dir: dir}
	if err := os.MkdirAll(s.locatorDir(), 0o700); err != nil {
		return nil, s.fail("open", err)
	}
	if err := s.create(); err != nil {
		return nil, s.fail("open", err)
	}
	if err := errors.Join(plainfile.Sweep(s.locatorDir(), plainfile.TempPattern), s.probe(), s.inspect()); err != nil {
		return nil, s.fail("open", err)
	}
	data, err := flatfs.Open(s.blockDir(), true)
	if err != nil {
		return nil, s.fail("open", err)
	}
	s.data = data
	// WriteThrough, because what is there under the same hash may have gone bad.
	files, err := newBlockFiles(data, s.blockDir())
	if err != nil {
		return nil, errors.Join(s.fail("open", err), s.Close())
	}
	s.blocks = blockstore.NewBlockstore(files, blockstore.NoPrefix(), blockstore.WriteThrough(true))
	return s, nil
}

func (s *Store) blockDir() string { return filepath.Join(s.dir, "blocks") }

// create makes the block directory under another name first: half a directory
// left by a crash would not open again.
func (s *Store) create() error {
	if _, err := os.Stat(s.blockDir()); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	tmp := s.blockDir() + ".new"
	if err := os.RemoveAll(tmp); err != nil {
		return err
	}
	if err := os.Mkdir(tmp, 0o700); err != nil {
		return err
	}
	if err := flatfs.Create(tmp, flatfs.NextToLast(2)); err != nil {
		return err
	}
	if err := plainfile.SyncDir(tmp); err != nil {
		return err
	}
	if err := os.Rename(tmp, s.blockDir()); err != nil {
		return err
	}
	return plainfile.SyncDir(s.dir)
}

// probe finds out whether the disk can be written to: flatfs needs that to open,
// and its error does not say why it failed. A full disk is no obstacle, as
// something must be able to delete.
func (s *Store) probe() error {
	name := filepath.Join(s.locatorDir(), ".new-probe")
	if err := os.Mkdir(name, 0o700); err != nil && !errors.Is(err, syscall.ENOSPC) {
		return err
	}
	if err := os.Remove(name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Close writes down what the store knows about its size. The store is not used
// afterwards.
func (s *Store) Close() error {
	return s.fail("close", s.data.Close())
}

// Blockstore returns the store in the form that boxo's servers take. Blocks that
// are read through it are checked, so that a server does not hand out what went
// bad on disk; blocks put through it are not.
func (s *Store) Blockstore() blockstore.Blockstore {
	return &blockstore.ValidatingBlockstore{Blockstore: s.blocks}
}

// Get implements [fetch.Store].
func (s *Store) Get(ctx context.Context, c cid.Cid) ([]byte, error) {
	b, err := s.blocks.Get(ctx, c)
	if ipld.IsNotFound(err) {
		return nil, fetch.ErrNotFound
	}
	if err != nil {
		return nil, s.fail("read", err)
	}
	return b.RawData(), nil
}

// Put implements [fetch.Store]. A block that is there already is written again
// only if it went bad. Errors are of type [*Error].
func (s *Store) Put(ctx context.Context, c cid.Cid, block []byte) error {
	if old, err := s.blocks.Get(ctx, c); err == nil && bytes.Equal(old.RawData(), block) {
		return nil
	}
	b, err := blocks.NewBlockWithCid(block, c)
	if err != nil {
		return s.fail("write", err)
	}
	return s.fail("write", s.blocks.Put(ctx, b))
}

// Has implements [fetch.Store].
func (s *Store) Has(ctx context.Context, c cid.Cid) (bool, error) {
	has, err := s.blocks.Has(ctx, c)
	return has, s.fail("read", err)
}

// Delete implements [fetch.Store].
func (s *Store) Delete(ctx context.Context, c cid.Cid) error {
	return s.fail("delete", s.blocks.DeleteBlock(ctx, c))
}

// Size returns how many bytes the blocks take on disk. It is an estimate for
// the first moments after a crash.
func (s *Store) Size(ctx context.Context) (uint64, error) {
	n, err := s.data.DiskUsage(ctx)
	return n, s.fail("read", err)
}

// All yields every block as the raw CIDv1 of its hash, in no order; under which
// codec a block was put is not kept. An error ends the sequence. Blocks put or
// deleted meanwhile may be missed or yielded.
func (s *Store) All(ctx context.Context) iter.Seq2[cid.Cid, error] {
	return func(yield func(cid.Cid, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		lister, ok := s.blocks.(blockstore.AllKeysChanWithErrer)
		if !ok {
			yield(cid.Undef, s.fail("list", errors.New("the block store cannot list its keys")))
			return
		}
		keys, failed, err := lister.AllKeysChanWithErr(ctx)
		if err != nil {
			yield(cid.Undef, s.fail("list", err))
			return
		}
		for c := range keys {
			if !yield(c, nil) {
				cancel()
				for range keys { // the lister ends when it notices
				}
				return
			}
		}
		if err := failed(); err != nil {
			yield(cid.Undef, s.fail("list", err))
		}
	}
}
