//go:build !unix

package plainfile

import "io/fs"

// NoFollow, as a flag of [Open], refuses links. Here links are looked for only
// before a file is opened, which is enough against accidents.
const NoFollow = 1 << 30

// SyncDir does nothing: Windows cannot flush a directory, and NTFS journals
// renames.
func SyncDir(string) error { return nil }

// Owner is unknown: access lists decide, not one user id.
func Owner(fs.FileInfo) (uid int, ok bool) { return 0, false }

func openFlags(flag int) int { return flag &^ NoFollow }
