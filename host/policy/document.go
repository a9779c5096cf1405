package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
)

// Version is the version of the format.
const Version = 1

// MaxSize is the largest policy file that is read, in bytes.
const MaxSize = 4 << 20

// Envelopes says which modules a self-describing block may bring in.
type Envelopes string

// The values of "envelopes". The zero value means EnvelopesAllowList.
const (
	EnvelopesDeny      Envelopes = "deny"
	EnvelopesAllowList Envelopes = "allow-list"
	EnvelopesPure      Envelopes = "pure"
	EnvelopesAsk       Envelopes = "ask"
)

// Document is the content of a policy file. The zero value allows nothing.
type Document struct {
	Allow, Deny []cid.Cid // in the order of the file
	// Grants maps binding → interface → arguments as JSON, nil for none.
	Grants map[string]map[string]json.RawMessage
	// Holders maps binding → identity of the only module that gets its grants.
	Holders   map[string]cid.Cid
	Envelopes Envelopes
}

// Error is a policy file that is not accepted.
type Error struct {
	Path string // the file, if it came from one
	At   string // where in it, such as `"allow"[2]`; may be empty
	Got  string // what was found, and why it is wrong
	Want string // what was expected
	Err  error
}

func (e *Error) Error() string {
	s := "policy"
	if e.Path != "" {
		s += " " + e.Path
	}
	if e.At != "" {
		s += ": " + e.At
	}
	return fmt.Sprintf("%s: found %s, expected %s", s, e.Got, e.Want)
}

func (e *Error) Unwrap() error { return e.Err }

// Code is the stable name of the failure.
func (e *Error) Code() string { return "policy-invalid" }

// Hint says what to do about it.
func (e *Error) Hint() string {
	return "correct the file by hand, or move it away to start from one that allows nothing"
}

// wire is the document as JSON has it.
type wire struct {
	Version   json.RawMessage                       `json:"version"`
	Allow     []string                              `json:"allow,omitempty"`
	Deny      []string                              `json:"deny,omitempty"`
	Grants    map[string]map[string]json.RawMessage `json:"grants,omitempty"`
	Holders   map[string]string                     `json:"holders,omitempty"`
	Envelopes Envelopes                             `json:"envelopes,omitempty"`
}

// Parse reads a document. Its error is an [*Error].
func Parse(data []byte) (*Document, error) {
	if len(data) > MaxSize {
		return nil, &Error{Got: fmt.Sprintf("%d bytes", len(data)), Want: fmt.Sprintf("at most %d", MaxSize)}
	}
	if err := checkKeys(data); err != nil {
		return nil, err
	}
	var w wire
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&w); err != nil {
		return nil, syntaxError(err)
	}
	if string(w.Version) != "1" {
		got := string(w.Version)
		if got == "" {
			got = "nothing"
		}
		return nil, &Error{At: `"version"`, Got: got, Want: "1"}
	}
	doc := &Document{Envelopes: w.Envelopes}
	var err error
	if doc.Allow, err = parseCIDs(`"allow"`, w.Allow); err != nil {
		return nil, err
	}
	if doc.Deny, err = parseCIDs(`"deny"`, w.Deny); err != nil {
		return nil, err
	}
	for i, c := range doc.Deny {
		if !IsIdentity(c) {
			return nil, &Error{At: fmt.Sprintf(`"deny"[%d]`, i), Got: c.String(), Want: wantIdentity}
		}
	}
	if doc.Grants, err = parseGrants(w.Grants); err != nil {
		return nil, err
	}
	if doc.Holders, err = parseHolders(w.Holders); err != nil {
		return nil, err
	}
	return doc, doc.checkEnvelopes()
}

// Encode writes a document in the form that people edit: indented, bindings
// sorted, with a line feed at the end.
func (d *Document) Encode() ([]byte, error) {
	if err := d.checkEnvelopes(); err != nil {
		return nil, err
	}
	w := wire{Version: json.RawMessage("1"), Envelopes: d.Envelopes, Grants: map[string]map[string]json.RawMessage{}}
	for _, c := range d.Allow {
		w.Allow = append(w.Allow, c.String())
	}
	for _, c := range d.Deny {
		w.Deny = append(w.Deny, c.String())
	}
	for binding, ifaces := range d.Grants {
		w.Grants[binding] = map[string]json.RawMessage{}
		for iface, args := range ifaces {
			if args == nil {
				args = json.RawMessage("{}")
			}
			w.Grants[binding][iface] = args
		}
	}
	for binding, c := range d.Holders {
		if w.Holders == nil {
			w.Holders = map[string]string{}
		}
		w.Holders[binding] = c.String()
	}
	out, err := json.MarshalIndent(w, "", "  ")
	if err != nil {
		return nil, &Error{At: `"grants"`, Got: "arguments that are not JSON", Want: "JSON", Err: err}
	}
	return append(out, '\n'), nil
}

