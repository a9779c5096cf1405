package wasi

import (
	"encoding/binary"
	"math"

	"github.com/iprt/iprt/abi"
)

// Clock ids. Both read the same virtual clock.
const (
	clockRealtime = iota
	clockMonotonic
)

func isClock(id uint32) bool { return id == clockRealtime || id == clockMonotonic }

func clockResGet(c call) (abi.Errno, error) {
	if !isClock(c.u32(0)) {
		return abi.ErrnoInval, nil
	}
	return c.put64(1, abi.WASIClockResolution), nil
}

func clockTimeGet(c call) (abi.Errno, error) {
	if !isClock(c.u32(0)) {
		return abi.ErrnoInval, nil
	}
	return c.put64(2, c.state.now()), nil
}

// Layout of a subscription and an event of poll_oneoff, and their tags.
const (
	subscriptionSize = 48
	eventSize        = 32

	tagClock   = 0
	tagFDRead  = 1
	tagFDWrite = 2

	hangup     = 1       // event flag
	writeSpace = 1 << 16 // bytes that fd 1 and 2 are always ready to take
)

// subscription views 48 bytes of guest memory.
type subscription []byte

func (s subscription) userdata() uint64 { return binary.LittleEndian.Uint64(s) }
func (s subscription) tag() byte        { return s[8] }
func (s subscription) id() uint32       { return binary.LittleEndian.Uint32(s[16:]) } // clock or descriptor
func (s subscription) timeout() uint64  { return binary.LittleEndian.Uint64(s[24:]) }
func (s subscription) absolute() bool   { return s[40]&1 != 0 }

// deadline is the time at which a clock subscription made at now is over.
func (s subscription) deadline(now uint64) uint64 {
	t := s.timeout()
	switch {
	case s.absolute():
		return t
	case t > math.MaxUint64-now:
		return math.MaxUint64
	}
	return now + t
}

// pollOneoff is the one call that moves the clock, and it never waits: if nothing is
// ready, it is at once as late as the earliest deadline.
func pollOneoff(c call) (abi.Errno, error) {
	n := c.u32(2)
	if n == 0 || n > abi.WASISubscriptionsMax {
		return abi.ErrnoInval, nil
	}
	in, ok := c.out(0, n*subscriptionSize)
	if !ok {
		return abi.ErrnoFault, nil
	}
	for s := range subscriptions(in) {
		if s.tag() > tagFDWrite {
			return abi.ErrnoInval, nil
		}
	}
	out, ok := c.out(1, n*eventSize)
	count, ok2 := c.out(3, 4)
	if !ok || !ok2 {
		return abi.ErrnoFault, nil
	}
	// The guest may have put out on top of in: all is read before anything is written.
	before := c.state.now()
	after := wake(in, before)
	events := c.state.events(in, before, after)
	c.state.elapsed = after - abi.WASIClockStart
	copy(out, events)
	binary.LittleEndian.PutUint32(count, uint32(len(events)/eventSize))
	return abi.ErrnoSuccess, nil
}

func subscriptions(in []byte) func(yield func(subscription) bool) {
	return func(yield func(subscription) bool) {
		for ; len(in) > 0; in = in[subscriptionSize:] {
			if !yield(subscription(in[:subscriptionSize])) {
				return
			}
		}
	}
}

// wake returns the time at which a poll started at now is over: now if something is
// ready, which descriptors and errors always are, else the earliest deadline.
func wake(in []byte, now uint64) uint64 {
	earliest := uint64(math.MaxUint64)
	for s := range subscriptions(in) {
		if s.tag() != tagClock || !isClock(s.id()) {
			return now
		}
		earliest = min(earliest, s.deadline(now))
	}
	return max(earliest, now)
}

// events encodes the events of what is ready at the end of a poll.
func (s *State) events(in []byte, before, after uint64) []byte {
	var out []byte
	for sub := range subscriptions(in) {
		errno, nbytes, flags := abi.ErrnoSuccess, uint64(0), uint16(0)
		switch fd := sub.id(); {
		case sub.tag() == tagClock && !isClock(sub.id()):
			errno = abi.ErrnoInval
		case sub.tag() == tagClock && sub.deadline(before) > after:
			continue
		case sub.tag() == tagClock:
		case sub.tag() == tagFDRead && fd == stdin && s.isOpen(fd):
			flags = hangup
		case sub.tag() == tagFDWrite && fd != stdin && s.isOpen(fd):
			nbytes = writeSpace
		default:
			errno = abi.ErrnoBadf
		}
		var e [eventSize]byte
		binary.LittleEndian.PutUint64(e[0:], sub.userdata())
		binary.LittleEndian.PutUint16(e[8:], uint16(errno))
		e[10] = sub.tag()
		binary.LittleEndian.PutUint64(e[16:], nbytes)
		binary.LittleEndian.PutUint16(e[24:], flags)
		out = append(out, e[:]...)
	}
	return out
}
