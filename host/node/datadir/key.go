package datadir

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/libp2p/go-libp2p/core/crypto"

	"github.com/iprt/iprt/internal/plainfile"
)

// Key reads the peer's private key and makes one, Ed25519, where there is none.
// A key that others could have read is refused: whoever has it is this peer.
func (d *Dir) Key() (crypto.PrivKey, error) {
	name := d.Join("key")
	k, err := ReadKey(name)
	if errors.Is(err, fs.ErrNotExist) {
		return newKey(name)
	}
	return k, err
}

// ReadKey reads a key file as [Dir.Key] does, and makes none: the error wraps
// fs.ErrNotExist where there is no file.
func ReadKey(name string) (crypto.PrivKey, error) {
	f, err := plainfile.Open(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, badKey(name, "cannot be read", err)
	}
	defer func() { _ = f.Close() }() // only read from
	info, err := f.Stat()
	if err != nil {
		return nil, badKey(name, "cannot be read", err)
	}
	if err := checkKeyOwner(name, info); err != nil {
		return nil, err
	}
	// Windows has no such bits; there the directory's own access list decides.
	if mode := info.Mode().Perm(); runtime.GOOS != "windows" && mode&0o077 != 0 {
		return nil, &Error{Path: name, Reason: fmt.Sprintf("has mode %04o, so others can read the private key", mode),
			Slug: "key-permissions", Advice: "if nobody else has read it, run: chmod 600 " + name}
	}
	b, err := plainfile.ReadAll(f, maxKey)
	if err != nil {
		return nil, badKey(name, "cannot be read", err)
	}
	k, err := crypto.UnmarshalPrivateKey(b)
	if err != nil {
		return nil, badKey(name, "is not a libp2p private key", err)
	}
	return k, nil
}

// maxKey is above the size of an RSA key of 8192 bits.
const maxKey = 16 << 10

// checkKeyOwner refuses a key of somebody else: they have it, too. The owner of
// the directory may own it, for a node that root runs on a user's directory.
func checkKeyOwner(name string, info os.FileInfo) error {
	uid, ok := plainfile.Owner(info)
	if !ok || uid == os.Geteuid() || uid == 0 {
		return nil
	}
	if dir, err := os.Stat(filepath.Dir(name)); err == nil {
		if owner, ok := plainfile.Owner(dir); ok && owner == uid {
			return nil
		}
	}
	return &Error{Path: name, Reason: fmt.Sprintf("belongs to user %d, who can read the private key", uid), Slug: "key-owner",
		Advice: "move it away: the node then makes a key of its own; or, if that user is you, change its owner with chown"}
}

func newKey(name string) (crypto.PrivKey, error) {
	k, _, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		return nil, badKey(name, "cannot be made", err)
	}
	b, err := crypto.MarshalPrivateKey(k)
	if err != nil {
		return nil, badKey(name, "cannot be made", err)
	}
	if err := plainfile.Replace(name, b, 0o600); err != nil {
		return nil, badKey(name, "cannot be written", err)
	}
	return k, nil
}

func badKey(name, what string, err error) error {
	return &Error{Path: name, Reason: what, Err: err, Slug: "key",
		Advice: "restore the key from a copy, or move the file away: the node then makes a new key and is a new peer"}
}
