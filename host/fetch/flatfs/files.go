package flatfs

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/iprt/iprt/internal/plainfile"

	"github.com/ipfs/go-datastore"
	"github.com/ipfs/go-ds-flatfs"
)

// MaxBlock is the largest block that is read, in bytes. Whatever put a larger file
// in the place of a block, it is refused before it is read, and replaced by the next
// Put. Above it is only what nobody exchanges.
const MaxBlock = 32 << 20

// blockFiles is the datastore with a careful Get: its own reads whatever is there, a
// pipe until somebody writes to it and a huge file until memory is used up.
type blockFiles struct {
	*flatfs.Datastore
	dir   string
	shard flatfs.ShardFunc
}

func newBlockFiles(data *flatfs.Datastore, dir string) (*blockFiles, error) {
	shard, err := flatfs.ParseShardFunc(data.ShardStr())
	if err != nil {
		return nil, err
	}
	return &blockFiles{data, dir, shard.Func()}, nil
}

// Get implements [datastore.Read].
func (f *blockFiles) Get(_ context.Context, key datastore.Key) ([]byte, error) {
	name := strings.TrimPrefix(key.String(), "/")
	if !filepath.IsLocal(name) || name != filepath.Base(name) { // no key of a block
		return nil, datastore.ErrNotFound
	}
	b, err := plainfile.ReadNoLink(filepath.Join(f.dir, f.shard(name), name+".data"), MaxBlock)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, datastore.ErrNotFound
	}
	return b, err
}

// inspect looks at the two files that the datastore reads when it is opened. What
// it keeps about its size can be lost; how it is laid out cannot.
func (s *Store) inspect() error {
	const maxText = 4 << 10
	size := filepath.Join(s.blockDir(), flatfs.DiskUsageFile)
	if _, err := plainfile.Read(size, maxText); err != nil && !errors.Is(err, fs.ErrNotExist) {
		if err := os.Remove(size); err != nil {
			return err
		}
	}
	_, err := plainfile.Read(filepath.Join(s.blockDir(), flatfs.SHARDING_FN), maxText)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // the datastore says so itself
	}
	return err
}
