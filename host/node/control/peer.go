package control

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"slices"

	"github.com/iprt/iprt/internal/plainfile"
)

// Who is at the other end of a socket, and whom a directory belongs to. The modes
// of the file system say the same; this holds where they were changed, or where a
// name was taken over.

// owners are the users whose node may be believed: this one, the one that the data directory
// belongs to, and root.
func owners(dataDir string) []int {
	out := []int{os.Geteuid(), 0}
	if info, err := os.Stat(dataDir); err == nil {
		if uid, ok := plainfile.Owner(info); ok {
			out = append(out, uid)
		}
	}
	return out
}

// private reports why a directory is not one that only the given users can
// change.
func private(dir string, users ...int) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is not a directory", dir)
	}
	if uid, ok := plainfile.Owner(info); ok && !slices.Contains(users, uid) {
		return fmt.Errorf("%s belongs to user %d", dir, uid)
	}
	if mode := info.Mode().Perm(); runtime.GOOS != "windows" && mode&0o077 != 0 {
		return fmt.Errorf("%s is open to others, with mode %04o", dir, mode)
	}
	return nil
}

// checkPeer reports why the process at the other end is not one of the users'.
// Where the system does not say who it is, the modes have to do.
func checkPeer(conn net.Conn, users ...int) error {
	u, ok := conn.(*net.UnixConn)
	if !ok {
		return nil
	}
	uid, ok, err := peerUID(u)
	if err == nil && ok && !slices.Contains(users, uid) {
		err = fmt.Errorf("the process at the control socket belongs to user %d", uid)
	}
	return err
}

// ownListener drops connections from other users.
type ownListener struct{ net.Listener }

func (l ownListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil || checkPeer(conn, os.Geteuid(), 0) == nil {
			return conn, err
		}
		_ = conn.Close()
	}
}
