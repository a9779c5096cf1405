package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/iprt/iprt/host/node/control"
)

// TestStaging: whatever comes to the place meanwhile stays as it is.
func TestStaging(t *testing.T) {
	write := func(name string) error { return os.WriteFile(name, []byte("new"), 0o600) }
	tree := func(name string) error {
		return errors.Join(os.Mkdir(name, 0o755), os.WriteFile(filepath.Join(name, "a"), []byte("new"), 0o600))
	}
	for name, tc := range map[string]struct {
		make      func(part string) error
		meanwhile func(out string) error // nil: nothing comes
	}{
		"file":                      {write, nil},
		"directory":                 {tree, nil},
		"file before file":          {write, func(out string) error { return os.WriteFile(out, []byte("old"), 0o600) }},
		"file before directory":     {write, func(out string) error { return os.Mkdir(out, 0o755) }},
		"directory before empty":    {tree, func(out string) error { return os.Mkdir(out, 0o755) }},
		"directory before file":     {tree, func(out string) error { return os.WriteFile(out, []byte("old"), 0o600) }},
		"file before dangling":      {write, func(out string) error { return os.Symlink("nowhere", out) }},
		"directory before dangling": {tree, func(out string) error { return os.Symlink("nowhere", out) }},
	} {
		t.Run(name, func(t *testing.T) {
			parent := t.TempDir()
			out := filepath.Join(parent, "out")
			s, err := stage(out)
			if err != nil {
				t.Fatal(err)
			}
			if err := tc.make(s.part()); err != nil {
				t.Fatal(err)
			}
			sweep(parent) // as another process would: this one is alive
			var before fs.FileInfo
			if tc.meanwhile != nil {
				if err := tc.meanwhile(out); err != nil {
					t.Skip("cannot make what is in the way here: ", err)
				}
				if before, err = os.Lstat(out); err != nil {
					t.Fatal(err)
				}
			}
			err = s.commit()
			if e, ok := errors.AsType[*control.Error](err); (tc.meanwhile != nil) != (ok && e.Slug == "file-exists") {
				t.Errorf("commit: %v", err)
			}
			if err := s.close(); err != nil {
				t.Error(err)
			}
			after, err := os.Lstat(out)
			if err != nil || before != nil && (!os.SameFile(before, after) || before.Mode() != after.Mode()) {
				t.Errorf("what was there is gone: %v", err)
			}
			left, err := os.ReadDir(parent)
			if err != nil || len(left) != 1 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}
