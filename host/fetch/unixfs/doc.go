// Package unixfs reads and writes UnixFS, the way files and directories are
// laid out in blocks.
//
// Write with [Add] and [AddFS], which make the same CIDs as
// `ipfs add --cid-version=1 --raw-leaves`. Read with [List] and [Extract];
// [Resolve] follows a path through directories. [Parse] reads a single block.
//
// Nothing here checks a hash. The [Blocks] that reading starts from does, which
// a fetch session fulfils. Sizes in blocks are claims, and are checked against
// what arrives.
package unixfs
