package deep

import (
	"bytes"
	"slices"

	w "github.com/iprt/iprt/internal/wasmtest"
)

// Functions that the families call, and globals that no engine can see through.
const (
	nothing = 1 // () -> ()
	one     = 2 // () -> i64
	sixteen = 3 // () -> 16 i64
	through = 4 // 16 i64 -> 16 i64
	eat     = 5 // 16 i64 -> ()

	frames = 0 // i32, how often the function was entered
	number = 1 // i64
	yes    = 2 // i32, 1

	i32Load, i32Store  = 0x28, 0x36
	i64Load, i64Store  = 0x29, 0x37
	i32Mul, i32Wrap    = 0x6c, 0xa7
	i32Add, i32Sub     = 0x6a, 0x6b
	i64Clz, i64Add     = 0x79, 0x7c
	i64Mul, i64DivU    = 0x7e, 0x80
	i64Xor, typeOf1616 = 0x85, 3
)

// family is a module whose function runs code and then calls itself. It has so many locals of type i64 and two more of i32.
func family(locals int, code ...w.Code) []byte {
	b := w.New()
	b.Global(w.I32, true, w.Code{}.I32Const(0))
	b.Global(w.I64, true, w.Code{}.I64Const(7))
	b.Global(w.I32, true, w.Code{}.I32Const(1))
	b.Memory(2, 2)
	many := bytes.Repeat([]byte{w.I64}, 16)
	body := cat(w.Code{}.GlobalGet(frames).I32Const(1).Op(i32Add).GlobalSet(frames), cat(code...), w.Code{}.Call(0))
	b.Export("f", w.KindFunc, b.Func(nil, nil, []w.Local{{Count: uint32(locals), Type: w.I64}, {Count: 2, Type: w.I32}}, body))
	b.Func(nil, nil, nil, nil)
	b.Func(nil, []byte{w.I64}, nil, w.Code{}.GlobalGet(number))
	b.Func(nil, many, nil, rep(16, w.Code{}.GlobalGet(number)))
	b.Func(many, many, nil, each(16, func(i int) w.Code { return w.Code{}.LocalGet(uint32(i)) }))
	b.Func(many, nil, nil, nil)
	b.Export("frames", w.KindGlobal, frames)
	return b.Bytes()
}

func cat(codes ...w.Code) w.Code { return slices.Concat(codes...) }

func rep(n int, c w.Code) w.Code { return bytes.Repeat(c, n) }

func each(n int, f func(i int) w.Code) (out w.Code) {
	for i := range n {
		out = append(out, f(i)...)
	}
	return out
}

func set(l int) w.Code {
	return each(l, func(i int) w.Code { return w.Code{}.Call(one).LocalSet(uint32(i)) })
}

func use(l int) w.Code {
	return each(l, func(i int) w.Code { return w.Code{}.LocalGet(uint32(i)).GlobalSet(number) })
}

