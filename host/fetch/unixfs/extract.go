package unixfs

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/ipfs/go-cid"
)

// Extract writes the file or directory at c to the path dst, which must not be
// there yet. Nothing is written outside dst: an entry with an unsafe name, or a
// symbolic link that leads out of dst, is a [*ContentError].
//
// progress, if not nil, is called after each file with the bytes so far. After
// an error, what was written stays.
func Extract(ctx context.Context, b Blocks, c cid.Cid, dst string, progress func(name string, total uint64)) error {
	n, err := get(ctx, b, c)
	if err != nil {
		return err
	}
	if _, err := os.Lstat(dst); !errors.Is(err, fs.ErrNotExist) {
		if err == nil {
			err = fs.ErrExist
		}
		return &fs.PathError{Op: "extract", Path: dst, Err: err}
	}
	if progress == nil {
		progress = func(string, uint64) {}
	}
	if n.Kind == File || n.Kind == Symlink {
		parent, err := os.OpenRoot(filepath.Dir(dst))
		if err != nil {
			return err
		}
		defer parent.Close()
		x := &extractor{Blocks: b, root: parent, progress: progress}
		if n.Kind == Symlink {
			return &KindError{CID: c, Kind: string(n.Kind), Want: "file or directory"}
		}
		return x.file(ctx, filepath.Base(dst), c, n)
	}
	if err := os.Mkdir(dst, 0o777); err != nil {
		return err
	}
	root, err := os.OpenRoot(dst)
	if err != nil {
		return err
	}
	defer root.Close()
	x := &extractor{Blocks: b, root: root, progress: progress}
	return x.dir(ctx, ".", c, n, 1)
}

type extractor struct {
	Blocks
	root     *os.Root
	progress func(string, uint64)
	total    uint64
}

func (x *extractor) dir(ctx context.Context, name string, c cid.Cid, n *Node, depth int) error {
	if depth > maxDepth {
		return bad(c, "directories are nested more than %d levels deep", maxDepth)
	}
	links, err := entries(ctx, x, c, n)
	if err != nil {
		return err
	}
	for _, l := range links {
		if !safeName(l.Name) {
			return bad(c, "an entry cannot be called %q", l.Name)
		}
		child, err := get(ctx, x, l.CID)
		if err != nil {
			return err
		}
		at := path.Join(name, l.Name)
		switch child.Kind {
		case File:
			err = x.file(ctx, at, l.CID, child)
		case Symlink:
			err = x.symlink(at, l.CID, string(child.Data))
		case Directory, Shard:
			if err = x.root.Mkdir(at, 0o777); err == nil {
				err = x.dir(ctx, at, l.CID, child, depth+1)
			}
		default:
			err = bad(l.CID, "a %s inside a directory", child.Kind)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// safeName reports whether an entry may become a file of that name here.
func safeName(name string) bool {
	return name != "" && name != "." && name != ".." && len(name) <= 255 &&
		!strings.ContainsAny(name, "/\x00") && filepath.IsLocal(name) && filepath.Base(name) == name
}

func (x *extractor) file(ctx context.Context, name string, c cid.Cid, n *Node) error {
	f, err := x.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	w := &writer{Blocks: x, w: f}
	err = w.node(ctx, c, n, n.Size, 1)
	x.total += w.written
	x.progress(name, x.total)
	return errors.Join(err, f.Close())
}

// symlink makes a link that stays inside. The os.Root would not follow any
// other, but programs that use the result later would. Targets that step up
// after stepping down are refused: where that leads depends on other links.
func (x *extractor) symlink(name string, c cid.Cid, target string) error {
	if path.Clean(target) != target || path.IsAbs(target) || !filepath.IsLocal(path.Join(path.Dir(name), target)) {
		return bad(c, "a symbolic link to %q, which is outside", target)
	}
	return x.root.Symlink(target, name)
}
