//go:build unix

package generated

import (
	"syscall"
	"time"
)

// clock is the processor time of this process: what a compilation costs, whatever else the machine does.
func clock() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
