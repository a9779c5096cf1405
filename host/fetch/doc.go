// Package fetch turns a CID into verified bytes.
//
// Start with [New], a [Store] and some [Source] values; ask for a whole file
// with [Fetcher.File], for one block with [Fetcher.Block], and for many blocks
// under one budget with [Fetcher.Open].
//
// This package is the only maker of [Verified] values. Whatever a store or a
// source hands over is claimed bytes until its hash has been checked here,
// blocks of the local store included: a block that went bad on disk is
// removed, reported, and fetched again.
//
// # Order
//
// The store is asked first, then local sources one after the other, then all
// network sources at once. The first valid answer wins and the losers are
// cancelled. A wrong answer is never fatal while another source may still
// answer: it is recorded, and a source that goes on lying is left out for the
// rest of the request. Nobody is asked for a CID that holds the bytes itself,
// or that is the hash of no bytes at all.
//
// # Bounds
//
// Every request has a [Budget]. Counts are compared with it before anything
// more is read. Sizes that UnixFS claims may refuse a file early, but never
// let one in: they are compared with what arrived.
//
// # Identity
//
// Every file has one identity, the raw CIDv1 of the sha2-256 of its bytes,
// whatever it was fetched by. A file larger than a block cannot be asked for by
// its identity from the network. Once it was fetched, the store's [Index] knows
// which CID leads from its identity to its blocks, so that it loads by identity
// too, offline as well.
//
// # Errors
//
// Content that was refused is a [*HashError] (somewhere in the chain), a
// [*CIDError], [*ContentError] or [*NotFileError]; content that could not be had
// matches [ErrNotFound]; a limit is a [*BudgetError]. All have a stable Code.
//
// # Sources
//
// [Func] serves blocks built into the program, [Dir] a folder of files named
// by CID, [OpenCAR] a CAR file, [NewGateway] a trustless HTTP gateway.
// Bitswap lives in host/source/bitswap, because it needs libp2p and this
// package does not.
package fetch
