package iprt_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/iprt/iprt"
)

// TestLockIsCanonical: what is committed is what Encode writes.
func TestLockIsCanonical(t *testing.T) {
	want, err := os.ReadFile(iprt.LockFile)
	if err != nil {
		t.Fatal(err)
	}
	l, err := iprt.ParseLock(want)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := l.Encode(); err != nil || string(got) != string(want) {
		t.Errorf("encodes differently (%v):\n%s", err, got)
	}
}

func TestParseLock(t *testing.T) {
	const id = "bafkreif32y7td7467rdmqu3i633lwxzbwvlgypymtotsdplhdixmj3ntvi"
	entry := func(s string) string { return `{"version":1,"modules":{"m":` + s + `}}` }
	for _, tc := range []struct{ name, in, err string }{
		{"cid only", entry(`{"cid":"` + id + `"}`), ""},
		{"everything", entry(`{"cid":"` + id + `","size":3,"path":"a/b.wasm","source":"a"}`), ""},
		{"no modules", `{"version":1,"modules":{}}`, ""},
		{"empty", ``, "EOF"},
		{"not an object", `[]`, "cannot unmarshal"},
		{"no version", `{"modules":{}}`, "version 0, expected 1"},
		{"future version", `{"version":2,"modules":{}}`, "version 2, expected 1"},
		{"unknown field", `{"version":1,"modulez":{}}`, `unknown field "modulez"`},
		{"unknown field of an entry", entry(`{"cid":"` + id + `","sha":"x"}`), `unknown field "sha"`},
		{"two objects", `{"version":1,"modules":{}} {}`, "more after the end"},
		{"no cid", entry(`{}`), "cid too short"},
		{"bad cid", entry(`{"cid":"bafy"}`), "invalid cid"},
		{"negative size", entry(`{"cid":"` + id + `","size":-1}`), "size -1 is negative"},
		{"absolute path", entry(`{"cid":"` + id + `","path":"/etc/passwd"}`), "does not stay below"},
		{"path upwards", entry(`{"cid":"` + id + `","path":"a/../../b"}`), "does not stay below"},
		{"source upwards", entry(`{"cid":"` + id + `","source":".."}`), "does not stay below"},
		{"bad name", `{"version":1,"modules":{"A b":{"cid":"` + id + `"}}}`, `"A b": a name is`},
		{"empty name", `{"version":1,"modules":{"":{"cid":"` + id + `"}}}`, "a name is"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := iprt.ParseLock([]byte(tc.in))
			var le *iprt.LockError
			switch {
			case tc.err == "" && err != nil:
				t.Error(err)
			case tc.err != "" && (!errors.As(err, &le) || !strings.Contains(err.Error(), tc.err)):
				t.Errorf("error %v, expected a LockError with %q", err, tc.err)
			}
		})
	}
}

func TestEncodeRefusesWhatParseRefuses(t *testing.T) {
	l := &iprt.Lock{Modules: map[string]iprt.LockedModule{"m": {Path: "../m.wasm"}}}
	if _, err := l.Encode(); err == nil {
		t.Error("encoded an entry without a CID and with a path upwards")
	}
}
