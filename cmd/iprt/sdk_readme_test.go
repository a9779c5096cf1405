package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestSDKReadme does what sdk/README.md tells authors to do.
func TestSDKReadme(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a module with Go")
	}
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "sdk", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	blocks := map[string][]string{}
	for _, m := range regexp.MustCompile("(?s)```([a-z]+)\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		blocks[m[1]] = append(blocks[m[1]], m[2])
	}
	if len(blocks["go"]) != 1 || len(blocks["json"]) != 1 || len(blocks["sh"]) != 2 {
		t.Fatalf("sdk/README.md has blocks %v", blocks)
	}
	t.Chdir(t.TempDir())
	t.Setenv("IPRT_DIR", filepath.Join(t.TempDir(), "data"))
	t.Setenv("IPRT", root)
	t.Setenv("GOFLAGS", "-mod=mod")
	t.Setenv("GOPROXY", "off") // all it takes is here,
	t.Setenv("GOSUMDB", "off") // and was checked by our own go.sum
	t.Setenv("GOWORK", "off")
	for name, content := range map[string]string{"main.go": blocks["go"][0], "manifest.json": blocks["json"][0]} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	last := ""
	for line := range strings.Lines(strings.Join(blocks["sh"], "")) {
		last = sdkCommand(t, strings.ReplaceAll(strings.TrimSpace(line), "CID", strings.TrimSpace(last)))
	}
	if last != "\"violets are blue\"\n" || !strings.Contains(string(text), strings.TrimSpace(last)) {
		t.Errorf("the last command printed %q", last)
	}
}

// sdkCommand runs one line of the README: iprt here, anything else in a shell.
func sdkCommand(t *testing.T, line string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if args, ok := strings.CutPrefix(line, "iprt "); ok {
		if status := run(strings.Fields(args), strings.NewReader(""), &stdout, &stderr); status != 0 {
			t.Fatalf("%s: exit status %d\n%s", line, status, &stderr)
		}
		return stdout.String()
	}
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no shell here: ", err)
	}
	cmd := exec.Command(sh, "-c", line)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", line, err, &stderr)
	}
	return stdout.String()
}
