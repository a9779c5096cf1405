package abuse

import (
	"bytes"
	"strings"
	"sync"

	"github.com/ipfs/go-cid"
	mh "github.com/multiformats/go-multihash"

	w "github.com/iprt/iprt/internal/wasmtest"
)

// linkCodec is a codec for blocks that are one binary CID: it decodes them to the link.
func linkCodec(opts ...w.Option) []byte {
	t := table(nil, record{kLink, 0, 0, 0}) // its length is set by decode
	put := w.Edit(func(b *w.Builder) { b.Data(16_384, t) })
	body := w.Code{}.I32Const(16_384+32+4).LocalGet(1).Mem(w.OpI32Store, 2, 0).Result(w.Code{}.I32Const(16_384), w.Code{}.I32Const(48))
	return w.Codec(append([]w.Option{put, w.Body(decode, body)}, opts...)...)
}

// envelope is a self-describing block; more are further keys with encoded values, in DAG-CBOR's order behind "codec".
func envelope(codec cid.Cid, data []byte, more ...any) []byte {
	return w.CBORMap(append([]any{"data", data, "iprt", w.CBORUint(1), "codec", cborLink(codec)}, more...)...)
}

// contentEnvelopes has blocks that name the code that decodes them.
func contentEnvelopes(c *corpus) {
	leaf := w.CBORMap("leaf", w.CBORString("reached"))
	try := func(name, tries, path string, want []Outcome, build func(o *Offer) cid.Cid) {
		c.built("envelope/"+name, tries, build, func(root cid.Cid) Step {
			return Step{Do: Resolve{Root: root.String(), Path: path}, Want: want, Within: 2 * Usual}
		})
	}
	around := func(module []byte, data []byte, more ...any) func(*Offer) cid.Cid {
		return func(o *Offer) cid.Cid { return o.put(cid.DagCBOR, envelope(o.put(cid.Raw, module), data, more...)) }
	}
	pointing := func(o *Offer) []byte { return w.CBORBytes(o.put(cid.DagCBOR, leaf).Bytes()) }
	try("good", "nothing: an envelope that leads to a block", "~/leaf", []Outcome{OK}, func(o *Offer) cid.Cid { return around(linkCodec(), pointing(o))(o) })

	refused := []Outcome{Reject, Deny, Error} // a policy may be asked first, and say no
	try("codec-is-data", "an envelope whose codec is no code", "~", refused, around([]byte("not code"), w.CBORBytes(nil)))
	try("codec-is-envelope", "an envelope whose codec is an envelope", "~", refused, func(o *Offer) cid.Cid {
		inner := envelope(o.put(cid.Raw, linkCodec()), w.CBORBytes(linkCodec()))
		return around(inner, w.CBORBytes(nil))(o)
	})
	try("codec-links-envelope", "an envelope whose codec is linked as data", "~", refused, func(o *Offer) cid.Cid {
		inner := o.put(cid.DagCBOR, envelope(o.put(cid.Raw, linkCodec()), w.CBORBytes(nil)))
		return o.put(cid.DagCBOR, envelope(inner, w.CBORBytes(nil)))
	})
	itself := sum(cid.Raw, []byte("a promise that cannot be kept"))
	try("codec-is-itself", "an envelope that is served as its own codec", "~", refused, func(o *Offer) cid.Cid {
		e := envelope(itself, w.CBORBytes(nil))
		o.claim(itself, e)
		return o.put(cid.DagCBOR, e)
	})
	try("codec-missing", "a codec that nobody has", "~", []Outcome{Error.Of("not-found"), Error.Of("bad-envelope")}, func(o *Offer) cid.Cid { return o.put(cid.DagCBOR, envelope(missing(1), w.CBORBytes(nil))) })
	try("codec-identity", "a codec that its link carries itself", "~", refused, func(o *Offer) cid.Cid {
		return o.put(cid.DagCBOR, envelope(made(cid.Raw, mh.IDENTITY, linkCodec()), w.CBORBytes(nil)))
	})
	try("codec-sha1", "a codec under a weak hash", "~", refused, func(o *Offer) cid.Cid {
		return o.put(cid.DagCBOR, envelope(o.claim(hashed(cid.Raw, mh.SHA1, -1, linkCodec()), linkCodec()), w.CBORBytes(nil)))
	})
	try("codec-granted", "a codec that asks for more than computing", "~", []Outcome{Deny}, around(
		linkCodec(w.Optional(log), w.Import(log, "write", []byte{w.I32, w.I32, w.I32}, []byte{w.I32})), w.CBORBytes(nil)))
	try("codec-loops", "a codec that does not end", "~", []Outcome{Limit}, around(w.Codec(w.DecodeLoops()), w.CBORBytes([]byte("x"))))
	try("codec-loops-at-start", "a codec that does not start", "~", []Outcome{Limit}, around(linkCodec(w.Init(w.Code{}.Loop(w.Void).Br(0).End().I32Const(0))), w.CBORBytes([]byte("x"))))
	try("codec-traps", "a codec that traps", "~", []Outcome{Trap}, around(w.Codec(w.DecodeTraps()), w.CBORBytes([]byte("x"))))
	try("data-missing", "data that nobody has", "~", []Outcome{Error}, around(linkCodec(), cborLink(missing(2))))
	try("data-mismatch", "data that does not match its link", "~", []Outcome{Error}, func(o *Offer) cid.Cid {
		return around(linkCodec(), cborLink(o.claim(missing(3), []byte("other"))))(o)
	})
	for _, n := range []int{2, 5, 300} {
		want := []Outcome{Limit}
		if n <= 5 {
			want = []Outcome{OK}
		}
		try(count("chain", n), "envelopes that lead to envelopes", strings.Repeat("~/", n)+"leaf", want, func(o *Offer) cid.Cid {
			at := o.put(cid.DagCBOR, leaf)
			for range n {
				at = around(linkCodec(), w.CBORBytes(at.Bytes()))(o)
			}
			return at
		})
		many := []Outcome{OK, Limit}
		try(count("codecs", n), "envelopes of which each brings its own code", strings.Repeat("~/", n)+"leaf", many, func(o *Offer) cid.Cid {
			at := o.put(cid.DagCBOR, leaf)
			for i := range n {
				at = around(linkCodec(w.ManifestCode(uint64(0x300100+i))), w.CBORBytes(at.Bytes()))(o)
			}
			return at
		})
	}
	contentLinks(c, try, around, pointing)
}

