package abi

import (
	"encoding/binary"
	"fmt"
)

// Frame is one framed record: a kind and its payload.
type Frame struct {
	Kind    uint32 // not 0; a reader skips a kind that it does not know
	Payload []byte
}

// AppendFrame appends a frame and its padding to dst. The frame starts at a
// multiple of [FrameAlign] if dst ends at one. It panics on kind 0 and on
// payloads of 4 GiB or more, which no guest can hold.
func AppendFrame(dst []byte, kind uint32, payload []byte) []byte {
	if kind == 0 || uint64(len(payload)) > 1<<32-1-FrameHeaderSize {
		panic(fmt.Sprintf("abi: frame of kind %d with %d bytes", kind, len(payload)))
	}
	dst = binary.LittleEndian.AppendUint32(dst, kind)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(payload)))
	dst = append(dst, payload...)
	var zero [FrameAlign]byte
	return append(dst, zero[:padding(len(payload))]...)
}

// NextFrame reads the first frame of b and gives what follows it. The payload
// aliases b. It fails, with a *[FrameError], on a header or payload that is
// cut short, on kind 0 and on padding that is not zero.
func NextFrame(b []byte) (f Frame, rest []byte, err error) {
	if len(b) < FrameHeaderSize {
		return Frame{}, nil, &FrameError{Reason: "header cut short", Have: len(b), Want: FrameHeaderSize}
	}
	kind, n := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:])
	if kind == 0 {
		return Frame{}, nil, &FrameError{Reason: "kind 0"}
	}
	b = b[FrameHeaderSize:]
	if uint64(n) > uint64(len(b)) {
		return Frame{}, nil, &FrameError{Reason: "payload cut short", Have: len(b), Want: int(n)}
	}
	payload, pad := b[:n:n], padding(int(n))
	b = b[n:]
	if len(b) < pad {
		return Frame{}, nil, &FrameError{Reason: "padding cut short", Have: len(b), Want: pad}
	}
	for _, c := range b[:pad] {
		if c != 0 {
			return Frame{}, nil, &FrameError{Reason: "padding not zero"}
		}
	}
	return Frame{Kind: kind, Payload: payload}, b[pad:], nil
}

func padding(n int) int { return -n & (FrameAlign - 1) }

// FrameError says why bytes are not a frame.
type FrameError struct {
	Reason     string
	Have, Want int // bytes, where the reason is about a length
}

func (e *FrameError) Error() string {
	if e.Want == 0 {
		return "frame: " + e.Reason
	}
	return fmt.Sprintf("frame: %s: %d of %d bytes", e.Reason, e.Have, e.Want)
}
