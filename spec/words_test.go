package spec_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	ruleDefined = regexp.MustCompile(`\*\*\[([A-Z]+-\d+)\]\*\*`)
	ruleNamed   = regexp.MustCompile(`\b(?:ABI|CALL|ERR|NEG|MAN|PUR|TOK|REC|ENV|COD|WASI)-\d+\b`)
	linkInText  = regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)
)

// documents gives the text of every document by file name.
func documents(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("*.md")
	if err != nil || len(files) < 9 {
		t.Fatalf("found %d documents, %v", len(files), err)
	}
	docs := map[string]string{}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		docs[f] = string(data)
	}
	return docs
}

// rules gives the document that defines each rule.
func rules(t *testing.T) map[string]string {
	t.Helper()
	at := map[string]string{}
	for f, text := range documents(t) {
		for _, m := range ruleDefined.FindAllStringSubmatch(text, -1) {
			if other, twice := at[m[1]]; twice {
				t.Errorf("%s is defined in %s and in %s", m[1], other, f)
			}
			at[m[1]] = f
		}
	}
	if len(at) < 100 {
		t.Fatalf("found only %d rules", len(at))
	}
	return at
}

func TestRulesExist(t *testing.T) {
	defined := rules(t)
	for f, text := range documents(t) {
		for _, id := range ruleNamed.FindAllString(text, -1) {
			if defined[id] == "" {
				t.Errorf("%s names %s, which is not defined", f, id)
			}
		}
	}
	for _, v := range vectors(t, "") {
		for _, id := range v.Rules {
			if defined[id] == "" {
				t.Errorf("vector %s names %s, which is not defined", v.Name, id)
			}
		}
	}
}

// TestFormatRulesHaveVectors: what bytes alone can show, a vector shows.
func TestFormatRulesHaveVectors(t *testing.T) {
	tested := map[string]bool{}
	for _, v := range vectors(t, "") {
		for _, id := range v.Rules {
			tested[id] = true
		}
	}
	// Rules about what a host does, not about bytes.
	notBytes := map[string]bool{"TOK-19": true, "TOK-20": true, "TOK-22": true, "TOK-23": true}
	for id, f := range rules(t) {
		if (f == "tokens.md" || f == "records.md") && !tested[id] && !notBytes[id] {
			t.Errorf("no vector for %s", id)
		}
	}
}

func TestLinksResolve(t *testing.T) {
	for f, text := range documents(t) {
		for _, m := range linkInText.FindAllStringSubmatch(text, -1) {
			if strings.Contains(m[1], " ") {
				continue
			}
			if _, err := os.Stat(filepath.FromSlash(m[1])); err != nil {
				t.Errorf("%s: %v", f, err)
			}
		}
	}
}
