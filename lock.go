package iprt

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"

	"github.com/ipfs/go-cid"
)

// LockFile is the usual name of a lock file.
const LockFile = "iprt.lock"

// Lock pins modules by content: a name, the CID that it stands for and where the bytes came from. It is a JSON file,
//
//	{
//	  "version": 1,
//	  "toolchains": {"clang": "Debian clang version 19.1.7"},
//	  "modules": {
//	    "dag-cbor": {"cid": "bafkrei…", "size": 8000, "path": "codecs/dagcbor/dagcbor.wasm", "source": "codecs/dagcbor"}
//	  }
//	}
//
// meant to be committed, and to be read in review: a changed module is a changed line.
type Lock struct {
	// Toolchains says what the modules were built with, for whoever builds them again. Nothing depends on it.
	Toolchains map[string]string

	// Modules has the pinned modules by name: 1 to 64 of a-z, 0-9 and "-".
	Modules map[string]LockedModule
}

// LockedModule is one entry of a [Lock].
type LockedModule struct {
	CID    cid.Cid // what to fetch
	Size   int64   // bytes of the module; 0 = not recorded
	Path   string  // where the bytes are, slash-separated and relative to the lock file; "" = nowhere near it
	Source string  // directory of its source, relative to the lock file; "" = not recorded
}

const lockVersion = 1

// lockJSON and moduleJSON are the file as it is written.
type lockJSON struct {
	Version    int                   `json:"version"`
	Toolchains map[string]string     `json:"toolchains,omitempty"`
	Modules    map[string]moduleJSON `json:"modules"`
}

type moduleJSON struct {
	CID    string `json:"cid"`
	Size   int64  `json:"size,omitempty"`
	Path   string `json:"path,omitempty"`
	Source string `json:"source,omitempty"`
}

// LockError says what is wrong with a lock file.
type LockError struct {
	Module string // name of the entry; "" = the file as a whole
	Err    error
}

func (e *LockError) Error() string {
	if e.Module == "" {
		return fmt.Sprintf("lock file: %v", e.Err)
	}
	return fmt.Sprintf("lock file: module %q: %v", e.Module, e.Err)
}

// Unwrap returns the cause.
func (e *LockError) Unwrap() error { return e.Err }

// Code is the stable name of the error.
func (e *LockError) Code() string { return "bad-lock" }

// Hint says what to do about it.
func (e *LockError) Hint() string {
	return "restore the lock file from version control, or write it again"
}

// ParseLock reads a lock file. Unknown fields and versions are refused, so that a file is never half understood.
// Errors are *[LockError].
func ParseLock(b []byte) (*Lock, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	var f lockJSON
	if err := d.Decode(&f); err != nil {
		return nil, &LockError{Err: err}
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, &LockError{Err: errors.New("more after the end of the JSON object")}
	}
	if f.Version != lockVersion {
		return nil, &LockError{Err: fmt.Errorf("version %d, expected %d", f.Version, lockVersion)}
	}
	l := &Lock{Toolchains: f.Toolchains, Modules: make(map[string]LockedModule, len(f.Modules))}
	for name, m := range f.Modules {
		c, err := m.check(name)
		if err != nil {
			return nil, &LockError{Module: name, Err: err}
		}
		l.Modules[name] = LockedModule{CID: c, Size: m.Size, Path: m.Path, Source: m.Source}
	}
	return l, nil
}

func (m moduleJSON) check(name string) (cid.Cid, error) {
	if !validName(name) {
		return cid.Undef, errors.New("a name is 1 to 64 of a-z, 0-9 and \"-\"")
	}
	c, err := cid.Decode(m.CID)
	if err != nil {
		return cid.Undef, err
	}
	if m.Size < 0 {
		return cid.Undef, fmt.Errorf("size %d is negative", m.Size)
	}
	for _, p := range []string{m.Path, m.Source} {
		if p != "" && !fs.ValidPath(p) {
			return cid.Undef, fmt.Errorf("path %q does not stay below the lock file", p)
		}
	}
	return c, nil
}

func validName(s string) bool {
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' {
			return false
		}
	}
	return len(s) >= 1 && len(s) <= 64
}

// Encode writes the lock file: entries in the order of their names, one field a line, so that version control shows what
// changed.
func (l *Lock) Encode() ([]byte, error) {
	f := lockJSON{Version: lockVersion, Toolchains: l.Toolchains, Modules: make(map[string]moduleJSON, len(l.Modules))}
	for name, m := range l.Modules {
		j := moduleJSON{CID: m.CID.String(), Size: m.Size, Path: m.Path, Source: m.Source}
		if _, err := j.check(name); err != nil {
			return nil, &LockError{Module: name, Err: err}
		}
		f.Modules[name] = j
	}
	b, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return nil, &LockError{Err: err}
	}
	return append(b, '\n'), nil
}

// Names returns the names of the modules in ascending order.
func (l *Lock) Names() []string { return slices.Sorted(maps.Keys(l.Modules)) }

// Name returns the name under which the block that c names is pinned, the first one if there are several. Only the
// multihash counts: version and codec of a CID do not change the bytes.
func (l *Lock) Name(c cid.Cid) (string, bool) {
	if !c.Defined() {
		return "", false
	}
	for _, name := range l.Names() {
		if bytes.Equal(l.Modules[name].CID.Hash(), c.Hash()) {
			return name, true
		}
	}
	return "", false
}
