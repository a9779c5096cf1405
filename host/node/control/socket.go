package control

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/iprt/iprt/internal/plainfile"
)

// ErrNoNode says that no node runs on a data directory.
var ErrNoNode = errors.New("no running node")

const (
	socketName = "control.sock"
	// pointerName holds the path of the socket when the data directory's own path
	// is too long for one: sockaddr_un ends at 104 bytes on some systems.
	pointerName   = "control.path"
	maxSocketPath = 100
)

// Socket is a listening control socket. Closing it removes what it created.
type Socket struct {
	net.Listener
	path   string
	remove []string // files and directories, in order
}

// Path is where the socket is.
func (s *Socket) Path() string { return s.path }

// Close stops listening and removes the socket from the file system.
func (s *Socket) Close() error {
	err := s.Listener.Close()
	for _, p := range s.remove {
		if e := os.Remove(p); e != nil && !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// Listen opens the control socket of a data directory, with mode 0600. The
// caller must hold the lock of the directory: whatever an earlier process left
// in the way is removed.
func Listen(dataDir string) (*Socket, error) {
	path := filepath.Join(dataDir, socketName)
	pointer := filepath.Join(dataDir, pointerName)
	removeStale(dataDir)
	for _, stale := range []string{path, pointer} {
		if err := os.Remove(stale); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("cannot remove a stale control socket: %w", err)
		}
	}
	remove := []string{path}
	if len(path) > maxSocketPath {
		dir, err := os.MkdirTemp(runtimeDir(), "iprt-") // mode 0700
		if err != nil {
			return nil, fmt.Errorf("cannot make a directory for the control socket: %w", err)
		}
		path = filepath.Join(dir, socketName)
		if err := plainfile.Replace(pointer, []byte(path+"\n"), 0o600); err != nil {
			return nil, errors.Join(err, os.Remove(dir))
		}
		remove = []string{pointer, path, dir}
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		for _, p := range remove {
			_ = os.Remove(p)
		}
		return nil, fmt.Errorf("cannot listen on the control socket: %w", err)
	}
	s := &Socket{Listener: ownListener{l}, path: path, remove: remove}
	// The data directory is 0700 already, so there is no moment of exposure.
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// runtimeDir is where directories of sockets go: the place that the system has for
// that, if it is this user's alone, and else the one for temporary files.
func runtimeDir() string {
	dir := os.Getenv("XDG_RUNTIME_DIR")
	if filepath.IsAbs(dir) && len(dir) < maxSocketPath-len("/iprt-0123456789/"+socketName) && private(dir, os.Geteuid()) == nil {
		return dir
	}
	return ""
}

// removeStale takes away the directory elsewhere that a node which was killed
// left, if it is still ours.
func removeStale(dataDir string) {
	path, err := pointed(dataDir)
	if err != nil || path == "" || private(filepath.Dir(path), os.Geteuid()) != nil {
		return
	}
	if os.Remove(path) == nil {
		_ = os.Remove(filepath.Dir(path)) // fails if there is something else in it, as it should
	}
}

// socketOf finds the socket of a data directory without opening it. One that lies
// elsewhere must be in a directory that nobody else can touch: where a node was
// killed, anybody could have made one of the same name since.
func socketOf(dataDir string) (string, error) {
	path, err := pointed(dataDir)
	if err != nil {
		return "", Errorf(Failed, "bad-control-socket", "remove it, if no node runs", "cannot read where the control socket is: %w", err)
	}
	elsewhere := path != ""
	if !elsewhere {
		path = filepath.Join(dataDir, socketName)
	}
	if _, err := os.Lstat(path); err != nil {
		return "", Errorf(NotFound, "no-node", "start one with `iprt run`", "no node runs on %s: %w", dataDir, ErrNoNode)
	}
	if elsewhere {
		if err := private(filepath.Dir(path), owners(dataDir)...); err != nil {
			return "", Errorf(Refused, "foreign-control-socket", "start a node with `iprt run`, which makes another one, or remove "+filepath.Join(dataDir, pointerName),
				"the control socket is not trusted: %w", err)
		}
	}
	return path, nil
}

// pointed reads the pointer of a data directory. It is empty if there is none, or
// none that can be read: then the directory itself is what is wrong, and others say so.
func pointed(dataDir string) (string, error) {
	b, err := plainfile.ReadNoLink(filepath.Join(dataDir, pointerName), 4096)
	if _, ok := errors.AsType[*fs.PathError](err); ok {
		return "", nil
	}
	path := strings.TrimSuffix(string(b), "\n")
	if err == nil && !filepath.IsAbs(path) {
		err = fmt.Errorf("%s does not hold an absolute path", pointerName)
	}
	return path, err
}
