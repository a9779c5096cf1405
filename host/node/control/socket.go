package control

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
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
	for _, stale := range []string{path, pointer} {
		if err := os.Remove(stale); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("cannot remove a stale control socket: %w", err)
		}
	}
	remove := []string{path}
	if len(path) > maxSocketPath {
		dir, err := os.MkdirTemp("", "iprt-") // mode 0700
		if err != nil {
			return nil, fmt.Errorf("cannot make a directory for the control socket: %w", err)
		}
		path = filepath.Join(dir, socketName)
		if err := os.WriteFile(pointer, []byte(path+"\n"), 0o600); err != nil {
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
	s := &Socket{Listener: l, path: path, remove: remove}
	// The data directory is 0700 already, so there is no moment of exposure.
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// socketOf finds the socket of a data directory without opening it.
func socketOf(dataDir string) (string, error) {
	path := filepath.Join(dataDir, socketName)
	if b, err := os.ReadFile(filepath.Join(dataDir, pointerName)); err == nil && len(b) < 4096 {
		path = strings.TrimSuffix(string(b), "\n")
	}
	if _, err := os.Lstat(path); err != nil {
		return "", Errorf(NotFound, "no-node", "start one with `iprt run`", "no node runs on %s: %w", dataDir, ErrNoNode)
	}
	return path, nil
}
