//go:build unix && !solaris && !aix

package main

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
)

// lockStaging takes a lock that ends with the process. On a file system without
// locks nothing is swept, and nothing else is lost.
func lockStaging(f *os.File) { _ = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) }

func abandoned(dir string) bool {
	f, err := os.OpenFile(filepath.Join(dir, stagingLock), os.O_RDWR|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil
}

// placeDir renames. That may replace a directory that is empty, which here is
// one that was made to keep the place. ([os.Rename] would not even do that.)
func placeDir(part, out string) error {
	if err := os.Mkdir(out, 0o700); err != nil {
		return err
	}
	if err := syscall.Rename(part, out); err != nil {
		return errors.Join(&os.LinkError{Op: "rename", Old: part, New: out, Err: err}, os.Remove(out))
	}
	return nil
}
