package unixfs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/ipfs/boxo/ipld/merkledag"
	ft "github.com/ipfs/boxo/ipld/unixfs"
	ipld "github.com/ipfs/go-ipld-format"
)

// Options are the settings of [AddFS]. The zero value does what `ipfs add -r`
// does.
type Options struct {
	// Hidden adds what starts with a dot as well. The root is added whatever
	// its name.
	Hidden bool
	// Progress, if set, is called after each file with the bytes so far.
	Progress func(name string, total uint64)
}

// AddFS stores the file, directory or symbolic link at name in fsys. Links are
// kept as links and not followed. Permissions and times are not kept. A file of
// any other kind, such as a device, is an error.
//
// Directories of several thousand entries are sharded. Errors are those of fsys
// and of p.
func AddFS(ctx context.Context, p Putter, fsys fs.FS, name string, o Options) (Added, error) {
	return (&adder{Putter: p, fsys: fsys, opts: o}).add(ctx, name)
}

type adder struct {
	Putter
	fsys fs.FS
	opts Options
	done uint64
}

func (a *adder) add(ctx context.Context, name string) (Added, error) {
	if err := ctx.Err(); err != nil {
		return Added{}, err
	}
	info, err := fs.Lstat(a.fsys, name)
	if err != nil {
		return Added{}, err
	}
	switch info.Mode().Type() {
	case 0:
		return a.file(ctx, name)
	case fs.ModeDir:
		return a.dir(ctx, name)
	case fs.ModeSymlink:
		return a.symlink(ctx, name)
	default:
		return Added{}, fmt.Errorf("%s: cannot add a file of mode %s", name, info.Mode())
	}
}

func (a *adder) file(ctx context.Context, name string) (Added, error) {
	f, err := a.fsys.Open(name)
	if err != nil {
		return Added{}, err
	}
	defer f.Close()
	added, err := Add(ctx, a, readerOf{ctx, f})
	if err != nil {
		return Added{}, fmt.Errorf("%s: %w", name, err)
	}
	if a.done += added.Size; a.opts.Progress != nil {
		a.opts.Progress(name, a.done)
	}
	return added, nil
}

// readerOf ends with its context.
type readerOf struct {
	ctx context.Context
	r   io.Reader
}

func (r readerOf) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(b)
}

func (a *adder) dir(ctx context.Context, name string) (Added, error) {
	entries, err := fs.ReadDir(a.fsys, name)
	if err != nil {
		return Added{}, err
	}
	var links []*ipld.Link
	var size, total uint64
	var estimate int
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") && !a.opts.Hidden {
			continue
		}
		child, err := a.add(ctx, path.Join(name, e.Name()))
		if err != nil {
			return Added{}, err
		}
		links = append(links, &ipld.Link{Name: e.Name(), Cid: child.CID, Size: child.Total})
		estimate += len(e.Name()) + child.CID.ByteLen()
		size, total = size+child.Size, total+child.Total
	}
	if estimate > maxDirectory {
		added, err := putSharded(ctx, a, links)
		added.Size = size
		return added, err
	}
	pn := ft.EmptyDirNode()
	for _, l := range links {
		if err := pn.AddRawLink(l.Name, l); err != nil {
			return Added{}, err
		}
	}
	added, err := putNode(ctx, a, pn)
	added.Size, added.Total = size, added.Total+total
	return added, err
}

func (a *adder) symlink(ctx context.Context, name string) (Added, error) {
	target, err := fs.ReadLink(a.fsys, name)
	if err != nil {
		return Added{}, err
	}
	if target == "" {
		return Added{}, errors.New(name + ": a symbolic link to nothing")
	}
	data, err := ft.SymlinkData(target)
	if err != nil {
		return Added{}, err
	}
	return putNode(ctx, a, merkledag.NodeWithData(data))
}
