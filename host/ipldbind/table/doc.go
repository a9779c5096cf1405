// Package table reads and writes token tables: the flat form in which a decoded block crosses between a codec
// module and its host.
//
// Start with [Parse], which checks a table that a module returned and hands out a view of it, and [Build], which
// makes the table that a module encodes. [Table.Root] is the view as a datamodel.Node; [Table.Assemble] copies it into any
// NodeAssembler.
//
// # Trust
//
// A table comes from untrusted code. Parse checks every record before any of it is used, and refuses the whole table at
// the first one that breaks a rule; nothing after Parse can fail on a bound. What Parse accepts is a well-formed IPLD tree
// with UTF-8 strings, unique map keys and complete CIDs, whose size is in proportion to the block it came from.
//
// # Memory
//
// The view aliases the block handed to Parse and a private copy of the table's heap; strings and byte slices taken from
// it point into them. Neither may be changed while a node, string or slice taken from the view is in use. The table itself may be
// guest memory: nothing of it is kept. A node keeps its whole view, and thus the block, reachable.
//
// A Table and its nodes never change after Parse and may be read from many goroutines, unless its owner uses its memory again
// with [Table.Parse].
package table
