package abuse

import (
	"fmt"
	"runtime"
	"time"
)

// holding is what a process has that a closed host must have given back.
type holding struct{ goroutines, descriptors int }

func (h holding) String() string {
	return fmt.Sprintf("%d goroutines, %d descriptors", h.goroutines, h.descriptors)
}

func held() holding { return holding{runtime.NumGoroutine(), descriptors()} }

// settled waits a while for what is ending, until no more is held than before.
func settled(before holding) holding {
	for end := time.Now().Add(3 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		now := held()
		if now.goroutines <= before.goroutines && now.descriptors <= before.descriptors {
			return before
		}
		if time.Now().After(end) {
			return now
		}
	}
}
