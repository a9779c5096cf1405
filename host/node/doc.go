// Package node is a whole iprt node in one value: a data directory, a libp2p
// host, a block store with bitswap, a host for modules, and the codecs they
// bring, behind the verbs of the command line.
//
// Start with [Open], which makes a node that works but that nobody sees, and
// [Node.Serve], which opens its doors: the control socket, the trustless
// gateway and the metrics page. A [*Node] implements [control.API]. End it
// with [Node.Close]; nothing that it started outlives that call.
//
// A node contacts nobody it was not told to: there is no bootstrap list, no
// discovery, no relay and no address probing.
package node
