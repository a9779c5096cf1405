// Package iprt is the set of modules that ships with iprt: their bytes and the lock file that pins them.
//
// Start with [Builtin], which names them, and [BlockFor], which is all a fetch source needs to serve them without a
// network. [ParseLock] reads a lock file of your own, in the same format. What loads and runs modules is package
// host, and host/node for a whole node.
package iprt

import (
	"embed"
	"fmt"
	"sync"

	"github.com/ipfs/go-cid"
)

//go:embed iprt.lock codecs/*/*.wasm
var shipped embed.FS

// builtin reads the embedded lock file once. It is part of the program and tested with it, so a broken one is a fault
// of the build and nothing a caller could handle.
var builtin = sync.OnceValue(func() *Lock {
	b, err := shipped.ReadFile(LockFile)
	if err == nil {
		var l *Lock
		if l, err = ParseLock(b); err == nil {
			return l
		}
	}
	panic(fmt.Sprintf("iprt: the embedded %s: %v", LockFile, err))
})

// Builtin is the lock of the shipped modules. Entries without a Path are modules that the repository builds but does not
// carry. The lock is shared: do not change it.
func Builtin() *Lock { return builtin() }

// Bytes returns the bytes of a shipped module by its name in [Builtin], a fresh copy on every call. It is false for a
// name that is not in the lock and for a module that is not carried.
func Bytes(name string) ([]byte, bool) {
	m, ok := Builtin().Modules[name]
	if !ok || m.Path == "" {
		return nil, false
	}
	b, err := shipped.ReadFile(m.Path)
	return b, err == nil
}

// BlockFor returns the bytes of the shipped module that c names, a fresh copy on every call, or false. The bytes are
// as trustworthy as the program they come in; whoever asks by CID still checks them against it.
func BlockFor(c cid.Cid) ([]byte, bool) {
	name, ok := Builtin().Name(c)
	if !ok {
		return nil, false
	}
	return Bytes(name)
}
