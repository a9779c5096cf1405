package spec_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/iprt/iprt/abi"
	"github.com/iprt/iprt/sdk/sdktest"
	"github.com/iprt/iprt/spec"
)

type vector = spec.Vector

// vectors gives the vectors of a kind and fails when there are none.
func vectors(t *testing.T, kind string) []spec.Vector {
	t.Helper()
	vs, err := spec.Vectors(kind)
	if err != nil {
		t.Fatal(err)
	}
	return vs
}

// class names an error as vectors do.
func class(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, abi.StatusInvalid):
		return "invalid"
	case errors.Is(err, abi.StatusLimit):
		return "limit"
	}
	return err.Error()
}

func TestTokenVectors(t *testing.T) {
	for _, v := range vectors(t, "tokens") {
		t.Run(v.Name, func(t *testing.T) {
			block := blockOf(t, v)
			if v.Header["encode"] == "yes" {
				block = nil
			}
			err := abi.CheckTable(v.Body, block)
			if got := class(err); got != v.Expect {
				t.Fatalf("got %s (%v), expected %s: %s", got, err, v.Expect, v.About)
			}
			want, ok := v.Header["gives"]
			if got := sdktest.Dump(v.Body, block); ok && got != want {
				t.Errorf("got %s, expected %s", got, want)
			}
		})
	}
}

func TestRecordVectors(t *testing.T) {
	for _, v := range vectors(t, "records") {
		t.Run(v.Name, func(t *testing.T) {
			got, frames, err := "ok", []string{}, error(nil)
			var f abi.Frame
			var again []byte
			for rest := v.Body; len(rest) > 0; {
				if f, rest, err = abi.NextFrame(rest); err != nil {
					var fe *abi.FrameError
					if !errors.As(err, &fe) {
						t.Fatalf("%T is not a *FrameError", err)
					}
					got = "invalid"
					break
				}
				frames = append(frames, fmt.Sprintf("%d:%x", f.Kind, f.Payload))
				again = abi.AppendFrame(again, f.Kind, f.Payload)
			}
			if got != v.Expect {
				t.Fatalf("got %s (%v), expected %s: %s", got, err, v.Expect, v.About)
			}
			if got != "ok" {
				return
			}
			if s := strings.Join(frames, " "); s != v.Header["gives"] {
				t.Errorf("got %s, expected %s", s, v.Header["gives"])
			}
			if !bytes.Equal(again, v.Body) {
				t.Errorf("written again: %x", again)
			}
		})
	}
}

// TestErrorVectors reads error records as a host does.
func TestErrorVectors(t *testing.T) {
	for _, v := range vectors(t, "error") {
		t.Run(v.Name, func(t *testing.T) {
			if len(v.Body) != abi.ErrorRecordSize {
				t.Fatalf("%d bytes, expected %d", len(v.Body), abi.ErrorRecordSize)
			}
			text, ok := readError(v.Body)
			if !ok || text == "" || v.Header["status"] != strconv.Itoa(int(v.Body[0])) {
				if v.Expect != "none" {
					t.Fatalf("got no text, expected %s", v.Expect)
				}
				return
			}
			if v.Expect != "text" || text != v.Header["gives"] {
				t.Errorf("got %q, expected %s %q", text, v.Expect, v.Header["gives"])
			}
		})
	}
}

func readError(record []byte) (string, bool) {
	n := uint64(record[4]) | uint64(record[5])<<8 | uint64(record[6])<<16 | uint64(record[7])<<24
	if n > abi.ErrorTextMax {
		return "", false
	}
	return string(record[abi.ErrorRecordTextAt:][:n]), true
}

func TestLoadRefuses(t *testing.T) {
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	good := "about: a\nrules: TOK-1\nexpect: ok\n\n00 # c\n01*2\n"
	for _, tt := range []struct {
		name string
		fs   fstest.MapFS
		want string
	}{
		{"no count", fstest.MapFS{"a/b.txt": file(good)}, "COUNT"},
		{"count of zero", fstest.MapFS{"COUNT": file("a 0\n")}, "COUNT"},
		{"too few", fstest.MapFS{"COUNT": file("a 2\n"), "a/b.txt": file(good)}, "COUNT says 2"},
		{"none", fstest.MapFS{"COUNT": file("a 1\n")}, "there are 0"},
		{"kind not counted", fstest.MapFS{"COUNT": file("a 1\n"), "a/b.txt": file(good), "c/d.txt": file(good)}, "not in COUNT"},
		{"no header end", fstest.MapFS{"COUNT": file("a 1\n"), "a/b.txt": file("about: a\n")}, "empty line"},
		{"no rules", fstest.MapFS{"COUNT": file("a 1\n"), "a/b.txt": file("about: a\nexpect: ok\n\n")}, "lacks"},
		{"field twice", fstest.MapFS{"COUNT": file("a 1\n"), "a/b.txt": file("about: a\n" + good)}, "twice"},
		{"bad body", fstest.MapFS{"COUNT": file("a 1\n"), "a/b.txt": file(good + "0\n")}, "hex"},
		{"repeated too often", fstest.MapFS{"COUNT": file("a 1\n"), "a/b.txt": file(good + "00*9999999\n")}, "count"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := spec.LoadFS(tt.fs); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v, expected an error with %q", err, tt.want)
			}
		})
	}
	vs, err := spec.LoadFS(fstest.MapFS{"COUNT": file("a 1\n"), "a/b.txt": file(good)})
	if err != nil || len(vs) != 1 || !slices.Equal(vs[0].Body, []byte{0, 1, 1}) || vs[0].Kind != "a" {
		t.Fatalf("got %+v, %v", vs, err)
	}
	if _, err := spec.Vectors("no-such-kind"); err == nil {
		t.Error("a kind without vectors is no error")
	}
	if _, err := spec.Load("vectors"); err != nil {
		t.Error(err)
	}
}
