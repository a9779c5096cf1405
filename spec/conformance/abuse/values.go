package abuse

import (
	"fmt"

	w "github.com/iprt/iprt/internal/wasmtest"
)

// page is the size of a page, and of the memory that a codec of the corpus begins with.
const page = 1 << 16

// contract is the outcome for a guest that breaks the ABI.
var contract = Trap.Of("contract")

// hostileAllocs has allocators that give what is not theirs to give.
func hostileAllocs(c *corpus) {
	for _, at := range []uint32{0, 1, 8, 15, 16, wErrorAddr, page - 16, page - 8, page, page + 16, 1 << 20, 1 << 31, 0xffff0000, 0xfffffff0, 0xffffffff} {
		for _, n := range []int{1, 16, 17, 1_000, page, 1 << 20} {
			want := OK
			switch {
			case at == 0:
				want = Limit
			case at%16 != 0, uint64(at)+uint64(n) > page:
				want = contract
			case n > 4_000:
				continue // over the code's own tables: whatever comes out then is the guest's own
			}
			c.add(Values, fmt.Sprintf("alloc/%#x-for-%d", at, n), "an allocator that gives an address that is not its own", func() []Step {
				steps := []Step{loaded("it", nil, w.AllocReturns(at)), decodes("it", make([]byte, n), want)}
				steps[1].Times = 3
				return steps
			})
		}
	}
	for _, pair := range [][2]int32{{4096, 4096}, {4096, 4112}, {4112, 4096}, {4096, 4096 + 32}, {4096, 0}, {4096, page}, {page, 4096}, {-16, 16}} {
		c.add(Values, fmt.Sprintf("alloc-two/%d-and-%d", pair[0], pair[1]), "an allocator that gives two inputs the same memory", func() []Step {
			// Global 1 tells the second allocation from the first.
			flag := w.Edit(func(b *w.Builder) { b.Global(w.I32, true, w.Code{}.I32Const(0)) })
			body := w.Body(alloc, w.Code{}.GlobalGet(1).If(w.Void).I32Const(pair[1]).Op(w.OpReturn).End().I32Const(1).GlobalSet(1).I32Const(pair[0]))
			call := Call{Place: "it", Export: "decode", Input: make([]byte, 33), Params: make([]byte, 40)}
			return []Step{loaded("it", nil, flag, body), {Do: call, Want: []Outcome{contract, Limit}}}
		})
	}
}

// wErrorAddr is where the codec keeps its error record: handing that out harms nobody but the guest.
const wErrorAddr = w.ErrorAddr

// hostileResults has every combination of hostile address and hostile length, and statuses that are none.
func hostileResults(c *corpus) {
	const most = 32 << 20 // the largest output that a host takes by default
	statuses := []string{"OK", "INVALID", "UNSUPPORTED", "DENIED", "NOT_FOUND", "TOO_SMALL", "LIMIT", "TIMEOUT", "AGAIN", "CLOSED", "CONFLICT", "BUSY", "CANCELLED", "INTERNAL"}
	for _, ptr := range []uint32{0, 1, 16, page - 4, page - 1, page, page + 1, 1 << 20, 1 << 31, 0xffff0000, 0xfffffff0, 0xffffffff} {
		for _, n := range []uint32{0, 1, 4, 13, 14, 255, page - 16, page, 1 << 20, most, most + 1, 1 << 31, 0xfffffff0, 0xffffffff} {
			want := OK
			switch {
			case ptr == 0 && n == 0:
				want = contract
			case ptr == 0 && int(n) < len(statuses):
				want = Error.Of(statuses[n])
			case ptr == 0:
				want = Error.Of("INTERNAL")
			case n > most:
				want = Limit
			case uint64(ptr)+uint64(n) > page:
				want = contract
			}
			c.add(Values, fmt.Sprintf("result/%#x-of-%d", ptr, n), "a result that is not in memory, or no status", func() []Step {
				steps := []Step{loaded("it", nil, w.DecodeReturns(ptr, n)), decodes("it", []byte("7 bytes"), want)}
				steps[1].Times = 2
				return steps
			})
		}
	}
	for _, n := range []int32{1025, 1 << 16, 1 << 30, -1} {
		for _, then := range []w.Code{w.Code{}.Op(w.OpUnreachable), w.Code{}.I64Const(1)} {
			c.add(Values, fmt.Sprintf("error-text/%d-%d", n, len(then)), "an error record whose text is longer than it may be", func() []Step {
				body := w.Code{}.I32Const(w.ErrorAddr).I32Const(1).Mem(w.OpI32Store, 2, 0).I32Const(w.ErrorAddr).I32Const(n).Mem(w.OpI32Store, 2, 4)
				return []Step{loaded("it", nil, w.Body(decode, w.Code(w.Cat(body, then)))), decodes("it", nil, Trap, Error.Of("INVALID"))}
			})
		}
	}
	for i, text := range []string{"\x1b[2J\x1b[31mgone", "a\nb\rc", "\x00\x07\x08", "\xff\xfe", "\u202egnp.exe", "\u2028line"} {
		c.add(Values, count("error-escapes", i), "an error text made for terminals", func() []Step {
			return []Step{loaded("it", nil, w.DecodeFails(1, text)), decodes("it", nil, Error.Of("INVALID")), loaded("it", nil, w.DecodeTrapsWith(13, text)), decodes("it", nil, Trap)}
		})
	}
}

