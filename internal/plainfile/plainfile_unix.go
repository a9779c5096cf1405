//go:build unix

package plainfile

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// NoFollow, as a flag of [Open], refuses links.
const NoFollow = syscall.O_NOFOLLOW

// SyncDir makes renames and new names in a directory outlast a crash.
func SyncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Owner returns the user id that a file belongs to. ok is false where there is
// no such thing.
func Owner(info fs.FileInfo) (uid int, ok bool) {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return int(s.Uid), true
}

// openFlags keeps a pipe from making open wait for its other end.
func openFlags(flag int) int { return flag | syscall.O_NONBLOCK }
