package abuse

import "context"

// Target is a host under test. Every method does one thing to it and says what came of it; what a request names but the host
// does not know is an ERROR, not a panic. Methods are called concurrently, and must return soon after the context's
// deadline: that is among the things under test.
//
// A target runs with the defaults of its host: the corpus is there to show that these are safe. Its policy allows modules
// that are pure, and those that are loaded by name; envelopes may bring in pure modules.
type Target interface {
	// Load loads a module from its bytes.
	Load(context.Context, Load) Result
	// Unload ends a module's place, and waits for calls in it.
	Unload(context.Context, Unload) Result
	// Call calls an export of a role and returns the bytes that it returned, unchecked.
	Call(context.Context, Call) Result
	// Decode decodes a block with a codec module, and walks all of what came out.
	Decode(context.Context, Decode) Result
	// Fetch gets the file, or the block, that a CID names and returns its bytes, verified.
	Fetch(context.Context, Fetch) Result
	// Resolve follows a path through blocks and returns the scalar at its end as bytes, or nothing.
	Resolve(context.Context, Resolve) Result
	// Close ends the host with everything in it.
	Close(context.Context) error
}

// Setup is the world that a target opens in.
type Setup struct {
	Dir      string   // for what the host keeps; may hold what an earlier target left. Empty: nothing is kept
	Gateways []string // URLs of trustless gateways, none of them trustworthy
	CARs     []string // paths of CAR files to read blocks from
}

// Load is a request to load a module into a place.
type Load struct {
	Place  string // name, for later requests; a place that is taken is replaced if loading succeeds
	Wasm   []byte
	Grants []string // interfaces
}

// Unload is a request to unload a place.
type Unload struct{ Place string }

// Call is a request to call an export of the role codec/v1 as it is: "decode", "encode" or "links".
type Call struct {
	Place         string
	Export        string
	Input, Params []byte
	// Domain is on whose behalf. Calls of one domain may share state in a guest; calls of two must not.
	Domain string
}

// Decode is a request to decode a block.
type Decode struct {
	Place string
	// Codec is a multicodec code to take a shipped codec by, where Place is empty.
	Codec uint64
	Block []byte
}

// Fetch is a request for content. Block asks for one block of any codec instead of a file.
type Fetch struct {
	CID   string
	Block bool
}

// Resolve is a request to follow a path; "~" enters an envelope.
type Resolve struct{ Root, Path string }

// Result is what came of a request.
type Result struct {
	Outcome Outcome
	Output  []byte // see the methods of [Target]
	Text    string // the error's text, as an operator would see it
	Log     string // what was logged since the last result, as an operator would see it
}
