package abuse

import (
	"net/http"
	"strings"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
)

// Offer is what the rest of the world has for a host: blocks behind a trustless gateway that may lie, and CAR files.
type Offer struct {
	// Blocks are answered by CID, whether or not they match it.
	Blocks map[cid.Cid][]byte
	// CAR, if it is set, answers every request for a CAR; otherwise there are none.
	CAR []byte
	// Files are CAR files on the host's disk.
	Files [][]byte
	// Serve, if it is set, answers in place of all that. Returning false falls through.
	Serve func(http.ResponseWriter, *http.Request) bool
	// Most is how many requests the case may cause; 0 stands for any number, -1 for none. "Nothing is fetched unasked."
	Most int64
}

// built is a case of content that is offered and asked for by what build returns.
func (c *corpus) built(name, tries string, build func(*Offer) cid.Cid, ask func(root cid.Cid) Step) {
	c.cases = append(c.cases, Case{
		Class: Content, Name: name, Tries: tries,
		Offer: func() *Offer { o := &Offer{}; build(o); return o },
		Steps: func() []Step { return []Step{ask(build(&Offer{}))} },
	})
}

// Media types of the trustless gateway.
const (
	typeRaw = "application/vnd.ipld.raw"
	typeCAR = "application/vnd.ipld.car; version=1"
)

// ServeHTTP is the gateway.
func (o *Offer) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	if o.Serve != nil && o.Serve(rw, r) {
		return
	}
	if r.URL.Query().Get("format") == "car" {
		if o.CAR == nil {
			http.Error(rw, "no CAR", http.StatusNotAcceptable)
			return
		}
		rw.Header().Set("Content-Type", typeCAR)
		_, _ = rw.Write(o.CAR)
		return
	}
	c, err := cid.Decode(strings.TrimPrefix(r.URL.Path, "/ipfs/"))
	if err != nil {
		http.Error(rw, "no CID", http.StatusBadRequest)
		return
	}
	b, ok := o.Blocks[asked(c)]
	if !ok {
		http.Error(rw, "not here", http.StatusNotFound)
		return
	}
	rw.Header().Set("Content-Type", typeRaw)
	_, _ = rw.Write(b)
}

// asked is the form under which blocks are kept: gateways are asked with version 1.
func asked(c cid.Cid) cid.Cid { return cid.NewCidV1(c.Prefix().Codec, c.Hash()) }

// put adds a block under its CID, and returns that.
func (o *Offer) put(codec uint64, block []byte) cid.Cid { return o.claim(sum(codec, block), block) }

// claim adds bytes under any CID.
func (o *Offer) claim(c cid.Cid, block []byte) cid.Cid {
	if o.Blocks == nil {
		o.Blocks = map[cid.Cid][]byte{}
	}
	o.Blocks[asked(c)] = block
	return c
}

// sum is the CIDv1 of a block, sha2-256.
func sum(codec uint64, block []byte) cid.Cid { return hashed(codec, multihash.SHA2_256, -1, block) }

// hashed is the CIDv1 of a block by any hash function that there is.
func hashed(codec, hash uint64, length int, block []byte) cid.Cid {
	h, err := multihash.Sum(block, hash, length)
	if err != nil {
		panic("abuse: a hash function of the corpus is missing: " + err.Error())
	}
	return cid.NewCidV1(codec, h)
}

// made is a CIDv1 with a multihash of any code and digest, computed by nothing.
func made(codec, hash uint64, digest []byte) cid.Cid {
	h, err := multihash.Encode(digest, hash)
	if err != nil {
		panic("abuse: " + err.Error())
	}
	return cid.NewCidV1(codec, h)
}

// missing is the CID of the nth block that nobody has.
func missing(n int) cid.Cid {
	return made(cid.Raw, multihash.SHA2_256, []byte{31: byte(n), 30: byte(n >> 8), 0: 0xee})
}