// IsIdentity reports whether c can be the identity of a module. A module has one
// identity and any number of other CIDs, so a denial by one of those would deny
// nothing.
func IsIdentity(c cid.Cid) bool {
	p := c.Prefix()
	return p.Version == 1 && p.Codec == cid.Raw && p.MhType == multihash.SHA2_256 && p.MhLength == 32
}

func (d *Document) checkEnvelopes() error {
	switch d.Envelopes {
	case "", EnvelopesDeny, EnvelopesAllowList, EnvelopesPure, EnvelopesAsk:
		return nil
	}
	return &Error{At: `"envelopes"`, Got: fmt.Sprintf("%q", d.Envelopes), Want: `"deny", "allow-list", "pure" or "ask"`}
}

// clone makes a deep copy, so that a change is not seen before it is saved.
func (d *Document) clone() *Document {
	c := &Document{Allow: slices.Clone(d.Allow), Deny: slices.Clone(d.Deny), Holders: maps.Clone(d.Holders), Envelopes: d.Envelopes}
	c.Grants = make(map[string]map[string]json.RawMessage, len(d.Grants))
	for binding, ifaces := range d.Grants {
		c.Grants[binding] = maps.Clone(ifaces)
	}
	return c
}

func parseCIDs(at string, list []string) ([]cid.Cid, error) {
	var out []cid.Cid
	for i, s := range list {
		c, err := cid.Decode(s)
		if err != nil {
			return nil, &Error{At: fmt.Sprintf("%s[%d]", at, i), Got: fmt.Sprintf("%q (%v)", s, err), Want: "the CID of a module", Err: err}
		}
		out = append(out, c)
	}
	return out, nil
}

const wantIdentity = "an identity, the CID that iprt inspect prints first"

func parseHolders(holders map[string]string) (map[string]cid.Cid, error) {
	var out map[string]cid.Cid
	for binding, text := range holders {
		c, err := cid.Decode(text)
		if err != nil || !IsIdentity(c) {
			return nil, &Error{At: fmt.Sprintf(`"holders".%q`, binding), Got: fmt.Sprintf("%q", text), Want: wantIdentity, Err: err}
		}
		if out == nil {
			out = map[string]cid.Cid{}
		}
		out[binding] = c
	}
	return out, nil
}

func parseGrants(grants map[string]map[string]json.RawMessage) (map[string]map[string]json.RawMessage, error) {
	for binding, ifaces := range grants {
		if ifaces == nil {
			return nil, &Error{At: fmt.Sprintf(`"grants".%q`, binding), Got: "null", Want: "an object of interfaces"}
		}
		for iface, args := range ifaces {
			if !isInterface(iface) {
				return nil, &Error{
					At: fmt.Sprintf(`"grants".%q`, binding), Got: fmt.Sprintf("%q", iface),
					Want: `the name of an interface with its version, such as "iprt:log/v1"`,
				}
			}
			if noArgs(args) {
				ifaces[iface] = nil
			}
		}
	}
	return grants, nil
}

// noArgs reports whether arguments are null or an empty object.
func noArgs(args json.RawMessage) bool {
	var m map[string]json.RawMessage
	return json.Unmarshal(args, &m) == nil && len(m) == 0
}

func syntaxError(err error) error {
	e := &Error{Got: err.Error(), Want: "a JSON object as the package documentation describes", Err: err}
	var s *json.SyntaxError
	var t *json.UnmarshalTypeError
	switch {
	case errors.As(err, &s):
		e.At = fmt.Sprintf("byte %d", s.Offset)
	case errors.As(err, &t):
		e.At, e.Got, e.Want = fmt.Sprintf("%q", t.Field), t.Value, typeWord(t.Type.Kind().String())
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		e.Got = "an empty or cut-off file"
	}
	return e
}

func typeWord(kind string) string {
	switch kind {
	case "slice":
		return "a list of CIDs"
	case "map", "struct":
		return "an object"
	}
	return "a " + kind
}
