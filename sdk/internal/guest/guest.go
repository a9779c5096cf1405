// Package guest is the guest's side of the calling convention, free of
// addresses: memory for the host to fill, the error record, and what happens
// around a role call. In Wasm the exports of package sdk are thin wrappers of
// it; natively a fake host drives it directly. Start with [Runtime].
package guest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unsafe"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/sdk/internal/hostcall"
)

// A Handler answers one role call: two inputs, one result. The inputs are valid
// until it returns; the result may alias them or be nil.
type Handler func(a, b []byte) ([]byte, error)

// MaxAlloc is the largest input a guest takes, in bytes. Stock Go cannot
// return from running out of memory, so absurd sizes are refused first.
const MaxAlloc = 1 << 30

const (
	align    = 16
	maxSpare = 4 // buffers kept for the next call
)

// Runtime is the state of one instance. The zero value is ready. A guest is
// single-threaded, and so is this.
type Runtime struct {
	record [abi.ErrorRecordSize]byte
	live   [][]byte // handed to the host since the last role call began
	spare  [][]byte // of earlier calls, to be filled again
	result []byte   // keeps the last result from the garbage collector
	used   bool     // a role call has begun since the last alloc
}

// Record is the error record. Its address never changes.
func (r *Runtime) Record() *[abi.ErrorRecordSize]byte { return &r.record }

// Alloc gives memory for the host to fill, at a multiple of 16, or nil if the
// size is 0 or too large. It stays alive until the role call after it is over.
// The first Alloc after a role call gives up that call's inputs and result.
func (r *Runtime) Alloc(size uint32) []byte {
	if r.used {
		r.release()
	}
	if size == 0 || size > MaxAlloc {
		return nil
	}
	best := -1
	for i, b := range r.spare {
		if uint64(cap(b)) >= uint64(size) && (best < 0 || cap(b) < cap(r.spare[best])) {
			best = i
		}
	}
	if best >= 0 {
		b := r.spare[best][:size]
		r.spare = slices.Delete(r.spare, best, best+1)
		r.live = append(r.live, b)
		return b
	}
	b := make([]byte, uint64(size)+align-1)
	pad := -uintptr(unsafe.Pointer(unsafe.SliceData(b))) & (align - 1)
	b = b[pad : uint64(pad)+uint64(size)]
	r.live = append(r.live, b)
	return b
}

// release makes the buffers of the last call available again.
func (r *Runtime) release() {
	for _, b := range r.live {
		if len(r.spare) < maxSpare {
			r.spare = append(r.spare, b[:cap(b)])
		}
	}
	clear(r.live)
	r.live, r.result, r.used = r.live[:0], nil, false
}

// Call runs a handler and gives its result or, if it failed, a status that is
// not OK, with the text in the error record. The result stays alive until the
// next Call or Alloc. A handler that panics ends in abort, which never returns.
func (r *Runtime) Call(h Handler, a, b []byte) ([]byte, abi.Status) {
	r.used = true
	r.fail(abi.StatusOK, "")
	result, err := r.run(h, a, b)
	if err != nil {
		r.result = nil
		return nil, r.report(err)
	}
	r.result = result
	return result, abi.StatusOK
}

// Init runs an initialiser as Call runs a handler.
func (r *Runtime) Init(f func() error) abi.Status {
	r.fail(abi.StatusOK, "")
	_, err := r.run(func([]byte, []byte) ([]byte, error) { return nil, f() }, nil, nil)
	if err != nil {
		return r.report(err)
	}
	return abi.StatusOK
}

// run turns a panic, or an end of the goroutine, into an abort.
func (r *Runtime) run(h Handler, a, b []byte) (result []byte, err error) {
	returned := false
	defer func() {
		if returned {
			return
		}
		text := "the call ended its goroutine"
		if p := recover(); p != nil {
			text = fmt.Sprint("panic: ", p)
		}
		r.abort(text)
	}()
	result, err = h(a, b)
	returned = true
	return result, err
}

// abort ends the call with a text, for the record as well in case the host
// looks there.
func (r *Runtime) abort(text string) {
	r.fail(abi.StatusInternal, text)
	n := binary.LittleEndian.Uint32(r.record[abi.ErrorRecordLenAt:])
	hostcall.CoreAbort(int32(abi.StatusInternal), unsafe.Pointer(&r.record[abi.ErrorRecordTextAt]), int32(n))
	panic(text) // a host whose abort returns is not one; never go on
}

// report writes an error into the record and gives its status. An error that
// carries no status means that the input is at fault.
func (r *Runtime) report(err error) abi.Status {
	status := abi.StatusInvalid
	if s := abi.StatusOK; errors.As(err, &s) && s != abi.StatusOK {
		status = s
	}
	r.fail(status, err.Error())
	return status
}

func (r *Runtime) fail(status abi.Status, text string) {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if len(text) > abi.ErrorTextMax {
		text = strings.ToValidUTF8(text[:abi.ErrorTextMax], "")
	}
	binary.LittleEndian.PutUint32(r.record[abi.ErrorRecordStatusAt:], uint32(status))
	binary.LittleEndian.PutUint32(r.record[abi.ErrorRecordLenAt:], uint32(len(text)))
	copy(r.record[abi.ErrorRecordTextAt:], text)
}

// Text reads a record as a host does: a length above 1,024 bytes is no text.
func Text(record []byte) (abi.Status, string) {
	status := abi.Status(binary.LittleEndian.Uint32(record[abi.ErrorRecordStatusAt:]))
	n := binary.LittleEndian.Uint32(record[abi.ErrorRecordLenAt:])
	if n > abi.ErrorTextMax {
		return status, ""
	}
	return status, string(record[abi.ErrorRecordTextAt:][:n])
}
