package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/ipfs/go-cid"
)

// maxLocalBlock bounds a block in a folder or a CAR file. There a whole module
// may be one raw block, larger than what the network carries.
const maxLocalBlock = 32 << 20

// Func returns a local source that calls get, which returns an error that
// matches [ErrNotFound] for what it does not have. It serves content that is
// built into a program. get may be called from many goroutines.
func Func(name string, get func(cid.Cid) ([]byte, error)) Source {
	return funcSource{name, get}
}

type funcSource struct {
	name string
	get  func(cid.Cid) ([]byte, error)
}

func (s funcSource) Name() string                                    { return s.name }
func (s funcSource) Local() bool                                     { return true }
func (s funcSource) Session(context.Context, cid.Cid, Budget) Getter { return s }
func (s funcSource) Get(_ context.Context, c cid.Cid) ([]byte, error) {
	return s.get(c)
}

// Dir returns a local source of files that are named by CID, one block each:
// CID in its usual text form, or CID.wasm. A CIDv0 is found under its CIDv1
// and the other way round.
func Dir(name string, dir fs.FS) Source { return dirSource{name: name, dir: dir} }

type dirSource struct {
	name  string
	dir   fs.FS
	limit int64
}

func (s dirSource) Name() string { return s.name }
func (s dirSource) Local() bool  { return true }

func (s dirSource) Session(_ context.Context, _ cid.Cid, b Budget) Getter {
	s.limit = maxLocalBlock
	if w := b.wire(); w >= 0 {
		s.limit = min(s.limit, w)
	}
	return s
}

func (s dirSource) Get(_ context.Context, c cid.Cid) ([]byte, error) {
	for _, name := range fileNames(c) {
		info, err := fs.Stat(s.dir, name) // before it is opened: a pipe would be waited for
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil && !info.Mode().IsRegular() {
			err = fmt.Errorf("%s is no regular file", name)
		}
		if err != nil {
			return nil, err
		}
		f, err := s.dir.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		// The size on record may change while the file is read.
		b, err := io.ReadAll(io.LimitReader(f, s.limit+1))
		if err != nil {
			return nil, err
		}
		if int64(len(b)) > s.limit {
			return nil, fmt.Errorf("%s has more than %d bytes", name, s.limit)
		}
		return b, nil
	}
	return nil, ErrNotFound
}

// fileNames are the names a block may have in a folder.
func fileNames(c cid.Cid) []string {
	names := []string{c.String(), c.String() + ".wasm"}
	p := c.Prefix()
	switch {
	case p.Version == 0:
		names = append(names, cid.NewCidV1(cid.DagProtobuf, c.Hash()).String())
	case p.Codec == cid.DagProtobuf && isIdentifier(cid.NewCidV1(cid.Raw, c.Hash())):
		names = append(names, cid.NewCidV0(c.Hash()).String())
	}
	return names
}
