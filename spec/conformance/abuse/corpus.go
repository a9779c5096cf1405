package abuse

import (
	"fmt"

	w "github.com/iprt/iprt/internal/wasmtest"
)

// Cases emits the corpus, class by class and always in the same order.
func Cases() []Case {
	var c corpus
	for _, add := range []func(*corpus){
		staticFiles, staticClaims, staticLimits, staticEncodings, staticBombs, staticStacks, staticSegments, staticOpcodes, staticManifests, staticMutations,
		shapes,
		endless, recursions, hoards, growth, traps,
		hostileAllocs, hostileResults, hostileTables, hostileStart, hostileCalls,
		lifecycles,
		floods, crowds,
		contentCIDs, contentFiles, contentCARs, contentEnvelopes, contentCBOR,
		smuggling, nans, reuse,
		faults,
	} {
		add(&c)
	}
	return c.cases
}

// corpus collects cases.
type corpus struct{ cases []Case }

func (c *corpus) add(class Class, name, tries string, steps func() []Step) {
	c.cases = append(c.cases, Case{Class: class, Name: name, Tries: tries, Steps: steps})
}

// offer is add with something to fetch.
func (c *corpus) offer(class Class, name, tries string, offer func() *Offer, steps ...Step) {
	c.cases = append(c.cases, Case{Class: class, Name: name, Tries: tries, Offer: offer, Steps: func() []Step { return steps }})
}

// elsewhere lists a case that needs the inside of a host.
func (c *corpus) elsewhere(class Class, name, tries string, tests ...string) {
	c.cases = append(c.cases, Case{Class: class, Name: name, Tries: tries, Elsewhere: tests})
}

// load is a case of one module that is loaded, and nothing more.
func (c *corpus) load(class Class, name, tries string, wasm func() []byte, want ...Outcome) {
	c.add(class, name, tries, func() []Step { return []Step{{Do: Load{Place: "it", Wasm: wasm()}, Want: want}} })
}

// codec is [corpus.load] for a codec with options.
func (c *corpus) codec(class Class, name, tries string, want Outcome, opts ...w.Option) {
	c.load(class, name, tries, func() []byte { return w.Codec(opts...) }, want)
}

// loaded is the step that loads a codec that must be accepted.
func loaded(place string, grants []string, opts ...w.Option) Step {
	return Step{Do: Load{Place: place, Wasm: w.Codec(opts...), Grants: grants}, Want: []Outcome{OK}}
}

// decodes is the step that calls decode with an input.
func decodes(place string, input []byte, want ...Outcome) Step {
	return Step{Do: Call{Place: place, Export: "decode", Input: input}, Want: want}
}

// count gives instances of a group their names.
func count(group string, n int) string { return fmt.Sprintf("%s/%d", group, n) }

// The exports whose bodies cases replace most.
const (
	decode = "iprt_codec_v1_decode"
	links  = "iprt_codec_v1_links"
	alloc  = "iprt_alloc"
)

// Interfaces that modules of the corpus ask for.
const (
	core   = "iprt:core/v1"
	log    = "iprt:log/v1"
	config = "iprt:config/v1"
	wasi   = "wasi_snapshot_preview1"
)

var i32 = []byte{w.I32}

func i32s(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = w.I32
	}
	return b
}
