package flatfs_test

import (
	"errors"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/iprt/iprt/host/fetch"
	"github.com/iprt/iprt/host/fetch/flatfs"
)

// smallDisk mounts a file system of one megabyte, which takes privileges.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skip("cannot mount a small disk:", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error("unmount:", err)
		}
	})
	return dir
}

func TestDiskFullAndReadOnly(t *testing.T) {
	disk := smallDisk(t)
	dir := filepath.Join(disk, "store")
	s, err := flatfs.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	var acked [][]byte
	for i := 0; err == nil; i++ {
		b := make([]byte, 100_000)
		b[0] = byte(i)
		if err = s.Put(t.Context(), fetch.Identity(b), b); err == nil {
			acked = append(acked, b)
		}
	}
	var e *flatfs.Error
	if !errors.As(err, &e) || e.Code() != "disk-full" || len(acked) == 0 {
		t.Errorf("after %d blocks: %v", len(acked), err)
	}
	// It opens again on the full disk, so that something can delete.
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if s, err = flatfs.Open(dir); err != nil {
		t.Fatal("on a full disk: ", err)
	}
	for _, b := range acked {
		if got, err := s.Get(t.Context(), fetch.Identity(b)); err != nil || fetch.Identity(got) != fetch.Identity(b) {
			t.Errorf("a block from before: %v", err)
		}
	}
	f := fetch.New(fetch.Config{Store: s, Sources: []fetch.Source{remote{fetch.Dir("peer", nil)}}})
	if _, err := f.Block(t.Context(), fetch.Request{CID: fetch.Identity(acked[0])}); err != nil {
		t.Errorf("what is stored must be readable: %v", err)
	}
	if err := s.Delete(t.Context(), fetch.Identity(acked[0])); err != nil {
		t.Errorf("delete must work: %v", err)
	}
	if err := s.Put(t.Context(), fetch.Identity(acked[0]), acked[0]); err != nil {
		t.Errorf("after making room: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := syscall.Mount("", disk, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := flatfs.Open(dir); !errors.As(err, &e) || e.Code() != "store-read-only" {
		t.Errorf("open on a read-only disk: %v", err)
	}
}
