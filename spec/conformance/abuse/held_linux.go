package abuse

import (
	"fmt"
	"os"
	"strings"
	"syscall"
)

// descriptors counts the open file descriptors of this process.
func descriptors() int {
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return -1
	}
	return len(list)
}

// starve lowers the limit on descriptors to those that are open, and leave more. restore undoes that.
func starve(leave int) (restore func(), err error) {
	var was syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &was); err != nil {
		return nil, err
	}
	highest := 0
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return nil, err
	}
	for _, d := range list {
		n := 0
		if _, err := fmt.Sscan(d.Name(), &n); err == nil {
			highest = max(highest, n)
		}
	}
	now := was
	now.Cur = uint64(highest + leave) // the directory that was just read is closed again
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &now); err != nil {
		return nil, err
	}
	return func() { _ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &was) }, nil
}

// limitAddressSpace bounds what this process may map, in bytes.
func limitAddressSpace(n uint64) error {
	return syscall.Setrlimit(syscall.RLIMIT_AS, &syscall.Rlimit{Cur: n, Max: n})
}

// peakMemory is the most memory that this process had since it was started, in bytes; 0 if that cannot be read. What wait reports of a
// child would count what its parent had when it made it.
func peakMemory() uint64 {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(b), "VmHWM:")
	var kib uint64
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		return 0
	}
	return kib << 10
}
