//go:build !windows && (!unix || solaris || aix)

package datadir

import (
	"errors"
	"os"
)

// lockFile refuses: without a lock that dies with the process, two nodes could
// share a store and a key.
func lockFile(*os.File) error {
	return errors.New("this system has no file lock that iprt knows how to use")
}
