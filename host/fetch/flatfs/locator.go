package flatfs

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/iprt/iprt/host/fetch"

	"github.com/ipfs/go-cid"
)

const tmpPrefix = ".new-"

func (s *Store) locatorDir() string { return filepath.Join(s.dir, "locators") }

func (s *Store) locatorFile(id cid.Cid) string { return filepath.Join(s.locatorDir(), id.String()) }

// SetLocator implements [fetch.Index].
func (s *Store) SetLocator(_ context.Context, id, locator cid.Cid) error {
	return s.fail("write", replaceFile(s.locatorFile(id), locator.String()+"\n"))
}

// Locator implements [fetch.Index]. An entry that does not parse is the same as
// none: it is a hint, and will be written anew.
func (s *Store) Locator(_ context.Context, id cid.Cid) (cid.Cid, error) {
	text, err := os.ReadFile(s.locatorFile(id))
	if errors.Is(err, fs.ErrNotExist) {
		return cid.Undef, fetch.ErrNotFound
	}
	if err != nil {
		return cid.Undef, s.fail("read", err)
	}
	locator, err := cid.Decode(strings.TrimSpace(string(text)))
	if err != nil {
		return cid.Undef, fetch.ErrNotFound
	}
	return locator, nil
}

// DeleteLocator forgets the entry of id; one that is not there is no error.
func (s *Store) DeleteLocator(_ context.Context, id cid.Cid) error {
	if err := os.Remove(s.locatorFile(id)); !errors.Is(err, fs.ErrNotExist) {
		return s.fail("delete", err)
	}
	return nil
}

// sweep removes what a crash left in the locator directory.
func (s *Store) sweep() error {
	left, err := filepath.Glob(filepath.Join(s.locatorDir(), tmpPrefix+"*"))
	if err != nil {
		return err
	}
	for _, name := range left {
		if err := os.Remove(name); err != nil {
			return err
		}
	}
	return nil
}

// replaceFile writes a file that is on disk, whole, when it returns nil.
func replaceFile(name, text string) error {
	tmp, err := os.CreateTemp(filepath.Dir(name), tmpPrefix+"*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // fails after the rename, as it should
	_, err = tmp.WriteString(text)
	err = errors.Join(err, tmp.Sync(), tmp.Close())
	if err != nil {
		return err
	}
	if err := os.Rename(tmp.Name(), name); err != nil {
		return err
	}
	return syncDir(filepath.Dir(name))
}

func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil // directories cannot be synced there
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
