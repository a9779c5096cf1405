package policy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"

	"github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/codec/dagjson"
	"github.com/ipld/go-ipld-prime/node/basicnode"

	"github.com/iprt/iprt/host"
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
// Errors: [*Error] for what is in the file, *fs.PathError for reading it.
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
	if err := save(f.path, data); err != nil {
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

// Grants returns what a binding is granted; empty for one that the file does
// not name.
func (f *File) Grants(binding string) (host.Grants, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	grants := host.Grants{}
	for iface, args := range f.doc.Grants[binding] {
		var g host.Grant
		if args != nil {
			nb := basicnode.Prototype.Any.NewBuilder()
			if err := dagjson.Decode(nb, bytes.NewReader(args)); err != nil {
				return nil, &Error{
					Path: f.path, At: fmt.Sprintf(`"grants".%q.%q`, binding, iface),
					Got: err.Error(), Want: "arguments in DAG-JSON", Err: err,
				}
			}
			g.Args = nb.Build()
		}
		grants[iface] = g
	}
	return grants, nil
}

// Grant adds an interface to what a binding is granted, without arguments.
func (d *Document) Grant(binding, iface string) {
	if d.Grants == nil {
		d.Grants = map[string]map[string]json.RawMessage{}
	}
	if d.Grants[binding] == nil {
		d.Grants[binding] = map[string]json.RawMessage{}
	}
	d.Grants[binding][iface] = nil
}

// AllowModule puts a CID on the allow list and takes it off the deny list.
func (d *Document) AllowModule(c cid.Cid) {
	d.Deny = without(d.Deny, c)
	d.Allow = append(without(d.Allow, c), c)
}

// DenyModule puts an identity on the deny list and takes it off the allow list.
// A CID that cannot be an identity is refused when the document is saved.
func (d *Document) DenyModule(c cid.Cid) {
	d.Allow = without(d.Allow, c)
	d.Deny = append(without(d.Deny, c), c)
}

// Refusal is why a policy file does not allow a module.
type Refusal struct {
	Path   string
	Denied bool // on the deny list, rather than on no list
	ID     cid.Cid
}

func (r *Refusal) Error() string {
	if r.Denied {
		return "it is on the deny list of " + r.Path
	}
	return "it is not on the allow list of " + r.Path
}

// Hint says what to do about it.
func (r *Refusal) Hint() string {
	if r.Denied {
		return "an operator denied it on purpose; take it off \"deny\" only if you know why it is there"
	}
	return fmt.Sprintf("look at it with \"iprt inspect %s\", then allow it with \"iprt grant %s\"", r.ID, r.ID)
}

func listed(list []cid.Cid, c host.Candidate) bool {
	return slices.ContainsFunc(list, c.Is)
}

func without(list []cid.Cid, c cid.Cid) []cid.Cid {
	return slices.DeleteFunc(slices.Clone(list), host.Candidate{ID: c}.Is)
}

func read(path string) (*Document, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return &Document{}, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxSize+1))
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

// save replaces a file so that after a crash it is the old one or the new
// one, whole.
func save(path string, data []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = tmp.Write(data)
	err = errors.Join(err, tmp.Sync(), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(tmp.Name()))
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes a rename outlast a crash. Windows has no such thing, and does
// without.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
