package artifact

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"runtime"

	"github.com/iprt/iprt/internal/plainfile"
)

const secretSize = 32

// openSecret reads the secret, and makes one where there is none that is good.
// A new one costs a compilation of everything, which is always an option.
func openSecret(name string, log *slog.Logger) ([]byte, error) {
	b, err := readSecret(name)
	if err == nil {
		return b, nil
	}
	b = make([]byte, secretSize)
	_, _ = rand.Read(b) // never fails
	if !errors.Is(err, fs.ErrNotExist) {
		log.Warn("made a new secret for the compile cache", "file", name, "why", err)
		return b, plainfile.Replace(name, b, 0o600)
	}
	err = plainfile.Create(name, b, 0o600)
	if err == nil {
		return b, nil
	}
	if errors.Is(err, fs.ErrExist) { // another process was faster; one secret for both
		return readSecret(name)
	}
	return b, plainfile.Replace(name, b, 0o600) // a file system without hard links
}

func readSecret(name string) ([]byte, error) {
	f, err := plainfile.Open(name, os.O_RDONLY|plainfile.NoFollow, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read from
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if uid, ok := plainfile.Owner(info); ok && uid != os.Geteuid() {
		return nil, fmt.Errorf("it belongs to user %d", uid)
	}
	if mode := info.Mode().Perm(); runtime.GOOS != "windows" && mode&0o077 != 0 {
		return nil, fmt.Errorf("it has mode %04o, so others may have read it", mode)
	}
	b, err := plainfile.ReadAll(f, secretSize)
	if err == nil && len(b) != secretSize {
		err = fmt.Errorf("it has %d bytes, expected %d", len(b), secretSize)
	}
	return b, err
}
