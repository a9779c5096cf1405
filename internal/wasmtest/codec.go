package wasmtest

import "encoding/binary"

// Where the codec guest keeps things in its memory.
const (
	ErrorAddr = 1024 // {u32 status, u32 len, u8 text[1024]}: what iprt_error returns
	tableAddr = 2064 // the token table that decode returns: a header and one record
	linksAddr = 2128 // the token table that links returns: an empty list
	extraAddr = 4096 // a table given by [Table]
	heapStart = 8192 // where alloc starts, moved up by a longer extra table
)

// Option bends the module that [Codec] makes.
type Option func(*codec)

type codec struct {
	name, version      string
	code               uint64
	requires, optional []string
	manifest           []byte
	manifests          int
	memMin             uint32
	memMax             int64
	imports            []fn
	skip, wrong        map[string]bool
	extra              []fn
	data               []byte
	start              *Code
	custom             [][]byte
	edits              []func(*Builder)
	bodies             map[string]Code
}

type fn struct {
	module, name    string
	params, results []byte
}

// Codec is a complete iprt module with the role codec/v1 that is written against the ABI:
//
//   - decode returns a table of one record: bytes, pointing at the whole input block;
//   - encode takes such a table (its bytes in the heap) and returns those bytes, and INVALID with a text for anything else;
//   - links returns an empty list.
//
// Options are applied in order.
func Codec(opts ...Option) []byte {
	c := &codec{
		name: "echo", version: "1.0.0", code: 0x300010, manifests: 1, memMin: 1, memMax: 16,
		skip: map[string]bool{}, wrong: map[string]bool{}, bodies: map[string]Code{},
	}
	for _, o := range opts {
		o(c)
	}
	return c.build()
}

func (c *codec) build() []byte {
	b := New()
	for _, i := range c.imports {
		b.ImportFunc(i.module, i.name, i.params, i.results)
	}
	b.Memory(c.memMin, c.memMax)
	heap := int32(heapStart + (len(c.data)+15)&^15)
	h := b.Global(I32, true, Code{}.I32Const(heap))

	role := []byte{I32, I32, I32, I32}
	reset := Code{}.I32Const(heap).GlobalSet(h)
	if !c.skip["memory"] {
		b.Export("memory", KindMemory, 0)
	}
	c.export(b, "iprt_abi_v1", nil, nil, nil, nil, Code{})
	c.export(b, "iprt_alloc", []byte{I32}, []byte{I32}, []Local{{2, I32}}, nil, alloc(h))
	c.export(b, "iprt_error", nil, []byte{I32}, nil, nil, Code{}.I32Const(ErrorAddr))
	c.export(b, "iprt_codec_v1_decode", role, []byte{I64}, nil, reset, decode())
	c.export(b, "iprt_codec_v1_encode", role, []byte{I64}, []Local{{1, I32}}, reset, encode())
	c.export(b, "iprt_codec_v1_links", role, []byte{I64}, nil, reset, Code{}.Result(Code{}.I32Const(linksAddr), Code{}.I32Const(48)))
	clear(c.skip) // an extra export may stand in for one that was left out
	for _, e := range c.extra {
		c.export(b, e.name, e.params, e.results, nil, nil, Code{}.Op(OpUnreachable))
	}
	if c.start != nil {
		b.Start(b.Func(nil, nil, nil, *c.start))
	}
	b.Data(tableAddr, oneRecord(7, 0, 0))
	b.Data(linksAddr, oneRecord(9, 0, 1))
	b.Data(ErrorAddr+8, []byte(notBytes))
	if len(c.data) > 0 {
		b.Data(extraAddr, c.data)
	}
	m := c.manifest
	if m == nil {
		m = Manifest(c.name, c.version, c.code, c.requires, c.optional)
	}
	for range c.manifests {
		b.Custom("iprt.manifest", m)
	}
	b.customs = append(b.customs, c.custom...)
	for _, edit := range c.edits {
		edit(b)
	}
	return b.Bytes()
}

// export defines and exports a function unless an option leaves it out, gives it another body or a wrong signature. The
// prefix stays whatever the body is: in role calls it resets the heap, so that a guest survives any number of calls.
func (c *codec) export(b *Builder, name string, params, results []byte, locals []Local, prefix, body Code) {
	if c.skip[name] {
		return
	}
	if replaced, ok := c.bodies[name]; ok {
		body = replaced
	}
	if c.wrong[name] {
		params, results, prefix, body = []byte{F64}, nil, nil, Code{}
	}
	b.Export(name, KindFunc, b.Func(params, results, locals, prefix.add(body)))
}

// alloc is a bump allocator that grows memory; role calls reset it. Local 0 is the size, 1 the address, 2 the next free one.
func alloc(heap uint32) Code {
	return Code{}.
		LocalGet(0).I32Const(0x7fffffff).Op(OpI32GtU).If(Void).I32Const(0).Op(OpReturn).End().
		GlobalGet(heap).LocalTee(1).LocalGet(0).Op(OpI32Add).I32Const(15).Op(OpI32Add).I32Const(-16).Op(OpI32And).LocalTee(2).
		MemorySize().I32Const(16).Op(OpI32Shl).Op(OpI32GtU).
		If(Void).
		LocalGet(2).MemorySize().I32Const(16).Op(OpI32Shl, OpI32Sub).I32Const(65535).Op(OpI32Add).I32Const(16).Op(OpI32ShrU).
		MemoryGrow().I32Const(-1).Op(OpI32Eq).If(Void).I32Const(0).Op(OpReturn).End().
		End().
		LocalGet(2).GlobalSet(heap).LocalGet(1)
}

// decode stores the input's length in the one record of the static table and returns that table.
func decode() Code {
	return Code{}.I32Const(tableAddr+32+4).LocalGet(1).Mem(OpI32Store, 2, 0).
		Result(Code{}.I32Const(tableAddr), Code{}.I32Const(48))
}

const notBytes = "the token table does not hold one byte string"

// encode returns what the first record points at if it is bytes in the heap. Local 4 is the record's address.
func encode() Code {
	c := Code{}.LocalGet(0).LocalGet(0).Mem(OpI32Load, 2, 12).Op(OpI32Add).LocalTee(4).
		Mem(OpI32Load8U, 0, 0).I32Const(7).Op(OpI32Ne).If(Void)
	c = c.add(setError(1, len(notBytes))).I64Const(1).Op(OpReturn).End()
	return c.Result(
		Code{}.LocalGet(0).LocalGet(0).Mem(OpI32Load, 2, 16).Op(OpI32Add).LocalGet(4).Mem(OpI32Load, 2, 8).Op(OpI32Add),
		Code{}.LocalGet(4).Mem(OpI32Load, 2, 4))
}

// setError stores a status and the length of a text that is in memory already.
func setError(status, length int) Code {
	return Code{}.I32Const(ErrorAddr).I32Const(int32(status)).Mem(OpI32Store, 2, 0).
		I32Const(ErrorAddr).I32Const(int32(length)).Mem(OpI32Store, 2, 4)
}

// oneRecord is a token table of one record and an empty heap.
func oneRecord(kind byte, n uint32, v uint64) []byte {
	le := binary.LittleEndian
	t := append([]byte("ITT1"), make([]byte, 44)...)
	le.PutUint32(t[8:], 1)
	le.PutUint32(t[12:], 32)
	le.PutUint32(t[16:], 48)
	t[32] = kind
	le.PutUint32(t[36:], n)
	le.PutUint64(t[40:], v)
	return t
}
