package main

import (
	"strings"
	"testing"

	"github.com/iprt/iprt/host"
)

// TestCompileText has a module at both sides of each budget, in all and for one function.
func TestCompileText(t *testing.T) {
	const here, named, apart = "in this process", "if it is named by you", "in a process of its own"
	for _, c := range []struct {
		class      string
		all, worst int64 // ms
		where      string
		has, not   []string
	}{
		{"untrusted", 3000, 500, "in-process", []string{here}, []string{named, apart}},
		{"untrusted", 3001, 500, "child-process", []string{here, named, apart}, nil},
		{"untrusted", 3000, 501, "refused", []string{here, named, "nowhere"}, []string{apart}},
		{"pinned", 9000, 3000, "in-process", []string{here, named}, []string{"stranger"}},
		{"untrusted", 60_001, 500, "child-process", []string{apart}, []string{here, named}},
		{"pinned", 9000, 5001, "refused", []string{"nowhere"}, []string{here, named, apart}},
	} {
		text := compileText(c.class, host.CompileReport{Milliseconds: c.all, FunctionMilliseconds: c.worst, Where: c.where})
		for _, s := range c.has {
			if !strings.Contains(text, s) {
				t.Errorf("%+v: %q lacks %q", c, text, s)
			}
		}
		for _, s := range c.not {
			if strings.Contains(text, s) {
				t.Errorf("%+v: %q has %q", c, text, s)
			}
		}
	}
}
