package fetch

import "time"

// A Budget bounds one request. A zero field means the value of [Untrusted], a
// negative one no limit.
type Budget struct {
	// Bytes bounds the content of a file. All blocks of a request together,
	// repeats counted each time, may have 512 bytes per permitted block more,
	// for the structure around the content.
	Bytes int64
	// Blocks bounds the blocks visited, repeats counted each time.
	Blocks int
	// Depth bounds the levels of a file's tree. A raw block has one.
	Depth int
	// Idle is the longest wait for one block, from the question to its last
	// byte, over all sources together.
	Idle time.Duration
	// Total is the longest time for the whole request.
	Total time.Duration
	// Tree says that the request goes below the entries of a directory, so
	// that a source which sends ahead sends those as well.
	Tree bool
}

// Untrusted is the budget for content that nobody vouched for: 8 MiB in 64
// blocks, 4 levels deep.
var Untrusted = Budget{Bytes: 8 << 20, Blocks: 64, Depth: 4, Idle: 15 * time.Second, Total: time.Minute}

// Pinned is the budget for content that the operator named: 32 MiB in 256
// blocks, 4 levels deep.
var Pinned = Budget{Bytes: 32 << 20, Blocks: 256, Depth: 4, Idle: 30 * time.Second, Total: 5 * time.Minute}

// Download is for content that a user asked to have on disk and that is never
// held in memory whole: up to 1 TiB, in as long as it takes, so that even a
// small tree that unfolds without end comes to one. Each block must arrive
// within a minute.
var Download = Budget{Bytes: 1 << 40, Blocks: 1 << 24, Depth: 64, Idle: time.Minute, Total: -1, Tree: true}

// structurePerBlock is what a block may weigh beyond the content it carries or
// links: a link of an interior node is about 60 bytes.
const structurePerBlock = 512

// filled returns b with the zero fields set.
func (b Budget) filled() Budget {
	if b.Bytes == 0 {
		b.Bytes = Untrusted.Bytes
	}
	if b.Blocks == 0 {
		b.Blocks = Untrusted.Blocks
	}
	if b.Depth == 0 {
		b.Depth = Untrusted.Depth
	}
	if b.Idle == 0 {
		b.Idle = Untrusted.Idle
	}
	if b.Total == 0 {
		b.Total = Untrusted.Total
	}
	return b
}

// wire returns the limit for all block bytes together, or a negative number.
func (b Budget) wire() int64 {
	if b.Bytes < 0 || b.Blocks < 0 {
		return -1
	}
	return b.Bytes + int64(b.Blocks)*structurePerBlock
}
