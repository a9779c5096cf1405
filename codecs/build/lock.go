package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/iprt/iprt"
)

func readLock() (*iprt.Lock, error) {
	b, err := os.ReadFile(iprt.LockFile)
	if err != nil {
		return nil, err
	}
	return iprt.ParseLock(b)
}

// write puts the modules next to their sources, and the lock.
func write(t tools, all []built) error {
	for _, b := range all {
		if b.path() == "" {
			continue
		}
		if err := os.WriteFile(filepath.FromSlash(b.path()), b.wasm, 0o644); err != nil {
			return err
		}
	}
	b, err := lockOf(t, all).Encode()
	if err != nil {
		return err
	}
	return os.WriteFile(iprt.LockFile, b, 0o644)
}

func lockOf(t tools, all []built) *iprt.Lock {
	l := &iprt.Lock{
		Toolchains: map[string]string{"clang": t.clangVersion, "wasm-ld": t.wasmLDVersion, "go": t.goVersion},
		Modules:    map[string]iprt.LockedModule{},
	}
	for _, b := range all {
		l.Modules[b.name] = iprt.LockedModule{CID: b.cid, Size: int64(len(b.wasm)), Path: b.path(), Source: b.dir}
	}
	return l
}

// compare holds a fresh build to what is committed and names everything that differs.
func compare(t tools, locked *iprt.Lock, all []built) error {
	var diffs []error
	diff := func(format string, args ...any) { diffs = append(diffs, fmt.Errorf(format, args...)) }

	fresh := lockOf(t, all)
	for _, b := range all {
		want, have := fresh.Modules[b.name], locked.Modules[b.name]
		if want != have {
			diff("%s: built %+v, the lock has %+v", b.name, want, have)
		}
		if b.path() == "" {
			continue
		}
		committed, err := os.ReadFile(filepath.FromSlash(b.path()))
		if err != nil {
			diffs = append(diffs, err)
		} else if !bytes.Equal(committed, b.wasm) {
			diff("%s: %s is not what its source builds to", b.name, b.path())
		}
	}
	for _, name := range locked.Names() {
		if !slices.ContainsFunc(modules, func(m module) bool { return m.name == name }) {
			diff("%s: in the lock, not among the modules", name)
		}
	}
	for tool, here := range fresh.Toolchains {
		if there := locked.Toolchains[tool]; len(diffs) > 0 && there != here {
			diff("note: %s is %q here, the lock was made with %q", tool, here, there)
		}
	}
	return errors.Join(diffs...)
}
