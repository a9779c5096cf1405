package node

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/iprt/iprt/host"
	"github.com/iprt/iprt/host/artifact"
	"github.com/iprt/iprt/internal/plainfile"
)

// What a data directory holds besides blocks and policy, and that may be deleted.
const (
	artifactDir    = "artifacts"
	artifactSecret = "artifact.key"
	breakerFile    = "breakers.json"
)

// openArtifacts opens the compile cache, which is a convenience: a node without one
// compiles again, and refuses what is too dear to compile here.
func (n *Node) openArtifacts() host.Artifacts {
	if len(n.cfg.CompileArgs) == 0 {
		return nil
	}
	s, err := artifact.Open(artifact.Config{
		Dir: n.dir.Join(artifactDir), Secret: n.dir.Join(artifactSecret),
		Child: artifact.Child{Args: n.cfg.CompileArgs}, Log: n.log,
	})
	if err != nil {
		n.log.Warn("there is no compile cache", "err", err)
		return nil
	}
	registerArtifacts(n.reg, s)
	return s
}

// breakerStore keeps quarantines in a file of the data directory.
type breakerStore struct{ path string }

var _ host.BreakerStore = breakerStore{}

// maxBreakers bounds the file of quarantines, in bytes.
const maxBreakers = 16 << 20

type breakerDocument struct {
	Version     int               `json:"version"` // 1
	Quarantines []host.Quarantine `json:"quarantines"`
}

// Load implements [host.BreakerStore].
func (s breakerStore) Load() ([]host.Quarantine, error) {
	b, err := plainfile.ReadNoLink(s.path, maxBreakers)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var doc breakerDocument
	if err := json.Unmarshal(b, &doc); err != nil {
		return nil, fmt.Errorf("%s is damaged: %w", s.path, err)
	}
	if doc.Version != 1 {
		return nil, fmt.Errorf("%s has version %d, expected 1", s.path, doc.Version)
	}
	return doc.Quarantines, nil
}

// Save implements [host.BreakerStore].
func (s breakerStore) Save(list []host.Quarantine) error {
	b, err := json.MarshalIndent(breakerDocument{1, list}, "", "  ")
	if err != nil {
		return err
	}
	return plainfile.Replace(s.path, append(b, '\n'), 0o600)
}

// Kept is what a data directory holds that may be deleted at any time.
type Kept struct {
	Artifacts     int               // entries of the compile cache
	ArtifactBytes int64             // what they take
	Quarantines   []host.Quarantine // as the last node left them; some may be over
}

// ReadKept looks at the data directory at path, changes nothing and needs no lock.
func ReadKept(path string) (k Kept, err error) {
	k.Artifacts, k.ArtifactBytes = artifact.Usage(filepath.Join(path, artifactDir))
	k.Quarantines, err = breakerStore{filepath.Join(path, breakerFile)}.Load()
	return k, err
}
