package fetch

import (
	"context"

	"github.com/ipfs/go-cid"
)

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