// contentLinks has envelopes and blocks with a great many links, which nobody follows unasked.
func contentLinks(c *corpus, try func(string, string, string, []Outcome, func(*Offer) cid.Cid), around func([]byte, []byte, ...any) func(*Offer) cid.Cid, pointing func(*Offer) []byte) {
	list := sync.OnceValue(func() []byte {
		links := make([][]byte, 40_000) // as many as a block has room for
		for i := range links {
			links[i] = cborLink(missing(i))
		}
		return w.CBORList(links...)
	})
	try("links-lie", "a list of links that are not in the data", "~", []Outcome{Error}, func(o *Offer) cid.Cid {
		return around(linkCodec(), pointing(o), "links", w.CBORList(cborLink(missing(9))))(o)
	})
	try("links-many", "a list of 40,000 links that are not in the data", "~", []Outcome{Error, Limit}, func(o *Offer) cid.Cid {
		return around(linkCodec(), pointing(o), "links", list())(o)
	})
	ask := func(name, tries, path string, want Outcome, block func() []byte) {
		c.built("links/"+name, tries, func(o *Offer) cid.Cid { o.Most = 4; return o.put(cid.DagCBOR, block()) },
			func(root cid.Cid) Step {
				return Step{Do: Resolve{Root: root.String(), Path: path}, Want: []Outcome{want}}
			})
	}
	ask("unasked", "a block with 40,000 links", "at", OK, func() []byte { return w.CBORMap("at", w.CBORUint(7), "links", list()) })
	deep := w.Cat(bytes.Repeat([]byte{0x81}, 1_000), cborLink(missing(1)))
	ask("deep-path", "a path that ends in a link to nothing", strings.Repeat("0/", 1_000), Error, func() []byte { return deep })
	for _, path := range []string{"-1", "18446744073709551616", "00", "1e3", "a", "~", "../..", strings.Repeat("x/", 100_000)} {
		ask("path-"+clip(path), "a path that leads nowhere", path, Error, list)
	}
}

// clip makes a name of a long text.
func clip(s string) string { return strings.ReplaceAll(s[:min(len(s), 20)], "/", "_") }
