package flatfs

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/iprt/iprt/host/fetch"
	"github.com/iprt/iprt/internal/plainfile"

	"github.com/ipfs/go-cid"
)

// maxLocator is above the length of any CID that may name a file.
const maxLocator = 1 << 10

func (s *Store) locatorDir() string { return filepath.Join(s.dir, "locators") }

func (s *Store) locatorFile(id cid.Cid) string { return filepath.Join(s.locatorDir(), id.String()) }

// SetLocator implements [fetch.Index].
func (s *Store) SetLocator(_ context.Context, id, locator cid.Cid) error {
	return s.fail("write", plainfile.Replace(s.locatorFile(id), []byte(locator.String()+"\n"), 0o600))
}

// Locator implements [fetch.Index]. An entry that does not parse, or is no file, is
// the same as none: it is a hint, and will be written anew.
func (s *Store) Locator(_ context.Context, id cid.Cid) (cid.Cid, error) {
	text, err := plainfile.ReadNoLink(s.locatorFile(id), maxLocator)
	var other *plainfile.Error
	if errors.Is(err, fs.ErrNotExist) || errors.As(err, &other) {
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