// families keep n values, or some for each of n constructs, alive during calls.
func families(n int) map[string][]byte {
	c := w.Code{}
	get, put, call := c.GlobalGet(number), c.GlobalSet(number), c.Call(nothing)
	loads := each(40, func(i int) w.Code { return c.GlobalGet(yes).Mem(i64Load, 0, uint32(8*i)) })
	loop := func(body w.Code) w.Code {
		return cat(c.Loop(w.Void).Call(nothing), body, c.GlobalGet(yes).GlobalGet(yes).Op(i32Sub).Raw(0x0d, 0).End())
	}
	return map[string][]byte{
		// Some compilers give each definition a place of its own.
		"set":              family(1, rep(n, c.Call(one).LocalSet(0).Call(nothing).LocalGet(0).GlobalSet(number))),
		"set, no register": family(21, set(20), rep(n, c.LocalGet(20).I64Const(1).Op(i64Add).LocalSet(20).Call(nothing)), use(21)),
		"operand":          family(20, set(20), get, rep(n, c.Op(i64Clz).Call(nothing)), put, use(20)),
		"operands":         family(0, rep(n/40+1, cat(loads, c.GlobalGet(yes).GlobalGet(number).Mem(i64Store, 0, 0), rep(39, c.Op(i64Xor)), put))),
		"results":          family(0, c.Call(sixteen), rep(n/16+1, c.Call(nothing).Call(through)), c.Call(eat)),
		// Some put off sums until they are wanted, and keep all addends for them.
		"sum of results":   family(0, get, rep(n, c.Call(one).Op(i64Add)), put),
		"sum of loads":     family(0, get, each(n, func(i int) w.Code { return c.I32Const(0).Mem(i64Load, 0, uint32(8*i)).Op(i64Xor) }), call, put),
		"sum of quotients": family(0, get, get, rep(n, c.GlobalGet(number).GlobalGet(number).Op(i64DivU).Op(i64Add)), c.Op(i64Add), call, put),
		// Some move out of a loop what is the same each time.
		"products in a loop": family(1, set(1), loop(each(n, func(i int) w.Code {
			return c.LocalGet(0).I64Const(int64(2*i + 3)).Op(i64Mul).GlobalSet(number)
		}))),
		"addresses in a loop": family(0, c.GlobalGet(yes).LocalSet(0), loop(each(n, func(i int) w.Code {
			return c.LocalGet(0).I32Const(int32(2*i+3)).Op(i32Mul).LocalTee(1).LocalGet(1).Mem(i32Store, 0, 0)
		}))),
		"addresses in a loop, loads": family(0, c.GlobalGet(yes).LocalSet(0), loop(each(n, func(i int) w.Code {
			return c.LocalGet(0).I32Const(int32(2*i+3)).Op(i32Mul).Mem(i32Load, 0, 0).GlobalSet(yes)
		}))),
		"addresses, twice": family(0, c.GlobalGet(yes).LocalSet(0), loop(each(n, func(i int) w.Code {
			return c.LocalGet(0).I32Const(int32(2*i+3)).Op(i32Mul).LocalTee(1).LocalGet(1).Mem(i32Store, 0, 8).LocalGet(1).LocalGet(1).Mem(i32Store, 0, 1000)
		}))),
		"addresses and products in a loop": family(2, set(1), loop(each(n, func(i int) w.Code {
			return c.LocalGet(0).I64Const(int64(2*i+3)).Op(i64Mul).LocalTee(1).Op(i32Wrap).LocalGet(1).Mem(i64Store, 0, 0)
		}))),
		// Where ways meet, each variable may be a new value.
		"if":               family(20, set(20), rep(n, c.GlobalGet(yes).If(w.Void).GlobalGet(number).LocalSet(7).End().Call(nothing)), use(20)),
		"if with operands": family(0, c.Call(sixteen), rep(n/16+1, c.GlobalGet(yes).Raw(0x04, typeOf1616).Call(through).End().Call(nothing)), c.Call(eat)),
		"br_if":            nest(24, n/5),
		"br_table":         nestTable(24, n/5),
	}
}

// nest has n constructs that may all be left with the old values of so many locals or with new ones.
func nest(locals, n int) []byte {
	c := w.Code{}
	return family(locals, set(locals), rep(n, c.Block(w.Void)),
		each(n, func(i int) w.Code { return append(c.GlobalGet(yes).Raw(0x0d), w.U32(uint32(i))...) }),
		set(locals), c.End(), rep(n-1, c.Call(nothing).End()), use(locals))
}

func nestTable(locals, n int) []byte {
	c := w.Code{}
	return family(locals, set(locals), rep(n, c.Block(w.Void)),
		c.GlobalGet(yes).Raw(0x0e), w.U32(uint32(n-1)), each(n, func(i int) w.Code { return w.U32(uint32(i)) }),
		c.End(), set(locals), rep(n-1, c.Call(nothing).End()), use(locals))
}
