package main

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/iprt/iprt"
)

// guest is a decoder whose metering is measured.
type guest struct {
	name  string
	aim   float64 // of the time compiled, metered / unmetered
	size  int     // of the block that it decodes when compiled
	block func(size int) ([]byte, error)
	build func(ctx context.Context, out string) error // nil: it is shipped under its name
}

func guests() []guest {
	cbor := func(size int) ([]byte, error) {
		_, b, err := mapBlock(size)
		return b, err
	}
	return []guest{
		{name: "dag-cbor (C)", aim: 1.2, size: 256 << 10, block: cbor},
		{name: "csv (Go)", aim: 1.45, size: 16 << 10, block: csvBlock, build: buildGo},
		{name: "dag-cbor (Rust)", aim: 1.3, size: 256 << 10, block: cbor, build: buildRust},
	}
}

// csvBlock is a table of numbers and of text with and without quotes.
func csvBlock(size int) ([]byte, error) {
	var b bytes.Buffer
	for i := 0; b.Len() < size; i++ {
		fmt.Fprintf(&b, "%d,some text,\"quoted, %d\",%d.5\n", i, i, i*7)
	}
	return b.Bytes(), nil
}

// missingTool is why a guest could not be built.
type missingTool struct{ reason string }

func (e *missingTool) Error() string { return e.reason }

// module returns the bytes of a guest, and builds them if that is due and was
// not done before.
func (s *subjects) module(ctx context.Context, g guest) ([]byte, error) {
	if g.build == nil {
		name, _, _ := strings.Cut(g.name, " ")
		if b, ok := iprt.Bytes(name); ok {
			return b, nil
		}
		return nil, fmt.Errorf("the module %s is not carried", name)
	}
	if b, ok := s.built[g.name]; ok {
		return b, nil
	}
	dir, err := os.MkdirTemp("", "iprt-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "guest.wasm")
	if err := g.build(ctx, out); err != nil {
		return nil, err
	}
	b, err := os.ReadFile(out)
	s.built[g.name] = b
	return b, err
}

func buildGo(ctx context.Context, out string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-buildmode=c-shared", "-trimpath", "-o", out, "github.com/iprt/iprt/codecs/csv")
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build csv: %w: %s", err, said)
	}
	return nil
}

//go:embed rust/decode.rs
var rustSource []byte

// buildRust takes the first Rust compiler that has a standard library for Wasm:
// $RUSTC, the one in the path, or the system's, which another may hide.
func buildRust(ctx context.Context, out string) error {
	compilers := slices.DeleteFunc([]string{os.Getenv("RUSTC"), "rustc", "/usr/bin/rustc"}, func(s string) bool { return s == "" })
	for _, rustc := range compilers {
		cmd := exec.CommandContext(ctx, rustc, "--edition", "2021", "--target", "wasm32-unknown-unknown", "--crate-type", "cdylib",
			"-C", "opt-level=3", "-C", "panic=abort", "-C", "lto", "-C", "strip=symbols", "-o", out, "-")
		cmd.Stdin = bytes.NewReader(rustSource)
		if cmd.Run() == nil {
			return nil
		}
	}
	return &missingTool{"no rustc with a standard library for wasm32 (Debian: rustc, libstd-rust-dev-wasm32)"}
}
