package main

import (
	"flag"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

var demo = flag.Bool("demo", false, "tell what the script demo does while it runs")

// tell prints a line of the demonstration.
func tell(format string, args ...any) {
	if *demo {
		fmt.Printf(format+"\n", args...)
	}
}

// cmdSay prints a text, if this is a demonstration.
//
//	say TEXT
func cmdSay(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: say TEXT")
	}
	if args[0] == "" {
		tell("")
		return
	}
	tell("  %s", args[0])
}

// nodes are the two of the demonstration: what they are called, and the flags
// that make them.
var nodes = map[string][]string{
	"A": {"--data-dir", "a"},
	"B": {"--data-dir", "b", "--no-builtin"},
}

// cmdShow runs iprt on one of the two nodes, and shows command and output.
//
//	show NODE STATUS args…
func cmdShow(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: show NODE STATUS args…")
	}
	flags, ok := nodes[args[0]]
	if !ok {
		ts.Fatalf("there is no node %s", args[0])
	}
	o := runIprt(ts, append(append([]string{}, flags...), args[2:]...))
	tell("%s$ iprt %s", args[0], short(strings.Join(args[2:], " ")))
	for line := range strings.Lines(o.stdout + o.stderr) {
		tell("%s", short(strings.TrimSuffix(line, "\n")))
	}
	if strconv.Itoa(o.status) != args[1] {
		ts.Fatalf("exit status %d, want %s\n%s", o.status, args[1], o.stderr)
	}
	_, _ = io.WriteString(ts.Stdout(), o.stdout)
	_, _ = io.WriteString(ts.Stderr(), o.stderr)
}

var longWord = regexp.MustCompile(`\b(bafy|bafk|12D3)[0-9A-Za-z]{20,}`)

// short cuts the middle out of CIDs and peer ids.
func short(line string) string {
	return longWord.ReplaceAllStringFunc(line, func(w string) string { return w[:8] + "…" + w[len(w)-4:] })
}
