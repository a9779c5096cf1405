package main

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxShown bounds one line of text that may come from a guest or a peer.
const maxShown = 2000

// oneLine makes text harmless on a terminal: line breaks become spaces, and
// what could move the cursor, change colours or reverse the direction of
// writing is shown as an escape.
func oneLine(s string) string {
	var b strings.Builder
	for i, r := range s {
		if b.Len() > maxShown {
			b.WriteString("…")
			break
		}
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD"):
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r == '\n' || r == '\r' || r == '\t':
			b.WriteByte(' ')
		case !unicode.IsPrint(r):
			fmt.Fprintf(&b, `\u{%x}`, r)
		default:
			b.WriteRune(r)
		}
	}
	return strings.TrimSpace(b.String())
}
