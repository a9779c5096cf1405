//go:build !wasip1

// Package sdktest runs a module's code natively, as a host would in Wasm, so
// that a codec is tested with go test and a debugger. Start with [Host.Codec]:
//
//	c := new(sdktest.Host).Codec(myCodec{})
//	table, err := c.Decode(block, nil)
//	fmt.Println(sdktest.Dump(table, block))
//
// Every call goes through the calling convention: memory from alloc, the role
// call, its status and error record. Tables that come back are checked against
// all rules of the format, and inputs are overwritten after the call, so that
// a codec that keeps them is found out.
package sdktest

import (
	"fmt"
	"sync"
	"unsafe"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/sdk/internal/guest"
	"github.com/iprt/iprt/sdk/internal/hostcall"
)

// Host is a fake host. The zero value grants everything, has no configuration
// and keeps what is logged. Its calls run one at a time, across all hosts of
// the process, as the code under test finds its host by package variables.
type Host struct {
	Config map[string]string // answers iprt:config/v1
	Log    []Entry           // what iprt:log/v1 was given
	Denied map[string]bool   // interfaces that answer DENIED, by name
}

// Entry is one log entry.
type Entry struct {
	Level abi.LogLevel
	Text  string
}

// Trap is the end of an instance: the module called abort, or panicked.
type Trap struct {
	Status abi.Status
	Text   string
}

func (t *Trap) Error() string { return fmt.Sprintf("trap: %s: %s", t.Status, t.Text) }

// Unwrap gives the status.
func (t *Trap) Unwrap() error { return t.Status }

// running guards package hostcall's variables.
var running sync.Mutex

// aborted carries a Trap from abort to the call that it ends.
type aborted struct{ trap *Trap }

// run makes h the host while f runs, and catches an abort. f has a goroutine of
// its own, as a guest may end it.
func (h *Host) run(f func()) *Trap {
	running.Lock()
	defer running.Unlock()
	abort, write, get := hostcall.CoreAbort, hostcall.LogWrite, hostcall.ConfigGet
	defer func() { hostcall.CoreAbort, hostcall.LogWrite, hostcall.ConfigGet = abort, write, get }()
	hostcall.CoreAbort, hostcall.LogWrite, hostcall.ConfigGet = h.coreAbort, h.logWrite, h.configGet

	done := make(chan *Trap)
	go func() {
		var trap *Trap
		defer func() { done <- trap }()
		defer func() {
			if p := recover(); p != nil {
				a, ok := p.(aborted)
				if !ok {
					panic(p)
				}
				trap = a.trap
			}
		}()
		f()
	}()
	return <-done
}

func (h *Host) coreAbort(status int32, ptr unsafe.Pointer, n int32) {
	text := memory(ptr, n)
	panic(aborted{&Trap{abi.Status(status), string(text[:min(len(text), abi.ErrorTextMax)])}})
}

func (h *Host) logWrite(level int32, ptr unsafe.Pointer, n int32) int32 {
	switch {
	case h.Denied[abi.InterfaceLog]:
		return -int32(abi.StatusDenied)
	case level < 0 || level > int32(abi.LogError):
		return -int32(abi.StatusInvalid)
	}
	h.Log = append(h.Log, Entry{abi.LogLevel(level), string(memory(ptr, n))})
	return 0
}

func (h *Host) configGet(key unsafe.Pointer, keyLen int32, out unsafe.Pointer, outCap int32) int32 {
	if h.Denied[abi.InterfaceConfig] {
		return -int32(abi.StatusDenied)
	}
	value, ok := h.Config[string(memory(key, keyLen))]
	if !ok {
		return -int32(abi.StatusNotFound)
	}
	if len(value) <= int(outCap) {
		copy(memory(out, outCap), value)
	}
	return int32(len(value))
}

func memory(p unsafe.Pointer, n int32) []byte {
	if n == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(p), n)
}

// instance is one module instance behind the calling convention.
type instance struct {
	host *Host
	rt   guest.Runtime
	dead *Trap
}

// call does what a host does for one role call and gives a copy of the result.
func (i *instance) call(h guest.Handler, input, params []byte) (result []byte, err error) {
	if i.dead != nil {
		return nil, fmt.Errorf("the instance is gone since: %w", i.dead)
	}
	a, err := i.push(input)
	if err != nil {
		return nil, err
	}
	b, err := i.push(params)
	if err != nil {
		return nil, err
	}
	trap := i.host.run(func() {
		got, status := i.rt.Call(h, a, b)
		if status != abi.StatusOK {
			recorded, text := guest.Text(i.rt.Record()[:])
			if recorded != status {
				err = fmt.Errorf("the call ended with %s, but the error record says %s", status, recorded)
				return
			}
			err = &abi.Error{Status: status, Text: text}
			return
		}
		result = append([]byte{}, got...)
	})
	if trap != nil {
		i.dead = trap
		return nil, trap
	}
	poison(a)
	poison(b)
	return result, err
}

// push copies an input into the guest's memory.
func (i *instance) push(input []byte) ([]byte, error) {
	if len(input) == 0 {
		return []byte{}, nil
	}
	m := i.rt.Alloc(uint32(len(input)))
	if len(m) != len(input) {
		return nil, &abi.Error{Status: abi.StatusLimit, Text: fmt.Sprintf("alloc refused %d bytes", len(input))}
	}
	copy(m, input)
	return m, nil
}

func poison(b []byte) {
	for i := range b {
		b[i] = 0xa5
	}
}
