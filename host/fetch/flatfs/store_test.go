package flatfs_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/iprt/iprt/host/fetch"
	"github.com/iprt/iprt/host/fetch/flatfs"

	"github.com/ipfs/go-cid"
	"go.uber.org/goleak"
)

// putForever is set in the child process of TestKill.
const putForever = "IPRT_TEST_PUT_FOREVER"

func TestMain(m *testing.M) {
	if dir := os.Getenv(putForever); dir != "" {
		fmt.Fprintln(os.Stderr, put(dir))
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

func open(t *testing.T, dir string) *flatfs.Store {
	t.Helper()
	s, err := flatfs.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func block(i int) []byte { return []byte(strings.Repeat(fmt.Sprint(i, " "), 1000)) }

func TestStore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	s := open(t, dir)
	ctx := t.Context()
	c := fetch.Identity(block(1))
	if _, err := s.Get(ctx, c); !errors.Is(err, fetch.ErrNotFound) {
		t.Errorf("empty store: %v", err)
	}
	for range 2 {
		if err := s.Put(ctx, c, block(1)); err != nil {
			t.Fatal(err)
		}
	}
	node := cid.NewCidV1(cid.DagProtobuf, c.Hash())
	for _, name := range []cid.Cid{c, node, cid.NewCidV0(c.Hash())} {
		b, err := s.Get(ctx, name)
		if has, herr := s.Has(ctx, name); err != nil || herr != nil || !has || string(b) != string(block(1)) {
			t.Errorf("%s: %d bytes, %v, has %v", name, len(b), err, has)
		}
	}
	if b, err := s.Blockstore().Get(ctx, node); err != nil || !b.Cid().Equals(node) {
		t.Errorf("as a block store: %v", err)
	}
	if n, err := s.Size(ctx); err != nil || n < uint64(len(block(1))) {
		t.Errorf("size %d, %v", n, err)
	}
	for range 2 {
		if err := s.Delete(ctx, c); err != nil {
			t.Error(err)
		}
	}
	if has, err := s.Has(ctx, c); has || err != nil {
		t.Errorf("after delete: %v, %v", has, err)
	}
	for _, d := range []string{dir, filepath.Join(dir, "blocks"), filepath.Join(dir, "locators")} {
		if info, err := os.Stat(d); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%s: mode %v, %v", d, info.Mode(), err)
		}
	}
}

func TestAll(t *testing.T) {
	s := open(t, t.TempDir())
	var want, got []string
	for i := range 50 {
		c := fetch.Identity(block(i))
		if err := s.Put(t.Context(), c, block(i)); err != nil {
			t.Fatal(err)
		}
		want = append(want, c.String())
	}
	for c, err := range s.All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, c.String())
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("listed %d of %d", len(got), len(want))
	}
	for range s.All(t.Context()) { // leaving early leaks nothing
		break
	}
}

func TestLocators(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	ctx := t.Context()
	id, a, b := fetch.Identity([]byte("id")), fetch.Identity([]byte("a")), fetch.Identity([]byte("b"))
	if _, err := s.Locator(ctx, id); !errors.Is(err, fetch.ErrNotFound) {
		t.Errorf("none: %v", err)
	}
	for _, l := range []cid.Cid{a, b} {
		if err := s.SetLocator(ctx, id, l); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Locator(ctx, id); err != nil || got != l {
			t.Errorf("got %v, %v; want %v", got, err, l)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "locators", id.String()), []byte("bafy"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Locator(ctx, id); !errors.Is(err, fetch.ErrNotFound) {
		t.Errorf("damaged: %v", err)
	}
	for range 2 {
		if err := s.DeleteLocator(ctx, id); err != nil {
			t.Error(err)
		}
	}
}

// TestCorruptOnDisk damages a block file and fetches through it.
func TestCorruptOnDisk(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	c := fetch.Identity(block(1))
	if err := s.Put(t.Context(), c, block(1)); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "blocks", "*", "*.data"))
	if err != nil || len(files) != 1 {
		t.Fatalf("block files: %q, %v", files, err)
	}
	good := fetch.Func("backup", func(cid.Cid) ([]byte, error) { return block(1), nil })
	for name, damage := range map[string][]byte{"flipped": append([]byte{'x'}, block(1)[1:]...), "cut": block(1)[:10], "empty": nil, "longer": append(block(1), 0)} {
		if err := os.WriteFile(files[0], damage, 0o600); err != nil {
			t.Fatal(err)
		}
		if b, err := s.Blockstore().Get(t.Context(), c); err == nil {
			t.Errorf("%s: a server would hand out %.20q", name, b.RawData())
		}
		if err := s.Put(t.Context(), c, block(1)); err != nil {
			t.Fatal(err)
		}
		if b, err := s.Get(t.Context(), c); err != nil || string(b) != string(block(1)) {
			t.Errorf("%s: put again, and it is %.20q, %v", name, b, err)
		}
		if err := os.WriteFile(files[0], damage, 0o600); err != nil {
			t.Fatal(err)
		}
		f := fetch.New(fetch.Config{Store: s, Sources: []fetch.Source{remote{good}}})
		for _, from := range []string{"backup", "store"} {
			v, err := f.File(t.Context(), fetch.Request{CID: c})
			if err != nil || string(v.Bytes()) != string(block(1)) || v.From() != from {
				t.Errorf("%s: from %q, %v; want %q", name, v.From(), err, from)
			}
		}
	}
}

