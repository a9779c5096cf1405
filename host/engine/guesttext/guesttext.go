// Package guesttext makes text that a guest wrote safe to show.
//
// Log lines, error texts, panic messages, function names and whatever else comes
// out of a module may hold terminal escapes that forge output, bidirectional
// controls that reorder it, invalid UTF-8 and megabytes of anything. Pass it through
// [Line] where it takes part in one line, or [Block] where it may have several,
// before it reaches a log, a terminal or an error message.
package guesttext

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ellipsis marks text that was cut.
const ellipsis = "…"

// Line returns text as one line: letters, digits, punctuation, symbols and spaces stay,
// a tab becomes a space, and everything else, line breaks included, is shown as a Go
// escape such as \x1b or \u202e. Line breaks at the end are dropped. The result is valid
// UTF-8 of at most limit bytes; if something was cut off it ends in "…". A limit too
// small for that mark gives an empty string.
func Line[T ~string | ~[]byte](text T, limit int) string { return clean(text, limit, false) }

// Block is [Line] for text of several lines: line feeds and tabs stay as they are, and a
// carriage return before a line feed is dropped.
func Block[T ~string | ~[]byte](text T, limit int) string { return clean(text, limit, true) }

func clean[T ~string | ~[]byte](text T, limit int, block bool) string {
	if limit < len(ellipsis) {
		return ""
	}
	// What lies behind limit bytes of input can never be shown, so it is not looked at.
	// A few bytes more tell whether something was cut, and keep the last rune whole.
	head := string(text[:min(len(text), limit+utf8.UTFMax)])
	if len(head) == len(text) {
		head = strings.TrimRight(head, "\r\n")
	}
	var b strings.Builder
	room := 0 // the longest b after which the mark still fits
	for i := 0; i < len(head); {
		r, size := utf8.DecodeRuneInString(head[i:])
		out := shown(head[i:i+size], r, head[i+size:], block)
		if b.Len()+len(out) > limit {
			return b.String()[:room] + ellipsis
		}
		b.WriteString(out)
		if b.Len() <= limit-len(ellipsis) {
			room = b.Len()
		}
		i += size
	}
	return b.String()
}

// shown returns how the rune r, encoded as raw and followed by rest, is displayed.
func shown(raw string, r rune, rest string, block bool) string {
	switch {
	case r == utf8.RuneError && len(raw) == 1:
		return fmt.Sprintf(`\x%02x`, raw[0])
	case unicode.IsGraphic(r):
		return raw
	case r == '\t' && !block:
		return " "
	case block && (r == '\t' || r == '\n'):
		return raw
	case block && r == '\r' && strings.HasPrefix(rest, "\n"):
		return ""
	case r == '\n':
		return `\n`
	case r == '\r':
		return `\r`
	case r < 0x80:
		return fmt.Sprintf(`\x%02x`, r)
	case r < 0x10000:
		return fmt.Sprintf(`\u%04x`, r)
	}
	return fmt.Sprintf(`\U%08x`, r)
}
