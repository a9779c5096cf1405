package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "rewrite the transcript in README.md")

const (
	transcriptBegin = "<!-- transcript -->\n"
	transcriptEnd   = "<!-- /transcript -->\n"
)

// TestReadmeTranscript runs the commands that README.md opens with and compares
// what they print with what it shows.
func TestReadmeTranscript(t *testing.T) {
	readme, err := filepath.Abs(filepath.Join("..", "..", "README.md")) // transcript changes the directory
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), transcriptBegin)
	shown, after, ok2 := strings.Cut(rest, transcriptEnd)
	if !ok || !ok2 {
		t.Fatalf("README.md has no lines %q and %q", transcriptBegin, transcriptEnd)
	}
	got := transcript(t)
	if shown == got {
		return
	}
	if !*update {
		t.Fatalf("README.md shows\n%s\nand the commands print\n%s\nRun this test with -update.", shown, got)
	}
	whole := before + transcriptBegin + got + transcriptEnd + after
	if err := os.WriteFile(readme, []byte(whole), 0o644); err != nil {
		t.Fatal(err)
	}
}

func transcript(t *testing.T) string {
	script, err := txtar.ParseFile(filepath.Join("testdata", "readme.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	t.Setenv("IPRT_DIR", filepath.Join(t.TempDir(), "data"))
	for _, f := range script.Files {
		if err := os.WriteFile(f.Name, bytes.TrimSuffix(f.Data, []byte("\n")), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out strings.Builder
	var first string
	out.WriteString("```console\n")
	for line := range strings.Lines(string(script.Comment)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		line = strings.ReplaceAll(strings.TrimSpace(line), "$1", first)
		var stdout, stderr bytes.Buffer
		if status := run(strings.Fields(line)[1:], strings.NewReader(""), &stdout, &stderr); status != 0 {
			t.Fatalf("%s: exit status %d\n%s", line, status, &stderr)
		}
		if first == "" {
			first = strings.TrimSpace(stdout.String())
		}
		fmt.Fprintf(&out, "$ %s\n%s", line, &stdout)
	}
	out.WriteString("```\n")
	return out.String()
}
