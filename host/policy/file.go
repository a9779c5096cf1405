package policy

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"sync"

	"github.com/iprt/iprt/host"
	"github.com/iprt/iprt/internal/plainfile"
)

// File is a policy kept in a file, and a host.Policy. All methods may be
// called from several goroutines at once.
type File struct {
	path string

	mu   sync.RWMutex
	doc  *Document
	seen os.FileInfo // of the file that doc was read from; nil if there was none
}

var _ host.Policy = (*File)(nil)

// Open reads a policy file. If there is none, the policy allows nothing and
// the file is made by the first [File.Update].
//
// Errors: [*Error] for what is in the file, *fs.PathError for reading it,
// *plainfile.Error for what is no file, or too large.
func Open(path string) (*File, error) {
	f := &File{path: path}
	if err := f.Reload(); err != nil {
		return nil, err
	}
	return f, nil
}

// Reload reads the file again. On an error the policy stays as it was.
func (f *File) Reload() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.reload()
}

// reload wants f.mu. It stats before it reads: an edit in between is then seen
// by the next look, and never missed.
func (f *File) reload() error {
	seen, err := os.Stat(f.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	doc, err := read(f.path)
	if err != nil {
		return err
	}
	f.doc, f.seen = doc, seen
	return nil
}

// Refresh reads the file again if somebody has changed it since, so that what
// an operator writes into it holds from the next decision on. It costs one stat.
func (f *File) Refresh() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	now, err := os.Stat(f.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		now = nil
	case err != nil:
		return err
	}
	if same(f.seen, now) {
		return nil
	}
	return f.reload()
}

func same(a, b os.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

// Path is where the file is.
func (f *File) Path() string { return f.path }

// Document returns a copy of what the file says.
func (f *File) Document() *Document {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.doc.clone()
}

// Update changes the file: it is read again, change gets what it says now, and
// what change leaves there is saved. If change or saving fails, file and policy
// stay as they were. Two programs must not update one file at the same time.
func (f *File) Update(change func(*Document) error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.reload(); err != nil {
		return err
	}
	doc := f.doc.clone()
	if err := change(doc); err != nil {
		return err
	}
	data, err := doc.Encode()
	if err != nil {
		return err
	}
	if _, err = Parse(data); err != nil { // what is saved can be opened again
		return err
	}
	if err := plainfile.Replace(f.path, data, 0o600); err != nil {
		return err
	}
	return f.reload()
}

// Allow implements host.Policy. It looks at the file as it is now; one that can
// no longer be read allows nothing.
func (f *File) Allow(_ context.Context, c host.Candidate) error {
	if err := f.Refresh(); err != nil {
		return err
	}
	f.mu.RLock()
	defer f.mu.RUnlock()
	if listed(f.doc.Deny, c) {
		return &Refusal{Path: f.path, Denied: true, ID: c.ID}
	}
	if !listed(f.doc.Allow, c) {
		return &Refusal{Path: f.path, ID: c.ID}
	}
	return nil
}

// Denied reports whether the file denies a module, for policies that allow
// what it does not list.
func (f *File) Denied(c host.Candidate) bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return listed(f.doc.Deny, c)
}

// Envelopes says which modules self-describing blocks may bring in.
func (f *File) Envelopes() Envelopes {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.doc.Envelopes == "" {
		return EnvelopesAllowList
	}
	return f.doc.Envelopes
}

func read(path string) (*Document, error) {
	data, err := plainfile.Read(path, MaxSize)
	if errors.Is(err, fs.ErrNotExist) {
		return &Document{}, nil
	}
	if err != nil {
		return nil, err
	}
	doc, err := Parse(data)
	var e *Error
	if errors.As(err, &e) {
		e.Path = path
	}
	return doc, err
}
