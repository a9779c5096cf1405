package abuse

import (
	"encoding/binary"
	"math"

	w "github.com/iprt/iprt/internal/wasmtest"
)

// Bits that NaNs have when they are canonical.
const (
	nan32 = 0x7fc00000
	nan64 = 0x7ff8000000000000
)

func f32c(bits uint32) w.Code { return w.Code(binary.LittleEndian.AppendUint32([]byte{0x43}, bits)) }
func f64c(bits uint64) w.Code { return w.Code(binary.LittleEndian.AppendUint64([]byte{0x44}, bits)) }

func cat(parts ...[]byte) w.Code { return w.Code(w.Cat(parts...)) }

// nans asks for the bits of NaNs, which machines choose differently: after arithmetic they are canonical, after moves the same as before.
func nans(c *corpus) {
	ask32 := func(name string, want uint32, code w.Code) {
		says64(c, name, uint64(want), cat(code, []byte{0xbc, w.OpI64ExtendI32U})) // i32.reinterpret_f32
	}
	ask64 := func(name string, want uint64, code w.Code) { says64(c, name, want, cat(code, []byte{0xbd})) }
	zero, one, inf, minusInf := f32c(0), f32c(math.Float32bits(1)), f32c(math.Float32bits(float32(math.Inf(1)))), f32c(math.Float32bits(float32(math.Inf(-1))))
	dzero, done, dinf, dminusInf := f64c(0), f64c(math.Float64bits(1)), f64c(math.Float64bits(math.Inf(1))), f64c(math.Float64bits(math.Inf(-1)))
	ask32("f32/0-over-0", nan32, cat(zero, zero, []byte{0x95}))
	ask32("f32/inf-minus-inf", nan32, cat(inf, inf, []byte{0x93}))
	ask32("f32/inf-plus-minus-inf", nan32, cat(inf, minusInf, []byte{0x92}))
	ask32("f32/0-times-inf", nan32, cat(zero, inf, []byte{0x94}))
	ask32("f32/root-of-minus-inf", nan32, cat(minusInf, []byte{0x91}))
	ask64("f64/0-over-0", nan64, cat(dzero, dzero, []byte{0xa3}))
	ask64("f64/inf-minus-inf", nan64, cat(dinf, dinf, []byte{0xa1}))
	ask64("f64/inf-plus-minus-inf", nan64, cat(dinf, dminusInf, []byte{0xa0}))
	ask64("f64/0-times-inf", nan64, cat(dzero, dinf, []byte{0xa2}))
	ask64("f64/root-of-minus-inf", nan64, cat(dminusInf, []byte{0x9f}))
	for i, bits := range []uint32{0x7fc00000, 0xffc00000, 0x7fa00001, 0xffa00001, 0x7fffffff, 0xff800001, 0x7f800001} {
		nan, wide := f32c(bits), uint64(bits)&0x80000000<<32|0x7ff0000000000000|uint64(bits&0x7fffff)<<29
		dnan := f64c(wide)
		for op := byte(0x8d); op <= 0x91; op++ { // ceil, floor, trunc, nearest, sqrt
			ask32(count(count("f32/unary", int(op)), i), nan32, cat(nan, []byte{op}))
			ask64(count(count("f64/unary", int(op+14)), i), nan64, cat(dnan, []byte{op + 14}))
		}
		for op := byte(0x92); op <= 0x97; op++ { // add, sub, mul, div, min, max
			ask32(count(count("f32/left", int(op)), i), nan32, cat(nan, one, []byte{op}))
			ask32(count(count("f32/right", int(op)), i), nan32, cat(one, nan, []byte{op}))
			ask64(count(count("f64/left", int(op+14)), i), nan64, cat(dnan, done, []byte{op + 14}))
			ask64(count(count("f64/right", int(op+14)), i), nan64, cat(done, dnan, []byte{op + 14}))
		}
		ask32(count("f32/demote", i), nan32, cat(dnan, []byte{0xb6}))
		ask64(count("f64/promote", i), nan64, cat(nan, []byte{0xbb}))
		ask32(count("f32/neg", i), bits^0x80000000, cat(nan, []byte{0x8c}))
		ask32(count("f32/abs", i), bits&0x7fffffff, cat(nan, []byte{0x8b}))
		ask32(count("f32/copysign", i), bits|0x80000000, cat(nan, minusInf, []byte{0x98}))
		ask64(count("f64/neg", i), wide^1<<63, cat(dnan, []byte{0x9a}))
		ask64(count("f64/abs", i), wide&^(1<<63), cat(dnan, []byte{0x99}))
		ask32(count("f32/through-memory", i), bits, cat(w.Code{}.I32Const(64), nan, w.Code{}.Mem(0x38, 2, 0).I32Const(64).Mem(0x2a, 2, 0)))
		ask64(count("f64/through-memory", i), wide, cat(w.Code{}.I32Const(64), dnan, w.Code{}.Mem(0x39, 3, 0).I32Const(64).Mem(0x2b, 3, 0)))
	}
	// The sign of a NaN decides which way the code goes.
	steer := cat(zero, zero, []byte{0x95, 0xbc}, w.Code{}.I32Const(31).Op(w.OpI32ShrU, w.OpI64ExtendI32U))
	says64(c, "steer", 0, steer)
}

// says64 is a case of one number that must come out.
func says64(c *corpus, name string, want uint64, code w.Code) {
	c.add(Determinism, "nan/"+name, "the bits of a NaN", func() []Step {
		call := Call{Place: "it", Export: "decode", Input: []byte("input")}
		return []Step{{Do: Load{Place: "it", Wasm: says(code, nil)}, Want: []Outcome{OK}}, {Do: call, Want: []Outcome{OK}, Times: 2, Check: expects(want)}}
	})
}
