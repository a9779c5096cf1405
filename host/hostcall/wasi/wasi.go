// Package wasi answers WASI preview 1 for modules that were granted nothing.
//
// [Functions] gives all 46 functions of wasi_snapshot_preview1, to be offered to every
// module; [State] is what one instance sees of them, and reaches them through the
// context of the call, as the value of [StateKey].
//
// The answers are those of spec/wasi.md, to the byte: a virtual clock, a fixed stream
// of random bytes, no files, no arguments. Nothing a module can observe tells one host,
// engine or run from another, so a module that imports nothing else is still pure.
package wasi

import (
	"context"
	"encoding/binary"
	"errors"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/host/engine"
)

// StateKey is the context key whose value is the *State of the calling instance.
type StateKey struct{}

var errNoState = errors.New("wasi: no State in the context")

// Functions returns the whole of preview 1, in the order of [abi.WASI]. The slice is the
// caller's.
func Functions() []engine.Import {
	imports := make([]engine.Import, len(functions))
	for i, f := range functions {
		imports[i] = engine.Import{Module: abi.InterfaceWASI, Name: f.name, Type: f.funcType(), Fn: f.hostFunc()}
	}
	return imports
}

// function is one row of the table below. An answer that is not an errno, such as the
// end of the call, is the error.
type function struct {
	name   string
	params string // a letter each: i for i32, I for i64
	answer func(call) (abi.Errno, error)
}

// functions states each signature beside its implementation, which reads its parameters
// by position; a test compares them with the ABI's own table.
var functions = [...]function{
	{"args_get", "ii", constant(abi.ErrnoSuccess)},
	{"args_sizes_get", "ii", sizesGet},
	{"environ_get", "ii", constant(abi.ErrnoSuccess)},
	{"environ_sizes_get", "ii", sizesGet},
	{"clock_res_get", "ii", clockResGet},
	{"clock_time_get", "iIi", clockTimeGet},
	{"fd_advise", "iIIi", open(abi.ErrnoSpipe, 0)},
	{"fd_allocate", "iII", open(abi.ErrnoSpipe, 0)},
	{"fd_close", "i", fdClose},
	{"fd_datasync", "i", open(abi.ErrnoSuccess, 0)},
	{"fd_fdstat_get", "ii", fdstatGet},
	{"fd_fdstat_set_flags", "ii", open(abi.ErrnoSuccess, 0)},
	{"fd_fdstat_set_rights", "iII", open(abi.ErrnoNotsup, 0)},
	{"fd_filestat_get", "ii", filestatGet},
	{"fd_filestat_set_size", "iI", open(abi.ErrnoInval, 0)},
	{"fd_filestat_set_times", "iIIi", open(abi.ErrnoNotsup, 0)},
	{"fd_pread", "iiiIi", open(abi.ErrnoSpipe, 0)},
	{"fd_prestat_dir_name", "iii", constant(abi.ErrnoBadf)},
	{"fd_prestat_get", "ii", constant(abi.ErrnoBadf)},
	{"fd_pwrite", "iiiIi", open(abi.ErrnoSpipe, 0)},
	{"fd_read", "iiii", fdRead},
	{"fd_readdir", "iiiIi", open(abi.ErrnoNotdir, 0)},
	{"fd_renumber", "ii", open(abi.ErrnoNotsup, 0, 1)},
	{"fd_seek", "iIii", open(abi.ErrnoSpipe, 0)},
	{"fd_sync", "i", open(abi.ErrnoSuccess, 0)},
	{"fd_tell", "ii", open(abi.ErrnoSpipe, 0)},
	{"fd_write", "iiii", fdWrite},
	{"path_create_directory", "iii", open(abi.ErrnoNotdir, 0)},
	{"path_filestat_get", "iiiii", open(abi.ErrnoNotdir, 0)},
	{"path_filestat_set_times", "iiiiIIi", open(abi.ErrnoNotdir, 0)},
	{"path_link", "iiiiiii", open(abi.ErrnoNotdir, 0, 4)},
	{"path_open", "iiiiiIIii", open(abi.ErrnoNotdir, 0)},
	{"path_readlink", "iiiiii", open(abi.ErrnoNotdir, 0)},
	{"path_remove_directory", "iii", open(abi.ErrnoNotdir, 0)},
	{"path_rename", "iiiiii", open(abi.ErrnoNotdir, 0, 3)},
	{"path_symlink", "iiiii", open(abi.ErrnoNotdir, 2)},
	{"path_unlink_file", "iii", open(abi.ErrnoNotdir, 0)},
	{"poll_oneoff", "iiii", pollOneoff},
	{"proc_exit", "i", procExit},
	{"proc_raise", "i", constant(abi.ErrnoNosys)},
	{"random_get", "ii", randomGet},
	{"sched_yield", "", constant(abi.ErrnoSuccess)},
	{"sock_accept", "iii", open(abi.ErrnoNotsock, 0)},
	{"sock_recv", "iiiiii", open(abi.ErrnoNotsock, 0)},
	{"sock_send", "iiiii", open(abi.ErrnoNotsock, 0)},
	{"sock_shutdown", "ii", open(abi.ErrnoNotsock, 0)},
}

