package policy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// checkKeys refuses what encoding/json lets pass: repeated keys, of which the
// last would win silently, top-level keys in another case, and anything after
// the document.
func checkKeys(data []byte) error {
	d := json.NewDecoder(bytes.NewReader(data))
	if err := checkValue(d, "", 0); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return &Error{At: fmt.Sprintf("byte %d", d.InputOffset()), Got: "something after the document", Want: "the end of the file"}
	}
	return nil
}

// maxNesting is far above what arguments of a grant need. Every level costs a
// stack frame and a longer name of the place.
const maxNesting = 64

func checkValue(d *json.Decoder, at string, depth int) error {
	t, err := d.Token()
	if err != nil {
		return syntaxError(err)
	}
	open, ok := t.(json.Delim)
	if !ok {
		return nil
	}
	if depth == maxNesting {
		return &Error{At: fmt.Sprintf("byte %d", d.InputOffset()), Got: "another level", Want: fmt.Sprintf("a depth of at most %d", maxNesting)}
	}
	seen := map[string]bool{}
	for i := 0; d.More(); i++ {
		inner := fmt.Sprintf("%s[%d]", at, i)
		if open == '{' {
			key, err := d.Token()
			if err != nil {
				return syntaxError(err)
			}
			name := key.(string) // the decoder accepts nothing else here
			if seen[name] {
				return &Error{At: at, Got: fmt.Sprintf("the key %q twice", name), Want: "each key once"}
			}
			seen[name] = true
			if at == "" && !topKey(name) {
				return &Error{Got: fmt.Sprintf("the key %q", name), Want: strings.Join(topKeys, ", ")}
			}
			inner = strings.TrimPrefix(fmt.Sprintf("%s.%q", at, name), ".")
		}
		if err := checkValue(d, inner, depth+1); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil { // the closing bracket
		return syntaxError(err)
	}
	return nil
}

var topKeys = []string{"version", "allow", "deny", "grants", "holders", "envelopes"}

func topKey(name string) bool {
	for _, k := range topKeys {
		if k == name {
			return true
		}
	}
	return false
}

// isInterface reports whether a name looks like "iprt:log/v1": a prefix, a
// colon, a name and a version.
func isInterface(s string) bool {
	space, rest, ok := strings.Cut(s, ":")
	name, version, ok2 := strings.Cut(rest, "/v")
	return ok && ok2 && word(space, "abcdefghijklmnopqrstuvwxyz0123456789-") &&
		word(name, "abcdefghijklmnopqrstuvwxyz0123456789-") && word(version, "0123456789")
}

func word(s, alphabet string) bool {
	return s != "" && strings.Trim(s, alphabet) == ""
}
