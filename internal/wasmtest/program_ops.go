package wasmtest

// numeric are the instructions on numbers from one opcode to another, with what they take and give.
var numeric = []struct {
	from, to    byte
	takes, give string
}{
	{0x45, 0x45, "i", "i"}, {0x46, 0x4f, "ii", "i"}, {0x50, 0x50, "l", "i"}, {0x51, 0x5a, "ll", "i"}, {0x5b, 0x60, "ff", "i"}, {0x61, 0x66, "dd", "i"},
	{0x67, 0x69, "i", "i"}, {0x6a, 0x78, "ii", "i"}, {0x79, 0x7b, "l", "l"}, {0x7c, 0x8a, "ll", "l"},
	{0x8b, 0x91, "f", "f"}, {0x92, 0x98, "ff", "f"}, {0x99, 0x9f, "d", "d"}, {0xa0, 0xa6, "dd", "d"},
	{0xa7, 0xa7, "l", "i"}, {0xa8, 0xa9, "f", "i"}, {0xaa, 0xab, "d", "i"}, {0xac, 0xad, "i", "l"}, {0xae, 0xaf, "f", "l"}, {0xb0, 0xb1, "d", "l"},
	{0xb2, 0xb3, "i", "f"}, {0xb4, 0xb5, "l", "f"}, {0xb6, 0xb6, "d", "f"}, {0xb7, 0xb8, "i", "d"}, {0xb9, 0xba, "l", "d"}, {0xbb, 0xbb, "f", "d"},
	{0xbc, 0xbc, "f", "i"}, {0xbd, 0xbd, "d", "l"}, {0xbe, 0xbe, "i", "f"}, {0xbf, 0xbf, "l", "d"}, {0xc0, 0xc1, "i", "i"}, {0xc2, 0xc4, "l", "l"},
}

// saturating are what the instructions 0xfc 0 to 7 take and give.
var saturating = [8]string{"fi", "fi", "di", "di", "fl", "fl", "dl", "dl"}

// loads and stores are what the instructions from 0x28 and from 0x36 give and take.
const loads, stores = "ilfdiiiillllll", "ilfdiilll"

func types(letters string) []byte {
	ts := make([]byte, len(letters))
	for i, c := range letters {
		ts[i] = map[rune]byte{'i': I32, 'l': I64, 'f': F32, 'd': F64}[c]
	}
	return ts
}

func (w *writer) number() {
	op := byte(0x45 + w.n(0xc4-0x45+9))
	if op > 0xc4 {
		t := types(saturating[op-0xc5])
		w.op(Code{0xfc, op - 0xc5}, t[:1], t[1:])
		return
	}
	for _, r := range numeric {
		if op <= r.to {
			if !w.nans && makesNaN(op) {
				return
			}
			w.divisor(op)
			w.op(Code{op}, types(r.takes), types(r.give))
			return
		}
	}
}

// makesNaN reports whether an instruction can give a NaN, or infinity, from which others make one, without having been given one.
func makesNaN(op byte) bool {
	switch {
	case 0x91 <= op && op <= 0x95, 0x9f <= op && op <= 0xa3: // sqrt, add, sub, mul, div
		return true
	}
	return op == 0xb6 || op == 0xbe || op == 0xbf // demote, and reinterpretations of integers
}

// divisor has a division mostly not trap.
func (w *writer) divisor(op byte) {
	switch {
	case 0x6d <= op && op <= 0x70 && w.n(8) < 7:
		w.need(I32, I32)
		w.add(Code{}.I32Const(1).Op(OpI32Or)...)
	case 0x7f <= op && op <= 0x82 && w.n(8) < 7:
		w.need(I64, I64)
		w.add(Code{}.I64Const(1).Op(OpI64Or)...)
	}
}

