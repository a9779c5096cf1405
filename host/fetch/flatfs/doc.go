// Package flatfs keeps blocks in files, laid out like the block store of Kubo.
//
// Start with [Open]. A [Store] is a fetch.Store and a fetch.Index; servers of
// boxo, such as bitswap, take [Store.Blockstore].
//
// # Durability
//
// Put returns after the block and its directory entry are on disk, so what was
// acknowledged survives a crash. A block is written to a temporary file and
// renamed, so it is there as a whole or not at all; left-over temporary files
// are removed by the next Open. Nothing needs repair.
//
// # Layout
//
//	DIR/blocks/    go-ds-flatfs, sharded by the next-to-last two characters of the key
//	DIR/locators/  one small file per identity: the CID a file was fetched by
//
// The directories are for one process at a time; taking a lock, and a version
// file beside them, is left to the program.
package flatfs
