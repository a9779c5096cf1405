package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// tools are the programs that the build runs, and what they say they are.
type tools struct {
	clang, wasmLD               string
	clangVersion, wasmLDVersion string
	goVersion                   string
}

func findTools(ctx context.Context) (tools, error) {
	var t tools
	version, err := exec.CommandContext(ctx, "go", "env", "GOVERSION").Output()
	if err != nil {
		return tools{}, fmt.Errorf("go env: %w", err)
	}
	t.goVersion = strings.TrimSpace(string(version))
	if t.clang, t.clangVersion, err = tool(ctx, "CLANG", "clang-19"); err != nil {
		return tools{}, err
	}
	t.wasmLD, t.wasmLDVersion, err = tool(ctx, "WASM_LD", "wasm-ld-19")
	return t, err
}

func tool(ctx context.Context, env, name string) (file, version string, err error) {
	if v := os.Getenv(env); v != "" {
		name = v
	}
	if file, err = exec.LookPath(name); err != nil {
		return "", "", fmt.Errorf("%w: install clang-19 and lld-19, or point $%s at one", err, env)
	}
	out, err := exec.CommandContext(ctx, file, "--version").Output()
	if err != nil {
		return "", "", fmt.Errorf("%s --version: %w", file, err)
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return file, strings.TrimSpace(line), nil
}

// compileFlags: freestanding C for the Wasm that every host of iprt runs. Bulk memory is what memcpy becomes; without it
// interpreters copy a hundred times slower. Loops stay rolled: the code is small and hosts compile it on every start.
var compileFlags = []string{
	"--target=wasm32", "-std=c17", "-O2", "-mbulk-memory", "-ffreestanding", "-nostdlib", "-fvisibility=hidden",
	"-fno-unroll-loops", "-fno-vectorize", "-fno-slp-vectorize", "-fno-ident", "-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter",
}

// linkFlags: the stack comes first, so that an overflow runs off the start of memory and traps. Nothing here recurses and
// the big arrays are static, so 4 KiB are plenty. 64 MiB of memory, what a host allows by default, are enough for the
// biggest block that bitswap carries (2 MiB) at its worst. A byte of block becomes 16 bytes of record at most; to encode
// that again takes the 32 MiB of table, 18 for the output and 8 to sort.
var linkFlags = []string{
	"-O2", "--no-entry", "--stack-first", "-z", "stack-size=4096", "--max-memory=67108864", "--export-memory=memory", "--strip-all", "--fatal-warnings",
}

// compileC builds the one C file of dir into out. Tools run inside dir with relative names, so that no path of the
// machine can reach the bytes.
func compileC(ctx context.Context, t tools, dir, out string) error {
	src := path.Base(dir) + ".c"
	obj := out + ".o"
	if err := command(ctx, dir, nil, t.clang, slices.Concat(compileFlags, []string{"-c", src, "-o", obj})...); err != nil {
		return err
	}
	return command(ctx, dir, nil, t.wasmLD, slices.Concat(linkFlags, []string{obj, "-o", out})...)
}

// compileGo builds the command in dir into out as a WASI reactor. Settings that a user may have in the environment are
// put back, because they would change the bytes.
func compileGo(ctx context.Context, _ tools, dir, out string) error {
	env := []string{"GOOS=wasip1", "GOARCH=wasm", "GOFLAGS=", "GOWASM=", "GOEXPERIMENT=", "GOWORK=off"}
	return command(ctx, dir, env, "go", "build", "-buildmode=c-shared", "-trimpath", "-buildvcs=false", "-o", out, ".")
}

func command(ctx context.Context, dir string, env []string, name string, args ...string) error {
	c := exec.CommandContext(ctx, name, args...)
	c.Dir = filepath.FromSlash(dir)
	c.Env = append(os.Environ(), env...)
	var said bytes.Buffer
	c.Stdout, c.Stderr = &said, &said
	if err := c.Run(); err != nil {
		return errors.Join(fmt.Errorf("%s in %s: %w", filepath.Base(name), dir, err), errors.New(strings.TrimSpace(said.String())))
	}
	return nil
}
