package guesttext

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestLineAndBlock(t *testing.T) {
	tests := map[string]struct {
		in          string
		limit       int
		line, block string
	}{
		"plain":             {"hello, wörld 語 🙂", 64, "hello, wörld 語 🙂", "hello, wörld 語 🙂"},
		"empty":             {"", 64, "", ""},
		"terminal escape":   {"\x1b[2Jgone", 64, `\x1b[2Jgone`, `\x1b[2Jgone`},
		"c1 control":        {"a\u009bb", 64, `a\u009bb`, `a\u009bb`},
		"bidi override":     {"a\u202eb", 64, `a\u202eb`, `a\u202eb`},
		"zero width joiner": {"a\u200db", 64, `a\u200db`, `a\u200db`},
		"line separator":    {"a\u2028b", 64, `a\u2028b`, `a\u2028b`},
		"beyond the BMP":    {"a\U000e0001b", 64, `a\U000e0001b`, `a\U000e0001b`},
		"invalid utf-8":     {"a\xff\xc0b", 64, `a\xff\xc0b`, `a\xff\xc0b`},
		"real U+FFFD":       {"a\ufffdb", 64, "a\ufffdb", "a\ufffdb"},
		"nul and del":       {"\x00\x7f", 64, `\x00\x7f`, `\x00\x7f`},
		"tab":               {"a\tb", 64, "a b", "a\tb"},
		"lines":             {"a\nb\r\nc\rd", 64, `a\nb\r\nc\rd`, "a\nb\nc\\rd"},
		"final line breaks": {"a\r\n\n", 64, "a", "a"},
		"fits exactly":      {"abcdef", 6, "abcdef", "abcdef"},
		"cut":               {"abcdefg", 6, "abc…", "abc…"},
		"cut inside a rune": {"abあいう", 8, "abあ…", "abあ…"},
		"cut inside escape": {"ab\x1bcd", 5, "ab…", "ab…"},
		"limit of the mark": {"abcd", 3, "…", "…"},
		"limit too small":   {"abcd", 2, "", ""},
		"no limit":          {"abcd", 0, "", ""},
		"negative limit":    {"abcd", -1, "", ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := Line(tc.in, tc.limit); got != tc.line {
				t.Errorf("Line = %q, want %q", got, tc.line)
			}
			if got := Block([]byte(tc.in), tc.limit); got != tc.block {
				t.Errorf("Block = %q, want %q", got, tc.block)
			}
		})
	}
}

func FuzzLine(f *testing.F) {
	f.Add("a\x1b[31mb\u202e\xff\r\n", 9)
	f.Add(strings.Repeat("あ", 40), 100)
	f.Fuzz(func(t *testing.T, in string, limit int) {
		limit %= 4096
		for _, out := range []string{Line(in, limit), strings.ReplaceAll(strings.ReplaceAll(Block(in, limit), "\n", " "), "\t", " ")} {
			if len(out) > max(limit, 0) {
				t.Fatalf("%d bytes, limit %d", len(out), limit)
			}
			if !utf8.ValidString(out) {
				t.Fatalf("not UTF-8: %q", out)
			}
			for _, r := range out {
				if !unicode.IsGraphic(r) {
					t.Fatalf("%U in %q", r, out)
				}
			}
		}
	})
}