func (f function) funcType() engine.FuncType {
	t := engine.FuncType{Params: make([]abi.ValType, len(f.params)), Results: []abi.ValType{abi.I32}}
	for i, p := range f.params {
		t.Params[i] = abi.I32
		if p == 'I' {
			t.Params[i] = abi.I64
		}
	}
	if f.name == "proc_exit" {
		t.Results = nil
	}
	return t
}

func (f function) hostFunc() engine.HostFunc {
	return func(ctx context.Context, mem engine.Memory, stack []uint64) error {
		s, ok := ctx.Value(StateKey{}).(*State)
		if !ok {
			return errNoState
		}
		errno, err := f.answer(call{ctx: ctx, state: s, mem: mem, args: stack})
		if err != nil {
			return err
		}
		stack[0] = uint64(errno)
		return nil
	}
}

// call is one call of a function by a guest. Everything in args and mem is the guest's word.
type call struct {
	ctx   context.Context
	state *State
	mem   engine.Memory
	args  []uint64
}

func (c call) u32(arg int) uint32 { return uint32(c.args[arg]) }

// view returns n bytes at ptr. A range of length 0 is inside at any address.
func (c call) view(ptr, n uint32) ([]byte, bool) {
	if n == 0 {
		return nil, true
	}
	return c.mem.View(ptr, n)
}

// out returns the n bytes to which the pointer in an argument points.
func (c call) out(arg int, n uint32) ([]byte, bool) { return c.view(c.u32(arg), n) }

// put32 and put64 write an integer where an argument points.
func (c call) put32(arg int, v uint32) abi.Errno {
	b, ok := c.out(arg, 4)
	if !ok {
		return abi.ErrnoFault
	}
	binary.LittleEndian.PutUint32(b, v)
	return abi.ErrnoSuccess
}

func (c call) put64(arg int, v uint64) abi.Errno {
	b, ok := c.out(arg, 8)
	if !ok {
		return abi.ErrnoFault
	}
	binary.LittleEndian.PutUint64(b, v)
	return abi.ErrnoSuccess
}

// constant answers the same whatever the arguments are.
func constant(errno abi.Errno) func(call) (abi.Errno, error) {
	return func(call) (abi.Errno, error) { return errno, nil }
}

// open answers errno if the descriptors in the given arguments are all open, else BADF.
func open(errno abi.Errno, args ...int) func(call) (abi.Errno, error) {
	return func(c call) (abi.Errno, error) {
		for _, arg := range args {
			if !c.state.isOpen(c.u32(arg)) {
				return abi.ErrnoBadf, nil
			}
		}
		return errno, nil
	}
}

// sizesGet is args_sizes_get and environ_sizes_get: neither has anything in it.
func sizesGet(c call) (abi.Errno, error) {
	count, ok := c.out(0, 4)
	size, ok2 := c.out(1, 4)
	if !ok || !ok2 {
		return abi.ErrnoFault, nil
	}
	clear(count)
	clear(size)
	return abi.ErrnoSuccess, nil
}
