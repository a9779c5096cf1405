//go:build unix

package artifact

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

// root is where the child stands: not in a directory of anybody's.
func root() string { return "/" }

// killGroup ends the child and all that it started.
func killGroup(cmd *exec.Cmd) error {
	err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	if errors.Is(err, syscall.ESRCH) {
		return os.ErrProcessDone
	}
	return err
}

// killed reports whether a signal ended a process.
func killed(s *os.ProcessState) bool {
	w, ok := s.Sys().(syscall.WaitStatus)
	return ok && w.Signaled() && w.Signal() == syscall.SIGKILL
}
