package wasmtest

// ManifestName and ManifestCode set what the manifest says of the module: its name and its multicodec code.
func ManifestName(name string) Option { return func(c *codec) { c.name = name } }

// ManifestCode sets the multicodec code that the manifest claims; 0x300010 otherwise.
func ManifestCode(code uint64) Option { return func(c *codec) { c.code = code } }

// ManifestVersion sets the version that the manifest states; 1.0.0 otherwise.
func ManifestVersion(v string) Option { return func(c *codec) { c.version = v } }

// Requires and Optional set the interfaces that the manifest lists; give them sorted.
func Requires(interfaces ...string) Option { return func(c *codec) { c.requires = interfaces } }

// Optional sets the optional interfaces that the manifest lists; give them sorted.
func Optional(interfaces ...string) Option { return func(c *codec) { c.optional = interfaces } }

// ManifestBytes replaces the content of the manifest section.
func ManifestBytes(b []byte) Option { return func(c *codec) { c.manifest = b } }

// Manifests sets how many times the manifest section is there.
func Manifests(n int) Option { return func(c *codec) { c.manifests = n } }

// Without leaves out exports, memory among them.
func Without(exports ...string) Option {
	return func(c *codec) {
		for _, e := range exports {
			c.skip[e] = true
		}
	}
}

// WrongSignature has functions exported as (f64) -> ().
func WrongSignature(exports ...string) Option {
	return func(c *codec) {
		for _, e := range exports {
			c.wrong[e] = true
		}
	}
}

// ExtraExport adds an exported function that traps: a second marker, iprt_init with a wrong type, a role nobody asked for.
func ExtraExport(name string, params, results []byte) Option {
	return func(c *codec) { c.extra = append(c.extra, fn{name: name, params: params, results: results}) }
}

// Import adds an imported function; the first one is function 0, to be called by a body given with [Body].
func Import(module, name string, params, results []byte) Option {
	return func(c *codec) { c.imports = append(c.imports, fn{module, name, params, results}) }
}

// Body replaces the body of an exported function (iprt_alloc, iprt_codec_v1_decode, …), without its final end. Role calls
// have parameters 0 to 3 and return i64; iprt_alloc has two i32 locals beyond its parameter, encode has one.
func Body(export string, code Code) Option { return func(c *codec) { c.bodies[export] = code } }

// Init adds iprt_init with a body that leaves its i32 status.
func Init(code Code) Option {
	return func(c *codec) {
		c.extra = append(c.extra, fn{name: "iprt_init", results: []byte{I32}})
		c.bodies["iprt_init"] = code
	}
}

// Initialize adds _initialize, as a WASI reactor has it.
func Initialize(code Code) Option {
	return func(c *codec) {
		c.extra = append(c.extra, fn{name: "_initialize"})
		c.bodies["_initialize"] = code
	}
}

// Start gives the module a start function.
func Start(code Code) Option { return func(c *codec) { c.start = &code } }

// Memory sets the limits of the memory in pages; max < 0 declares no maximum. It is 1 to 16 otherwise.
func Memory(min uint32, max int64) Option {
	return func(c *codec) { c.memMin, c.memMax = min, max }
}

// CustomSection adds a custom section after the manifest.
func CustomSection(name string, payload []byte) Option {
	return func(c *codec) { c.custom = append(c.custom, Custom(name, payload)) }
}

// Edit hands the finished builder over for changes that no option covers. Several edits are made in order.
func Edit(f func(*Builder)) Option { return func(c *codec) { c.edits = append(c.edits, f) } }

// decodeBody is Body for decode.
func decodeBody(code Code) Option { return Body("iprt_codec_v1_decode", code) }

// DecodeTraps has decode end in unreachable.
func DecodeTraps() Option { return decodeBody(Code{}.Op(OpUnreachable)) }

// DecodeTrapsWith has decode leave an error text, then end in unreachable, as a panic does.
func DecodeTrapsWith(status uint32, text string) Option {
	return DecodeStores(status, text, Code{}.Op(OpUnreachable))
}

// DecodeFails has decode return a status, with an error text of at most 1,024 bytes.
func DecodeFails(status uint32, text string) Option {
	return DecodeStores(status, text, Code{}.I64Const(int64(status)))
}

// DecodeStores has decode store a status and a text as the error, then run the code, which must leave an i64 or trap.
func DecodeStores(status uint32, text string, then Code) Option {
	c := Code{}
	for i := range len(text) {
		c = c.I32Const(ErrorAddr+8+int32(i)).I32Const(int32(text[i])).Mem(OpI32Store8, 0, 0)
	}
	return decodeBody(c.add(setError(int(status), len(text)), then))
}

// DecodeReturns has decode return an address and a length, which may lie anywhere, or with address 0 a status.
func DecodeReturns(ptr, length uint32) Option {
	return decodeBody(Code{}.I64Const(int64(uint64(ptr)<<32 | uint64(length))))
}

// Table has decode and links return these bytes as a token table.
func Table(table []byte) Option {
	return func(c *codec) {
		c.data = table
		ret := Code{}.I64Const(extraAddr<<32 | int64(len(table)))
		c.bodies["iprt_codec_v1_decode"] = ret
		c.bodies["iprt_codec_v1_links"] = ret
		if need := uint32((heapStart+2*len(table))>>16 + 1); c.memMin < need {
			c.memMin, c.memMax = need, max(c.memMax, int64(need)+16)
		}
	}
}

// DecodeLoops has decode run for ever.
func DecodeLoops() Option { return decodeBody(Code{}.Loop(Void).Br(0).End().Op(OpUnreachable)) }

// DecodeGrows has decode grow memory by a page for ever, whether or not that succeeds.
func DecodeGrows() Option {
	return decodeBody(Code{}.Loop(Void).I32Const(1).MemoryGrow().Op(OpDrop).Br(0).End().Op(OpUnreachable))
}

// AllocReturns has iprt_alloc return one address, whatever the size.
func AllocReturns(ptr uint32) Option { return Body("iprt_alloc", Code{}.I32Const(int32(ptr))) }

// ErrorAt has iprt_error return another address.
func ErrorAt(ptr uint32) Option { return Body("iprt_error", Code{}.I32Const(int32(ptr))) }
