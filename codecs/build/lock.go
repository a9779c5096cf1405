package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/iprt/iprt"
)

func writeLock(t tools, all []built) error {
	b, err := lockOf(t, all).Encode()
	if err != nil {
		return err
	}
	return os.WriteFile(iprt.LockFile, b, 0o644)
}

func lockOf(t tools, all []built) *iprt.Lock {
	l := &iprt.Lock{
		Toolchains: map[string]string{"clang": t.clangVersion, "wasm-ld": t.wasmLDVersion},
		Modules:    map[string]iprt.LockedModule{},
	}
	for _, b := range all {
		m := iprt.LockedModule{CID: b.cid, Size: int64(len(b.wasm)), Source: b.dir}
		if b.keep {
			m.Path = b.path()
		}
		l.Modules[b.name] = m
	}
	return l
}

// compare holds a fresh build to what is committed and names everything that differs.
func compare(t tools, all []built) error {
	b, err := os.ReadFile(iprt.LockFile)
	if err != nil {
		return err
	}
	have, err := iprt.ParseLock(b)
	if err != nil {
		return err
	}
	var diffs []error
	diff := func(format string, args ...any) { diffs = append(diffs, fmt.Errorf(format, args...)) }
	want := lockOf(t, all)
	for _, name := range want.Names() {
		if w, h := want.Modules[name], have.Modules[name]; w != h {
			diff("%s: built %+v, lock has %+v", name, w, h)
		}
	}
	for _, name := range have.Names() {
		if _, ok := want.Modules[name]; !ok {
			diff("%s: in the lock, not built", name)
		}
	}
	for _, b := range all {
		if !b.keep {
			continue
		}
		committed, err := os.ReadFile(filepath.FromSlash(b.path()))
		if err != nil {
			diffs = append(diffs, err)
		} else if !bytes.Equal(committed, b.wasm) {
			diff("%s: %s differs from a fresh build (%d bytes, built %d)", b.name, b.path(), len(committed), len(b.wasm))
		}
	}
	for tool, w := range want.Toolchains {
		if h := have.Toolchains[tool]; len(diffs) > 0 && h != w {
			diff("note: %s is %q here, the lock was made with %q", tool, w, h)
		}
	}
	return errors.Join(diffs...)
}