// hostileStart has modules that go wrong before their first call.
func hostileStart(c *corpus) {
	bad := func(name string, want []Outcome, opts ...w.Option) {
		wasm := w.Codec(opts...)
		c.add(Values, "start/"+name, "a module that goes wrong while it starts", func() []Step {
			return []Step{{Do: Load{Place: "it", Wasm: wasm}, Want: want, Times: 3}, {Do: Call{Place: "it", Export: "decode"}, Want: []Outcome{Error}}}
		})
	}
	for _, at := range []uint32{0, page - 1031, page, 1 << 31, 0xfffffbf8, 0xffffffff} {
		bad(fmt.Sprintf("error-at-%#x", at), []Outcome{contract}, w.ErrorAt(at))
	}
	for _, status := range []int32{1, 3, 11, 13, 14, 99, -1} {
		bad(fmt.Sprintf("init-%d", status), []Outcome{Error}, w.Init(w.Code{}.I32Const(status)))
	}
	abort := w.Import(core, "abort", i32s(3), nil)
	for _, status := range []int32{0, 1, 13, 14, -1} {
		bad(fmt.Sprintf("abort-%d", status), []Outcome{Error}, w.Requires(core), abort,
			w.Init(w.Code{}.I32Const(status).I32Const(0).I32Const(8).Call(0).I32Const(0)))
	}
}

// hostileCalls gives the host's own functions addresses and lengths that are not in memory, or take long to work on.
func hostileCalls(c *corpus) {
	calls := []struct {
		iface, name string
		params      string // of these types: a address, n length, v value, 6 64-bit value
		result      bool
	}{
		{core, "abort", "van", false}, {log, "write", "van", true}, {config, "get", "anan", true},
		{wasi, "fd_write", "vana", true}, {wasi, "fd_read", "vana", true}, {wasi, "random_get", "an", true}, {wasi, "clock_time_get", "v6a", true},
		{wasi, "environ_sizes_get", "aa", true}, {wasi, "environ_get", "aa", true}, {wasi, "args_sizes_get", "aa", true}, {wasi, "args_get", "aa", true},
		{wasi, "poll_oneoff", "aana", true}, {wasi, "fd_prestat_dir_name", "van", true}, {wasi, "fd_prestat_get", "va", true},
		{wasi, "fd_fdstat_get", "va", true}, {wasi, "fd_filestat_get", "va", true}, {wasi, "path_open", "vvanv66va", true}, {wasi, "fd_close", "v", true},
		{wasi, "fd_readdir", "van6a", true}, {wasi, "sock_send", "vanva", true}, {wasi, "fd_seek", "v6va", true}, {wasi, "proc_raise", "v", true},
	}
	values := []struct{ at, n int32 }{
		{0, 0}, {16, 8}, {page - 1, 1}, {page - 1, 2}, {page, 0}, {page, 1}, {-1, 1}, {-16, 32}, {0, -1}, {0, 1 << 30}, {16, 1<<28 - 1}, {-1 << 31, -1 << 31}, {1, 65_535},
	}
	for _, call := range calls {
		for i, v := range values {
			c.add(Values, fmt.Sprintf("host-call/%s-%d", call.name, i), "a host call with hostile addresses and lengths", func() []Step {
				return hostCall(call.iface, call.name, call.params, call.result, v.at, v.n)
			})
		}
	}
}

// hostCall is a decode that makes one host call, and one more that returns its result as a status.
func hostCall(iface, name, params string, result bool, at, n int32) []Step {
	var types []byte
	code := w.Code{}
	for _, p := range params {
		switch p {
		case 'a':
			types, code = append(types, w.I32), code.I32Const(at)
		case 'n':
			types, code = append(types, w.I32), code.I32Const(n)
		case 'v':
			types, code = append(types, w.I32), code.I32Const(1)
		default:
			types, code = append(types, w.I64), code.I64Const(-1)
		}
	}
	code = code.Call(0)
	opts := []w.Option{w.Requires(iface)}
	if iface == wasi {
		opts = nil
	}
	var results []byte
	if result {
		results, code = i32, code.I32Const(1).Op(w.OpI32Or, w.OpI64ExtendI32U)
	} else {
		code = code.Op(w.OpUnreachable)
	}
	opts = append(opts, w.Import(iface, name, types, results), w.Body(decode, code))
	want := []Outcome{Error, Trap, Limit}
	return []Step{
		{Do: Load{Place: "it", Wasm: w.Codec(opts...), Grants: []string{log, config}}, Want: []Outcome{OK}},
		{Do: Call{Place: "it", Export: "decode", Input: []byte("x")}, Want: want, Within: 4 * patience},
	}
}
