package artifact

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// Bounds lists what the system enforces on a compile child.
func Bounds() []string {
	return append([]string{"time", "processor time", "memory", "output", "life"}, filtered...)
}

// group makes the child the head of a process group of its own, which is killed as
// a whole, and dies with the thread that starts it.
func group(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return killGroup(cmd) }
}

// confine bounds this process, for good.
func confine(q request) error {
	limits := []struct {
		what int
		max  uint64
	}{
		{unix.RLIMIT_AS, addressSpace() + uint64(q.memory)},
		{unix.RLIMIT_CPU, uint64(q.cpu.Seconds())},
		{unix.RLIMIT_CORE, 0},
		{unix.RLIMIT_FSIZE, 0},  // nothing is written to a file
		{unix.RLIMIT_NOFILE, 8}, // those that are open, and what the runtime needs
	}
	for _, l := range limits {
		if err := unix.Setrlimit(l.what, &unix.Rlimit{Cur: l.max, Max: l.max}); err != nil {
			return fmt.Errorf("cannot set resource limit %d to %d: %w", l.what, l.max, err)
		}
	}
	filter()
	// What it works on is nobody's business, and it is in no hurry.
	return errors.Join(unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0), unix.Setpriority(unix.PRIO_PGRP, 0, 10))
}

// addressSpace is what the process has reserved already, most of it by the
// runtime and never used.
func addressSpace() uint64 {
	b, err := os.ReadFile("/proc/self/statm")
	if err == nil {
		first, _, _ := bytes.Cut(b, []byte(" "))
		if pages, err := strconv.ParseUint(string(first), 10, 50); err == nil {
			return pages * uint64(os.Getpagesize())
		}
	}
	return 2 << 30
}
