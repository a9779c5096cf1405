package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode"
)

func TestOneLine(t *testing.T) {
	for in, want := range map[string]string{
		"plain":                "plain",
		"two\nlines\r\n":       "two lines",
		"tab\there":            "tab here",
		"\x1b[31mred\x1b[0m":   `\u{1b}[31mred\u{1b}[0m`,
		"bell\x07":             `bell\u{7}`,
		"nul\x00":              `nul\u{0}`,
		"right\u202eto left":   `right\u{202e}to left`,
		"\u0085next":           `\u{85}next`,
		"bad \xff utf-8":       `bad \xff utf-8`,
		"good \uFFFD mark":     "good \uFFFD mark",
		"grüße, 世界":            "grüße, 世界",
		"\u200bzero \u2028sep": `\u{200b}zero \u{2028}sep`,
	} {
		if got := oneLine(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	if got := oneLine(strings.Repeat("ü", 1<<20)); len(got) > maxShown+8 {
		t.Errorf("%d bytes", len(got))
	}
}

func FuzzOneLine(f *testing.F) {
	f.Add("x\x1b\n\xff\u202e")
	f.Fuzz(func(t *testing.T, s string) {
		for _, r := range oneLine(s) {
			if !unicode.IsPrint(r) {
				t.Fatalf("%q shows %U", s, r)
			}
		}
	})
}

func TestParsePages(t *testing.T) {
	for text, want := range map[string]uint32{
		"": 0, "65536": 1, "64KiB": 1, "1MiB": 16, "64MiB": 1024, "4GiB": 65536,
	} {
		if got, err := parsePages(text); err != nil || got != want {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
	for _, bad := range []string{"0", "1", "-1", "65537", "5GiB", "x", "MiB", "1.5MiB", "99999999999999999999", "4294967295GiB", "1mib"} {
		if got, err := parsePages(bad); err == nil {
			t.Errorf("%q is %d pages", bad, got)
		}
	}
}

func TestJSONForTerminal(t *testing.T) {
	for _, text := range []string{"plain", "\u009b31m", "\x7f", "\u202e", "\U000e0001", "grüße 世界", `"\`} {
		doc, err := json.Marshal(map[string]string{text: text})
		if err != nil {
			t.Fatal(err)
		}
		safe := jsonForTerminal(doc)
		for _, r := range string(safe) {
			if !unicode.IsPrint(r) {
				t.Errorf("%q shows %U", text, r)
			}
		}
		var back map[string]string
		if err := json.Unmarshal(safe, &back); err != nil || back[text] != text {
			t.Errorf("%q came back as %v, %v", text, back, err)
		}
	}
}

// A bar that was shown must go away, whether or not its total was known or
// reached.
func TestProgress(t *testing.T) {
	var nothing *bar
	nothing.add(1)
	nothing.done()
	for _, total := range []int64{0, 10, 1000} {
		var out bytes.Buffer
		b := &bar{what: "testing", app: &app{stderr: &out}, total: total, begun: time.Now().Add(-2 * barDelay)}
		b.add(10)
		b.add(10)
		if b.bar == nil {
			t.Fatal("no bar after the delay")
		}
		b.done()
	}
	b := &bar{what: "testing", app: &app{}, begun: time.Now().Add(time.Hour)}
	b.add(10)
	if b.bar != nil {
		t.Fatal("a bar before the delay")
	}
	b.done()
}
