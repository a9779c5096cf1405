package artifact

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/iprt/iprt/host/engine/guesttext"
)

// The two messages between parent and child; numbers are little-endian u64.
//
//	request  magic, memory, seconds of processor time, largest output, length, module
//	answer   magic, status (0 artifact, 1 refusal, 2 too large), length, artifact or text
const (
	requestMagic = "IPRTREQ1"
	answerMagic  = "IPRTANS1"
	requestSize  = len(requestMagic) + 4*8
	answerSize   = len(answerMagic) + 2*8

	answerArtifact = 0
	answerRefusal  = 1
	answerTooLarge = 2

	maxModule  = 256 << 20 // metered; what is let in is far smaller
	maxRefusal = 4 << 10
	maxSeconds = 1 << 30
)

type request struct {
	memory, output int64
	cpu            time.Duration
	module         int64
}

func (c Child) request(module int) []byte {
	b := []byte(requestMagic)
	for _, n := range []int64{c.MaxMemory, int64(wholeSeconds(c.MaxCPU) / time.Second), c.MaxOutput, int64(module)} {
		b = binary.LittleEndian.AppendUint64(b, uint64(n))
	}
	return b
}

func readRequest(r io.Reader) (q request, err error) {
	var b [requestSize]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return q, err
	}
	n := numbers(b[len(requestMagic):])
	if string(b[:len(requestMagic)]) != requestMagic || n[1] > maxSeconds || n[3] > maxModule {
		return q, errors.New("standard input holds something else than a request to compile")
	}
	return request{memory: n[0], cpu: time.Duration(n[1]) * time.Second, output: n[2], module: n[3]}, nil
}

func numbers(b []byte) (out []int64) {
	for ; len(b) >= 8; b = b[8:] {
		out = append(out, int64(binary.LittleEndian.Uint64(b)&math.MaxInt64))
	}
	return out
}

func writeAnswer(w io.Writer, status uint64, payload []byte) error {
	b := binary.LittleEndian.AppendUint64([]byte(answerMagic), status)
	b = binary.LittleEndian.AppendUint64(b, uint64(len(payload)))
	if _, err := w.Write(b); err != nil {
		return err
	}
	_, err := w.Write(payload)
	return err
}

// readAnswer reads what a child prints, which may be anything. Memory is taken as
// it arrives. A child that breaks off is FailedCrash.
func readAnswer(r io.Reader, limit int64) ([]byte, *ChildError) {
	var b [answerSize]byte
	if n, err := io.ReadFull(r, b[:]); err != nil && string(b[:min(n, len(answerMagic))]) == answerMagic[:min(n, len(answerMagic))] {
		return nil, &ChildError{Failure: FailedCrash, Err: err}
	}
	if string(b[:len(answerMagic)]) != answerMagic {
		return nil, &ChildError{Failure: FailedGarbage}
	}
	status := binary.LittleEndian.Uint64(b[len(answerMagic):])
	length := binary.LittleEndian.Uint64(b[len(answerMagic)+8:])
	switch {
	case status == answerTooLarge && length == 0, status == answerArtifact && length > uint64(limit):
		return nil, &ChildError{Failure: FailedOutput}
	case status == answerRefusal && length > maxRefusal, status > answerTooLarge:
		return nil, &ChildError{Failure: FailedGarbage, Err: fmt.Errorf("status %d, %d bytes", status, length)}
	}
	payload, err := io.ReadAll(io.LimitReader(r, int64(length)))
	if err != nil || uint64(len(payload)) != length {
		return nil, &ChildError{Failure: FailedCrash, Err: errors.Join(err, io.ErrUnexpectedEOF)}
	}
	if n, _ := r.Read(make([]byte, 1)); n > 0 {
		return nil, &ChildError{Failure: FailedGarbage, Err: errors.New("it went on after the artifact")}
	}
	if status != answerArtifact {
		return nil, &ChildError{Failure: FailedRefused, Text: guesttext.Line(string(payload), maxRefusal)}
	}
	return payload, nil
}
