package artifact

import (
	"fmt"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// Bounds lists what the system enforces on a compile child. Memory is not
// among it: the system accepts such a limit and ignores it.
func Bounds() []string { return []string{"time", "processor time", "output"} }

func group(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return killGroup(cmd) }
}

func confine(q request) error {
	for what, max := range map[int]uint64{
		unix.RLIMIT_CPU: uint64(q.cpu.Seconds()), unix.RLIMIT_CORE: 0, unix.RLIMIT_FSIZE: 0, unix.RLIMIT_NOFILE: 8,
	} {
		if err := unix.Setrlimit(what, &unix.Rlimit{Cur: max, Max: max}); err != nil {
			return fmt.Errorf("cannot set resource limit %d to %d: %w", what, max, err)
		}
	}
	return nil
}
