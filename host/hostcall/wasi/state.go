package wasi

import "github.com/iprt/iprt/abi"

// State is what one instance sees of WASI: its clock, its place in the random stream,
// its open descriptors and the line it is about to write. The zero value is the state
// of a fresh instance, whose output is dropped.
//
// A State belongs to one instance and, as that does, to one goroutine at a time.
type State struct {
	// Output receives what the guest writes to its standard output (fd 1) and standard
	// error (fd 2): whole lines without their line feed, or pieces of [MaxLine] bytes of
	// longer ones. line is only valid during the call, and holds whatever the guest
	// wrote, unsanitised. Returning false drops the rest of the guest's present write
	// unread; the guest never learns of that. nil drops everything.
	Output func(fd uint32, line []byte) bool

	elapsed uint64 // nanoseconds since abi.WASIClockStart
	random  stream
	closed  [stdio]bool
	partial [stdio][]byte // the last line of a descriptor, still without its end
}

// The descriptors that are open at first, and their number.
const (
	stdin = iota
	stdout
	stderr
	stdio
)

// Reset puts the state back to that of a fresh instance, for an instance whose memory
// and globals were put back too. An unfinished line is dropped.
func (s *State) Reset() { s.Restore(Snapshot{}) }

// Snapshot is what [State.Restore] puts a state back to. The zero value is the state of
// a fresh instance.
type Snapshot struct {
	elapsed uint64
	random  stream
	closed  [stdio]bool
}

// Snapshot returns the state as it is, but for an unfinished line.
func (s *State) Snapshot() Snapshot { return Snapshot{s.elapsed, s.random, s.closed} }

// Restore is [State.Reset] to a state other than the first, that of another instance of
// the same module perhaps.
func (s *State) Restore(to Snapshot) {
	*s = State{Output: s.Output, elapsed: to.elapsed, random: to.random, closed: to.closed}
}

func (s *State) isOpen(fd uint32) bool { return fd < stdio && !s.closed[fd] }

func (s *State) now() uint64 { return abi.WASIClockStart + s.elapsed }