// memory reads or writes, mostly in bounds.
func (w *writer) memory() {
	offset := uint32(w.n(256))
	if w.n(8) == 7 {
		offset <<= 24
	}
	if i := w.n(len(loads) + len(stores)); i < len(loads) {
		if !w.nans && (loads[i] == 'f' || loads[i] == 'd') {
			return
		}
		w.address()
		w.op(Code{}.Mem(byte(0x28+i), 0, offset), []byte{I32}, types(loads[i:i+1]))
	} else {
		i -= len(loads)
		w.address()
		value := types(stores[i : i+1])
		w.push(value[0])
		w.op(Code{}.Mem(byte(0x36+i), 0, offset), append([]byte{I32}, value...), nil)
	}
}

func (w *writer) address() {
	w.need(I32)
	if w.n(8) < 7 {
		w.add(Code{}.I32Const(0xffff).Op(OpI32And)...)
	}
}

// indirect calls through the table, mostly with the type of what is there, and mostly later functions.
func (w *writer) indirect() {
	at := 1 + w.n(len(w.funcs))
	if at <= w.self+1 && w.n(16) < 15 {
		return
	}
	f := w.funcs[at-1]
	switch w.n(8) {
	case 6:
		f = w.funcs[w.n(len(w.funcs))]
	case 7:
		at = w.n(tableSize + 1)
	}
	w.need(f.params...)
	if w.n(8) == 7 {
		w.push(I32)
	} else {
		w.add(Code{}.I32Const(int32(at))...)
		w.stack = append(w.stack, I32)
	}
	w.op(Code{}.CallIndirect(w.Type(f.params, f.results)), append(append([]byte{}, f.params...), I32), f.results)
}

// bulk is all about memory and table as a whole.
func (w *writer) bulk() {
	ref := Code{0xd2, byte(w.n(len(w.funcs)))}
	small := func(n int) Code { return Code{}.I32Const(int32(w.n(n))) }
	three := func(to, from, length int) Code { return Code(Cat(small(to), small(from), small(length))) }
	one := []byte{I32}
	switch w.n(22) {
	case 20, 21:
		w.placed()
	case 0:
		w.op(Code{}.MemorySize(), nil, one)
	case 1, 2:
		w.op(small(3).MemoryGrow(), nil, one)
	case 3:
		w.op(Code{}.MemoryGrow(), one, one)
	case 4, 5:
		w.op(three(256, 256, 256).Raw(0xfc, 11, 0), nil, nil)
	case 6:
		w.op(Code{0xfc, 11, 0}, []byte{I32, I32, I32}, nil)
	case 7, 8:
		w.op(three(256, 256, 256).Raw(0xfc, 10, 0, 0), nil, nil)
	case 9:
		w.op(Code{0xfc, 10, 0, 0}, []byte{I32, I32, I32}, nil)
	case 10, 11:
		w.op(three(256, 3, 4).Raw(0xfc, 8, dataPassive, 0), nil, nil)
	case 12:
		w.op(Code{0xfc, 9, dataPassive}, nil, nil)
	case 13:
		w.op(three(tableSize, 2, 2).Raw(0xfc, 12, elemPassive, 0), nil, nil)
	case 14:
		w.op(Code{0xfc, 13, elemPassive}, nil, nil)
	case 15:
		w.op(three(4, 4, 3).Raw(0xfc, 14, 0, 0), nil, nil)
	case 16:
		w.op(append(ref, small(4).TableGrow()...), nil, one)
	case 17:
		w.op(Code{0xfc, 16, 0}, nil, one)
	case 18:
		w.op(append(append(small(tableSize+1), ref...), 0x26, 0), nil, nil) // table.set
	default:
		w.op(append(small(tableSize+1), 0x25, 0, 0xd1), nil, one) // table.get, ref.is_null
	}
}

// placed puts a later function into the table and calls it there.
func (w *writer) placed() {
	f := w.self + 1 + w.n(2)
	if f >= len(w.funcs) {
		return
	}
	at := w.n(tableSize)
	sig := w.funcs[f]
	w.add(Code{}.I32Const(int32(at)).Raw(0xd2, byte(f), 0x26, 0)...)
	w.need(sig.params...)
	w.add(Code{}.I32Const(int32(at)).CallIndirect(w.Type(sig.params, sig.results))...)
	w.stack = append(w.stack[:len(w.stack)-len(sig.params)], sig.results...)
}