// remote makes a local source count as one of the network.
type remote struct{ fetch.Source }

func (remote) Local() bool { return false }

// put is the child: it prints a line for each block that was acknowledged.
func put(dir string) error {
	s, err := flatfs.Open(dir)
	if err != nil {
		return err
	}
	var out sync.Mutex
	errs := make(chan error)
	for w := range 4 {
		go func() {
			for i := w; ; i += 4 {
				c := fetch.Identity(block(i))
				err := errors.Join(
					s.Put(context.Background(), c, block(i)),
					s.SetLocator(context.Background(), c, c))
				if err != nil {
					errs <- err
					return
				}
				out.Lock()
				fmt.Println(i)
				out.Unlock()
			}
		}()
	}
	return <-errs
}

// TestKill kills a process that writes, time and again on the same store, and
// looks for every block that it had acknowledged.
func TestKill(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "store")
	total := 0
	for round := range 6 {
		cmd := exec.Command(self)
		cmd.Env = append(os.Environ(), putForever+"="+dir)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		acked := readUntilKilled(out, cmd.Process, time.Duration(5+round*17)*time.Millisecond)
		cmd.Wait() // it was killed
		checkAcked(t, dir, acked)
		total += len(acked)
	}
	if total == 0 {
		t.Error("nothing was ever acknowledged")
	}
}

// readUntilKilled kills the process a while after its first line.
func readUntilKilled(out interface{ Read([]byte) (int, error) }, p *os.Process, after time.Duration) []string {
	var acked []string
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if len(acked) == 0 {
			time.AfterFunc(after, func() { p.Kill() })
		}
		acked = append(acked, lines.Text())
	}
	return acked
}

func checkAcked(t *testing.T, dir string, acked []string) {
	t.Helper()
	s, err := flatfs.Open(dir)
	if err != nil {
		t.Fatal("the store does not open after a kill: ", err)
	}
	defer s.Close()
	for _, line := range acked {
		var i int
		fmt.Sscan(line, &i)
		c := fetch.Identity(block(i))
		b, err := s.Get(t.Context(), c)
		l, lerr := s.Locator(t.Context(), c)
		if err != nil || string(b) != string(block(i)) || lerr != nil || l != c {
			t.Errorf("block %d was acknowledged: %d bytes, %v, %v", i, len(b), err, lerr)
		}
	}
	for c, err := range s.All(t.Context()) { // nothing half there
		if err != nil {
			t.Fatal(err)
		}
		if b, err := s.Get(t.Context(), c); err != nil || fetch.Identity(b) != c {
			t.Errorf("%s: %d bytes, %v", c, len(b), err)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "locators", ".new-*")); len(left) != 0 {
		t.Errorf("left over: %q", left)
	}
}

func TestHalfMadeStore(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "blocks.new", "junk"), 0o700); err != nil {
		t.Fatal(err)
	}
	open(t, dir)
	if _, err := os.Stat(filepath.Join(dir, "blocks.new")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("left over: %v", err)
	}
}

func TestErrors(t *testing.T) {
	for code, cause := range map[string]error{
		"disk-full":       syscall.ENOSPC,
		"store-read-only": syscall.EROFS,
		"store-failed":    syscall.EIO,
	} {
		err := &flatfs.Error{Op: "write", Dir: "/d", Err: &fs.PathError{Op: "write", Path: "/d/x", Err: cause}}
		if err.Code() != code || err.Hint() == "" || !errors.Is(err, cause) {
			t.Errorf("%v: code %s, hint %q", err, err.Code(), err.Hint())
		}
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var e *flatfs.Error
	if _, err := flatfs.Open(file); !errors.As(err, &e) || e.Op != "open" {
		t.Errorf("a file as the directory: %v", err)
	}
}
