package main

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
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

// jsonForTerminal is a JSON text with nothing in it that a terminal would act
// on: JSON leaves DEL, the C1 controls and marks that reverse the direction of
// writing as they are. It means the same; only strings can hold such runes.
func jsonForTerminal(doc []byte) []byte {
	out := make([]byte, 0, len(doc))
	for _, r := range string(doc) {
		if unicode.IsPrint(r) || r == '\n' || r == '\t' {
			out = utf8.AppendRune(out, r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			out = fmt.Appendf(out, `\u%04x`, unit)
		}
	}
	return out
}
