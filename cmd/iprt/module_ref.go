package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/ipfs/go-cid"

	"github.com/iprt/iprt"
	"github.com/iprt/iprt/host/fetch"
	"github.com/iprt/iprt/host/node"
	"github.com/iprt/iprt/host/node/control"
	"github.com/iprt/iprt/internal/plainfile"
)

// maxModule bounds a module file: what the operator names may be as large as
// the budget for pinned content.
var maxModule = fetch.Pinned.Bytes

// maxLock bounds the lock file of the working directory, in bytes.
const maxLock = 4 << 20

// builtin lists the modules that are carried in this program.
func builtin() []node.Builtin {
	lock := iprt.Builtin()
	var out []node.Builtin
	for _, name := range builtinNames() {
		b, _ := iprt.Bytes(name)
		out = append(out, node.Builtin{Name: name, CID: lock.Modules[name].CID, Bytes: b})
	}
	return out
}

func builtinNames() []string {
	lock := iprt.Builtin()
	var names []string
	for _, name := range lock.Names() {
		if lock.Modules[name].Path != "" {
			names = append(names, name)
		}
	}
	return names
}

// moduleRef turns what an operator calls a module into something the node can
// load: a CID stays one, a file is stored first, a name is that of a built-in
// module or else looked up in the iprt.lock of the working directory. Built-in
// names come first, so that no folder one happens to stand in changes them.
func (a *app) moduleRef(ctx context.Context, n control.API, arg string) (string, error) {
	if _, err := cid.Decode(arg); err == nil {
		return arg, nil
	}
	if !strings.ContainsAny(arg, `/\.`) {
		if m, ok := iprt.Builtin().Modules[arg]; ok && m.Path != "" {
			return m.CID.String(), nil
		}
		c, file, err := locked(arg)
		switch {
		case err != nil:
			return "", err
		case file != "":
			return a.storeModule(ctx, n, file, c)
		case c.Defined():
			return c.String(), nil
		}
	}
	return a.storeModule(ctx, n, arg, cid.Undef)
}

// allowed turns what --allow was given into CIDs: a CID stays one, and a file or
// the name of a built-in module stands for the identity of its bytes.
func allowed(args []string) ([]string, error) {
	var out []string
	for _, arg := range args {
		if _, err := cid.Decode(arg); err == nil {
			out = append(out, arg)
			continue
		}
		b, ok := iprt.Bytes(arg)
		if !ok {
			var err error
			if b, err = readFile(arg, maxModule); errors.Is(err, fs.ErrNotExist) {
				return nil, control.Errorf(control.Usage, "bad-cid", "--allow takes a CID, which `iprt inspect` prints, or a file that is there",
					"%q is not a CID, nor a file", arg)
			} else if err != nil {
				return nil, err
			}
		}
		out = append(out, fetch.Identity(b).String())
	}
	return out, nil
}

// allowedIn is [allowed] for a command that may run what it allows: files are
// stored as well.
func (a *app) allowedIn(ctx context.Context, n control.API, args []string) ([]string, error) {
	out, err := allowed(args)
	if err != nil {
		return nil, err
	}
	for i, arg := range args {
		if out[i] == arg {
			continue
		}
		if out[i], err = a.moduleRef(ctx, n, arg); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// locked looks a name up in the lock file of the working directory. It returns
// the CID, and the file where the bytes should be if that exists.
func locked(name string) (cid.Cid, string, error) {
	b, err := plainfile.Read(iprt.LockFile, maxLock)
	if errors.Is(err, fs.ErrNotExist) {
		return cid.Undef, "", nil
	}
	if err != nil {
		return cid.Undef, "", fileError(err)
	}
	lock, err := iprt.ParseLock(b)
	if err != nil {
		return cid.Undef, "", err
	}
	m, ok := lock.Modules[name]
	if !ok || m.Path == "" {
		return m.CID, "", nil
	}
	file := filepath.FromSlash(m.Path)
	if _, err := os.Stat(file); err != nil {
		return m.CID, "", nil
	}
	return m.CID, file, nil
}

// notAtHand explains why there is no module of a name, in the words of whoever
// gave the name.
func notAtHand(arg string, err error) error {
	e := node.Explain(err)
	if err == nil || e.Kind != control.NotFound || strings.ContainsAny(arg, `/\.`) {
		return err
	}
	if m, ok := pinned(arg); ok {
		hint := "build it from " + m.Source + " in the repository of the lock file, or name a peer or a gateway that has it"
		if m.Source == "" {
			hint = "name a peer or a gateway that has it"
		}
		return control.Errorf(control.NotFound, e.Slug, hint, "module %q is pinned as %s, but its bytes are not here: %w", arg, m.CID, err)
	}
	if e.Slug != "no-such-file" {
		return err
	}
	return control.Errorf(control.NotFound, e.Slug, "built in are "+strings.Join(builtinNames(), ", ")+"; anything else is a CID or a file",
		"%q is no CID, no file, and no name in iprt.lock", arg)
}

// pinned looks for a name in the lock file here, and in that of this program.
func pinned(name string) (iprt.LockedModule, bool) {
	if b, err := plainfile.Read(iprt.LockFile, maxLock); err == nil {
		if lock, err := iprt.ParseLock(b); err == nil {
			if m, ok := lock.Modules[name]; ok {
				return m, true
			}
		}
	}
	m, ok := iprt.Builtin().Modules[name]
	return m, ok
}

// storeModule puts a module file into the node's store and returns its CID.
// With want, the bytes must be those that want names.
func (a *app) storeModule(ctx context.Context, n control.API, name string, want cid.Cid) (string, error) {
	b, err := readFile(name, maxModule)
	if err != nil {
		return "", notAtHand(name, err)
	}
	if id := fetch.Identity(b); want.Defined() && !id.Equals(want) {
		return "", control.Errorf(control.Refused, "lock-mismatch", "build it again, or write the lock file again if the change is meant",
			"%s is %s, and iprt.lock pins %s", name, id, want)
	}
	return putModule(ctx, n, b)
}

// putModule stores module bytes: as one block, whose CID is the identity, if
// they fit into one that peers exchange, and as a UnixFS file otherwise.
func putModule(ctx context.Context, n control.API, b []byte) (string, error) {
	if len(b) <= control.MaxBlock {
		c := fetch.Identity(b).String()
		return c, n.PutBlock(ctx, c, b)
	}
	return addBytes(ctx, n, b)
}

// readFile reads a whole file of at most limit bytes.
func readFile(name string, limit int64) ([]byte, error) {
	f, err := plainfile.Open(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, fileError(err)
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fileError(err)
	}
	if int64(len(b)) > limit {
		return nil, control.Errorf(control.Limit, "file-too-large", "", "%s is larger than %s", name, bytesText(uint64(limit)))
	}
	return b, nil
}

func fileError(err error) error {
	other, isOther := errors.AsType[*plainfile.Error](err)
	switch {
	case isOther:
		return control.Errorf(control.Failed, other.Code(), other.Hint(), "%w", err)
	case errors.Is(err, fs.ErrNotExist):
		return control.Errorf(control.NotFound, "no-such-file", "check the name", "%w", err)
	case errors.Is(err, fs.ErrPermission):
		return control.Errorf(control.Failed, "file", "check the permissions of the file", "%w", err)
	}
	return control.Errorf(control.Failed, "file", "check the name and the file", "%w", err)
}
