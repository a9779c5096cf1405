package validate

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/iprt/iprt/host/internal/wasmbin"
)

// checkHeader tells core modules from everything else that people hand over by mistake.
func checkHeader(b []byte) error {
	if bytes.HasPrefix(b, []byte(wasmbin.Header)) {
		return nil
	}
	rule, msg := "file.unknown", "this is not WebAssembly: it does not start with the bytes 00 61 73 6d"
	switch head := b[:min(len(b), 512)]; {
	case len(b) == 0:
		rule, msg = "file.empty", "the file is empty"
	case bytes.HasPrefix([]byte(wasmbin.Header), b):
		return &Error{Rule: "wasm.truncated", Offset: len(b), Value: uint64(len(b)), Limit: uint64(len(wasmbin.Header)), Msg: "ends within the header of 8 bytes"}
	case bytes.HasPrefix(b, []byte(wasmbin.Magic)) && len(b) >= 8 && b[6] == 1 && b[7] == 0:
		rule, msg = "file.component", "this is a component; iprt runs core modules"
	case bytes.HasPrefix(b, []byte(wasmbin.Magic)):
		return &Error{Rule: "wasm.version", Offset: 4, Msg: fmt.Sprintf("the version field is % x, where core modules have 01 00 00 00", b[4:min(len(b), 8)])}
	case bytes.HasPrefix(b, []byte("\x1f\x8b")):
		rule, msg = "file.gzip", "this is gzip-compressed data, not WebAssembly"
	case bytes.HasPrefix(b, []byte("\x7fELF")):
		rule, msg = "file.executable", "this is a native Linux (ELF) program or library, not WebAssembly"
	case bytes.HasPrefix(b, []byte("MZ")), bytes.HasPrefix(b, []byte("\xcf\xfa\xed\xfe")), bytes.HasPrefix(b, []byte("\xca\xfe\xba\xbe")):
		rule, msg = "file.executable", "this is a native program, not WebAssembly"
	case bytes.HasPrefix(b, []byte("!<arch>\n")):
		rule, msg = "file.archive", "this is a static library (ar archive), not a linked WebAssembly module"
	case bytes.HasPrefix(b, []byte("PK\x03\x04")):
		rule, msg = "file.archive", "this is a zip archive, not WebAssembly"
	case bytes.HasPrefix(b, []byte("BC\xc0\xde")):
		rule, msg = "file.unknown", "this is LLVM bitcode, not WebAssembly"
	case isHTML(head):
		rule, msg = "file.html", "this is an HTML page, not WebAssembly"
	case bytes.HasPrefix(bytes.TrimSpace(head), []byte("(module")):
		rule, msg = "file.text", "this is WebAssembly in its text format; iprt takes the binary format"
	case isText(head):
		rule, msg = "file.text", "this is a text file, not WebAssembly"
	}
	return &Error{Rule: rule, Offset: 0, Msg: msg}
}

func isHTML(head []byte) bool {
	s := strings.ToLower(string(bytes.TrimSpace(head)))
	return strings.HasPrefix(s, "<!doctype html") || strings.HasPrefix(s, "<html")
}

// isText guesses from the first bytes, of which the last may be half a character.
func isText(head []byte) bool {
	for i := 0; i < utf8.UTFMax && len(head) > i; i++ {
		if s := head[:len(head)-i]; utf8.Valid(s) {
			return bytes.IndexFunc(s, func(r rune) bool { return r < ' ' && r != '\t' && r != '\n' && r != '\r' }) < 0
		}
	}
	return false
}
