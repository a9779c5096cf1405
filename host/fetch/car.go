package fetch

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"

	"github.com/ipfs/go-cid"
	carv2 "github.com/ipld/go-car/v2"
	"github.com/multiformats/go-varint"

	"github.com/iprt/iprt/internal/plainfile"
)

const (
	maxCARHeader   = 1 << 20 // about 25,000 roots
	maxCARSections = 1 << 20
)

// CAR is a local source over a CAR file, version 1 or 2. An index inside the
// file is not believed: one pass over the file makes a new one, about 200 bytes
// for each block that can be asked for. Hashes are checked when blocks are used.
type CAR struct {
	name  string
	file  *os.File
	data  io.ReaderAt // the CARv1 payload
	roots []cid.Cid
	order []cid.Cid
	where map[string]section // by multihash
}

// section is where a block's bytes are in the payload.
type section struct {
	offset int64
	size   int
}

// OpenCAR reads the table of contents of a CAR file. A file that breaks off or
// is not a CAR is an error of type [*CARError]. Close it after the last use.
func OpenCAR(path string) (*CAR, error) {
	f, err := plainfile.Open(path, os.O_RDONLY, 0) // a pipe would be waited for
	var other *plainfile.Error
	if errors.As(err, &other) {
		err = &CARError{Path: path, Err: err}
	}
	if err != nil {
		return nil, err
	}
	s := &CAR{name: "car " + path, file: f, where: make(map[string]section)}
	if err := s.scan(); err != nil {
		return nil, errors.Join(&CARError{Path: path, Err: err}, f.Close())
	}
	return s, nil
}

// CARError says why a file cannot be used as a CAR.
type CARError struct {
	Path string
	Err  error
}

func (e *CARError) Error() string { return fmt.Sprintf("car %s: %v", e.Path, e.Err) }
func (e *CARError) Unwrap() error { return e.Err }

// Code is "bad-car".
func (e *CARError) Code() string { return "bad-car" }

// Hint says what to do about it.
func (e *CARError) Hint() string {
	return "the file is damaged or is not a CAR; make it again with ipfs dag export, or fetch it from a gateway with ?format=car"
}

// Name implements [Source].
func (s *CAR) Name() string { return s.name }

// Local reports that a CAR file needs no network.
func (s *CAR) Local() bool { return true }

// Session implements [Source].
func (s *CAR) Session(context.Context, cid.Cid, Budget) Getter { return carSession{s} }

// carSession hides Close, so that the end of one request does not close the file.
type carSession struct{ car *CAR }

func (s carSession) Get(ctx context.Context, c cid.Cid) ([]byte, error) { return s.car.Get(ctx, c) }

// Roots are the roots that the header names; there may be none.
func (s *CAR) Roots() []cid.Cid { return s.roots }

// All yields the CIDs of the blocks in the order of the file, without repeats,
// and without those that hold their block themselves or are not accepted.
func (s *CAR) All() iter.Seq[cid.Cid] {
	return func(yield func(cid.Cid) bool) {
		for _, c := range s.order {
			if !yield(c) {
				return
			}
		}
	}
}

// Close closes the file.
func (s *CAR) Close() error { return s.file.Close() }

// Get implements [Getter].
func (s *CAR) Get(_ context.Context, c cid.Cid) ([]byte, error) {
	at, ok := s.where[string(c.Hash())]
	if !ok {
		return nil, ErrNotFound
	}
	b := make([]byte, at.size)
	if _, err := s.data.ReadAt(b, at.offset); err != nil && !(errors.Is(err, io.EOF) && at.size == 0) {
		return nil, err
	}
	return b, nil
}

func (s *CAR) scan() error {
	payload, err := s.payload()
	if err != nil {
		return err
	}
	s.data = payload
	br, err := carv2.NewBlockReader(bufio.NewReaderSize(payload, 1<<16),
		carv2.MaxAllowedHeaderSize(maxCARHeader), carv2.MaxAllowedSectionSize(maxLocalBlock))
	if err != nil {
		return err
	}
	if br.Version != 1 {
		return errors.New("its payload is not a CAR of version 1")
	}
	s.roots = br.Roots
	end, err := headerEnd(payload)
	if err != nil {
		return err
	}
	for n := 0; ; n++ {
		m, err := br.SkipNext()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("block %d: %w", n, err)
		}
		if n == maxCARSections {
			return fmt.Errorf("more than %d blocks", maxCARSections)
		}
		end = s.note(m, end)
	}
	// The reader takes a file that ends right after a length for complete.
	if end != payload.Size() {
		return fmt.Errorf("it breaks off: the last block ends at %d of %d bytes", end, payload.Size())
	}
	return nil
}

// payload finds the blocks: all of a CAR of version 1, a part of a version 2.
func (s *CAR) payload() (*io.SectionReader, error) {
	info, err := s.file.Stat()
	if err != nil {
		return nil, err
	}
	version, err := carv2.ReadVersion(io.NewSectionReader(s.file, 0, info.Size()), carv2.MaxAllowedHeaderSize(maxCARHeader))
	if err != nil {
		return nil, err
	}
	if version == 1 {
		return io.NewSectionReader(s.file, 0, info.Size()), nil
	}
	if version != 2 {
		return nil, fmt.Errorf("version %d; 1 and 2 are supported", version)
	}
	// The reader takes a longer first header for version 2 as well, and readers differ in where they look for the second then.
	pragma := make([]byte, carv2.PragmaSize)
	if _, err := s.file.ReadAt(pragma, 0); err != nil || !bytes.Equal(pragma, carv2.Pragma) {
		return nil, errors.New("it does not start as a CAR of version 2 does")
	}
	var h carv2.Header
	if _, err := h.ReadFrom(io.NewSectionReader(s.file, carv2.PragmaSize, carv2.HeaderSize)); err != nil {
		return nil, err
	}
	size := uint64(info.Size())
	if h.DataOffset > size || h.DataSize > size-h.DataOffset {
		return nil, fmt.Errorf("its header claims a payload of %d bytes at %d in a file of %d", h.DataSize, h.DataOffset, size)
	}
	return io.NewSectionReader(s.file, int64(h.DataOffset), int64(h.DataSize)), nil
}

// headerEnd returns where the first section starts. The reader's own offsets
// assume that the header is encoded as it would do it.
func headerEnd(payload io.ReaderAt) (int64, error) {
	var b [varint.MaxLenUvarint63]byte
	n, err := payload.ReadAt(b[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	size, used, err := varint.FromUvarint(b[:n])
	if err != nil {
		return 0, err
	}
	return int64(used) + int64(size), nil
}

// note records the section at pos and returns where it ends.
func (s *CAR) note(m *carv2.BlockMetadata, pos int64) int64 {
	cidLen := uint64(m.Cid.ByteLen())
	pos += int64(varint.UvarintSize(cidLen+m.Size)) + int64(cidLen)
	// Who has an identity CID has its block already; and nobody can ask for a
	// block by a CID that is not accepted, however long that is.
	if CheckFileCID(m.Cid) != nil {
		return pos + int64(m.Size)
	}
	key := string(m.Cid.Hash())
	if _, ok := s.where[key]; !ok {
		s.where[key] = section{offset: pos, size: int(m.Size)}
		s.order = append(s.order, m.Cid)
	}
	return pos + int64(m.Size)
}
