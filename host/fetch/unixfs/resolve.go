package unixfs

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ipfs/go-cid"
)

// Resolve follows a path, names separated by slashes, from the directory at c.
// Empty names count for nothing. Links in directories are not followed.
//
// Errors: those of b, [*KindError] for a step into what is no directory,
// [*PathError] for a name that is not there, [*ContentError].
func Resolve(ctx context.Context, b Blocks, c cid.Cid, path string) (cid.Cid, error) {
	at := c
	for name := range strings.SplitSeq(path, "/") {
		if name == "" {
			continue
		}
		n, err := get(ctx, b, at)
		if err != nil {
			return cid.Undef, err
		}
		links, err := entries(ctx, b, at, n)
		if err != nil {
			return cid.Undef, err
		}
		i := slices.IndexFunc(links, func(l Link) bool { return l.Name == name })
		if i < 0 {
			return cid.Undef, &PathError{Root: c, Path: path, Name: name, Dir: at}
		}
		at = links[i].CID
	}
	return at, nil
}

// PathError says that a directory on a path has no entry of the next name.
type PathError struct {
	Root cid.Cid
	Path string
	Name string  // the name that is missing
	Dir  cid.Cid // where
}

func (e *PathError) Error() string {
	return fmt.Sprintf("%s/%s: directory %s has no entry %q", e.Root, strings.Trim(e.Path, "/"), e.Dir, e.Name)
}

// Code is "no-such-path".
func (e *PathError) Code() string { return "no-such-path" }

// Hint says what to do about it.
func (e *PathError) Hint() string {
	return "get the directory " + e.Dir.String() + " to see what is in it; names count upper and lower case"
}

// KindError says that a CID names something else than what was asked for.
type KindError struct {
	CID  cid.Cid
	Kind string // what it is: a [Kind], or "dag-cbor block" and the like
	Want string // what was expected
}

func (e *KindError) Error() string {
	return fmt.Sprintf("%s: it is a %s, expected a %s", e.CID, e.Kind, e.Want)
}

// Code is "not-a-file" or "not-a-directory".
func (e *KindError) Code() string {
	if e.Want == string(Directory) {
		return "not-a-directory"
	}
	return "not-a-file"
}

// Hint says what to do about it.
func (e *KindError) Hint() string {
	switch {
	case strings.HasSuffix(e.Kind, " block"):
		return "this is IPLD data, not a file; read it with `iprt dag get`"
	case e.Want == string(Directory):
		return "end the path here"
	case e.Kind == string(Symlink):
		return "get the directory that it is in"
	}
	return "add the name of a file in it to the path"
}
